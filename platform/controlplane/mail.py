"""Mail leaves through the queue `control`, so that no request waits for a mail server.

A mail may hold a link that signs somebody in, and the broker is read by more than its receiver: what is queued is sealed with a key
derived from the secret key. While the broker is away, or nobody takes what is queued, mail is sent from a thread of this process.
"""

import base64
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import orjson
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from controlplane import dispatch

log = logging.getLogger(__name__)
TASK = "controlplane.mail"
KEPT_SECONDS = 3 * 86_400  # a sealed mail that is older is not sent any more: its links have ended
BACKLOG = 50  # so many unsent messages mean that nobody takes them
TRIES, PAUSE = 3, 5.0  # of a thread that sends by itself
FIELDS = ("subject", "body", "from_email", "to", "cc", "bcc", "reply_to", "extra_headers")


@cache
def _box(secret: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"slipway mail 1").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))


def seal(message: EmailMessage) -> str:
    """The mail as a text that only this installation can read."""
    content: dict[str, Any] = {name: getattr(message, name) for name in FIELDS}
    content["alternatives"] = [list(part) for part in getattr(message, "alternatives", [])]
    return _box(settings.SECRET_KEY).encrypt(orjson.dumps(content, default=str)).decode()


def unseal(sealed: str) -> EmailMultiAlternatives:
    """Raises cryptography's InvalidToken for what was sealed elsewhere or too long ago."""
    content = orjson.loads(_box(settings.SECRET_KEY).decrypt(sealed.encode(), ttl=KEPT_SECONDS))
    parts, headers = content.pop("alternatives"), content.pop("extra_headers")
    message = EmailMultiAlternatives(**content, headers=headers)
    for text, kind in parts:
        message.attach_alternative(text, kind)
    return message


def deliver(messages: Sequence[EmailMessage]) -> int:
    """Hands mail to the mail server, now."""
    return get_connection(settings.MAIL_DELIVERY).send_messages(list(messages)) or 0


class Queued(BaseEmailBackend):
    """The installation's mail backend."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """The number of mails that are on their way; none of them has arrived."""
        for message in email_messages:
            if message.attachments or dispatch.backlog() > BACKLOG or not dispatch.task(TASK, seal(message)):
                threading.Thread(target=_insist, args=(lambda mail=message: deliver([mail]),), name="mail").start()
        return len(email_messages)


def _insist(send: Callable[[], Any]) -> None:
    """Tries a few times; then the log says so and nothing else fails, as with a letter that got lost."""
    for attempt in range(1, TRIES + 1):
        try:
            send()
            return
        except Exception as error:
            log.warning("mail was not sent, try %s of %s: %s", attempt, TRIES, error)
            time.sleep(PAUSE * attempt if attempt < TRIES else 0)
