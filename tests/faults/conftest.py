"""What the tests of faults break: a worker host (see tests/workers/hosts.py), and a whole platform of their own."""

from collections.abc import Iterator

import pytest

from tests.faults.broker import Broker
from tests.stack import Api, Stack
from tests.workers.hosts import door, home, host

__all__ = ["door", "home", "host"]
WORDS = [("bad poor", "neg"), ("good fine", "pos")]
ROWS = b"review,stars\n" + b"".join(f"{WORDS[i % 2][0]} item {i},{WORDS[i % 2][1]}\n".encode() for i in range(400))


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    running = Broker().start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def chaos(broker: Broker) -> Iterator[Stack]:
    """A platform of its own, for it is going to be mistreated: two web processes, and a Redis that can be taken away."""
    running = Stack(WEB_CONCURRENCY="2", REDIS_URL=broker.url).start(120)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def api(chaos: Stack) -> Api:
    api = chaos.client("chaos@example.org", "chaos")
    assert api.dataset("reviews", "reviews.csv", ROWS)["state"] == "ready"
    return api
