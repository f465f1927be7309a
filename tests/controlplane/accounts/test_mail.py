"""Mail leaves through the queue `control`: sealed on its way, sent by the consumer, and by a thread while nobody takes it."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from controlplane import dispatch, tasks
from controlplane.mail import BACKLOG, seal, unseal
from cryptography.fernet import InvalidToken
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from tests.people import People


@pytest.fixture
def queued(transactional_db: Any, settings: Any, valkey: Any) -> Iterator[None]:
    """Mail as an installation sends it, with an outbox in place of the mail server."""
    settings.EMAIL_BACKEND = "controlplane.mail.Queued"
    settings.MAIL_DELIVERY = "django.core.mail.backends.locmem.EmailBackend"
    dispatch.client().delete(dispatch.QUEUE)
    yield
    dispatch.client().delete(dispatch.QUEUE)


def until(true: Callable[[], object], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(true())


def forget_password() -> None:
    assert Client().post("/accounts/password/reset/", {"email": "alice@example.org"}).status_code == 302


def test_A26_a_reset_link_lies_sealed_in_the_broker_until_the_consumer_sends_it(queued: None, people: People) -> None:
    forget_password()
    assert mail.outbox == []
    (message,) = dispatch.client().lrange(dispatch.QUEUE, 0, -1)  # type: ignore[misc]
    text = message.decode()
    assert "alice" not in text
    assert "password/reset" not in text
    with start_worker(tasks.app, pool="solo", perform_ping_check=False, queues=[dispatch.QUEUE]):
        assert until(lambda: mail.outbox)
    assert mail.outbox[0].to == ["alice@example.org"]
    assert re.search(r"/accounts/password/reset/key/\S+", mail.outbox[0].body)


def test_mail_goes_out_while_the_broker_is_away(queued: None, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "task", lambda *_: False)
    forget_password()
    assert until(lambda: mail.outbox)
    assert mail.outbox[0].to == ["alice@example.org"]


def test_mail_goes_out_when_nobody_takes_what_is_queued(queued: None, people: People) -> None:
    dispatch.client().rpush(dispatch.QUEUE, *["{}"] * (BACKLOG + 1))
    forget_password()
    assert until(lambda: mail.outbox)
    assert dispatch.backlog() == BACKLOG + 1


def test_a_seal_keeps_the_whole_mail_and_opens_nowhere_else(settings: Any) -> None:
    letter = EmailMultiAlternatives("你好", "text", "a@example.org", ["b@example.org"], headers={"X-Kind": "test"})
    letter.attach_alternative("<p>text</p>", "text/html")
    sealed = seal(letter)
    opened = unseal(sealed)
    assert (opened.subject, opened.body, opened.to, opened.extra_headers) == ("你好", "text", ["b@example.org"], {"X-Kind": "test"})
    assert [tuple(part) for part in opened.alternatives] == [("<p>text</p>", "text/html")]
    settings.SECRET_KEY = "of another installation " * 3
    with pytest.raises(InvalidToken):
        unseal(sealed)
