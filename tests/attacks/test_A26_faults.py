"""A26: an answer of 500 tells nothing, and its traceback in the log holds no secret."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from controlplane.data import services as data
from controlplane.logs import Redact

from tests.people import People

PLANTED = {"password": "canary-password-71", "secret": "canary-secret-72", "signature": "canary-signature-73"}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the installation's own handler would write: the same filter, another stream."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Redact())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def test_A26_a_fault_tells_nobody_what_it_held(people: People, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    said = " ".join(f"{name}={value}" for name, value in PLANTED.items())
    said += f" Authorization: Bearer {people.alice.token} redis://:canary-redis-74@host /files/canary-link-aaaaaaaaaaaa"

    def broken(**_: Any) -> Any:
        raise RuntimeError(said)

    monkeypatch.setattr(data, "create_dataset", broken)
    answer = people.alice.post("…/datasets", {"name": "x"})
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "RuntimeError" in log.getvalue(), "the log has the fault"
    assert answer.body["request_id"] in log.getvalue()
    for value in (*PLANTED.values(), people.alice.token, "canary-redis-74", "canary-link"):
        assert value not in str(answer.body)
        assert value not in log.getvalue(), value
