"""The number of replicas follows the load between min and max: up at once, down after a quiet minute."""

import time

import orjson
import pytest
from controlplane import dispatch
from controlplane.serving import scaling, services
from controlplane.serving.models import Endpoint

from tests.controlplane.serving.conftest import Plane


@pytest.fixture
def endpoint(plane: Plane) -> Endpoint:
    dispatch.client().delete(scaling.BUSY)
    made = services.deploy(
        workspace=plane.people.alice.workspace,
        user=None,
        name="mood",
        model_version=plane.model()[0],
        replicas={"min": 1, "max": 3},
    )
    plane.ready()
    return made


def say(endpoint: Endpoint, busy: int, process: str = "p", ago: float = 0) -> None:
    dispatch.client().hset(scaling.BUSY, process, orjson.dumps({"time": time.time() - ago, "busy": {str(endpoint.pk): busy}}))


def test_up_at_once_and_never_above_max(plane: Plane, endpoint: Endpoint) -> None:
    say(endpoint, 9)
    say(endpoint, 3, "q")
    services.tick()
    assert len(plane.starting()) == 1
    plane.ready()
    say(endpoint, 500)
    services.tick()
    plane.ready()
    assert plane.live() == {1: 3}
    assert plane.tick().state == "ready"


def test_down_after_a_quiet_minute(plane: Plane, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    say(endpoint, 20)
    services.tick()
    plane.ready()
    assert plane.live() == {1: 3}
    say(endpoint, 1)
    services.tick()
    assert plane.live() == {1: 3}
    monkeypatch.setattr(scaling, "QUIET_SECONDS", 0.0)
    services.tick()
    assert plane.live() == {1: 1}


def test_what_is_old_does_not_count(plane: Plane, endpoint: Endpoint) -> None:
    say(endpoint, 500, ago=30)
    services.tick()
    assert plane.starting() == []
