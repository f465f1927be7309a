"""Which replica answers: shares of the traffic, pins, lost and late replicas, clients that go away."""

import socket
import threading
import time
from collections import Counter
from typing import Any

from controlplane.gateway.app import application
from controlplane.serving.models import Endpoint, Revision
from controlplane.serving.models import Replica as Row
from controlplane.serving.routes import announce

from tests.controlplane.gateway.door import Door


def test_traffic_is_split_as_asked(field: Any, door: Door) -> None:
    endpoint = field.endpoint()
    Revision.objects.update(traffic=75)
    field.revision(endpoint, traffic=25, label="new")
    seen = Counter(door.predict("x").headers["x-revision"] for _ in range(40))
    assert seen == {"1": 30, "2": 10}


def test_a_pin_reaches_a_revision_without_traffic(field: Any, door: Door) -> None:
    endpoint = field.endpoint()
    field.revision(endpoint, traffic=0, label="new")
    assert door.predict("x", X_Revision="2").json[0][0]["label"] == "new"
    assert door.predict("x").headers["x-revision"] == "1"
    assert door.predict("x", X_Revision="9").code == "revision_not_ready"
    assert door.predict("x", X_Revision="new").status == 422


def test_F21_a_lost_replica_costs_no_request(field: Any, door: Door) -> None:
    field.endpoint(replicas=2)
    door.predict("warm")
    failures: list[int] = []

    def ask() -> None:
        for _ in range(40):
            if (status := door.predict("slow:0.01").status) != 200:
                failures.append(status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    field.replicas[0].kill()
    for thread in threads:
        thread.join()
    assert failures == []


def test_F21_one_replica_alone_is_503_until_it_is_back(field: Any, door: Door) -> None:
    field.endpoint()
    assert door.predict("x").status == 200
    field.replicas[0].kill()
    answer = door.predict("x")
    assert (answer.status, answer.code) == (503, "replica_lost")
    assert "retry-after" in answer.headers
    field.replicas[0].up()
    assert door.predict("x").status == 200


def test_a_request_that_kills_replicas_is_tried_twice_only(field: Any, door: Door) -> None:
    field.endpoint(replicas=3)
    assert door.predict("die").status == 503
    assert sum(len(replica.seen) for replica in field.replicas) == 2


def test_F23_a_request_to_a_drained_replica_goes_to_the_new_revision(field: Any, door: Door) -> None:
    endpoint = field.endpoint()
    assert door.predict("x").status == 200
    state = application._state
    assert state is not None
    client, state.client = state.client, None  # changes are not heard of
    field.revision(endpoint, traffic=100, label="new")
    Revision.objects.filter(revision=1).update(traffic=0, state="draining")
    Row.objects.filter(revision__revision=1).update(state="draining")
    field.replicas[0].kill()
    assert door.predict("x").json[0][0]["label"] == "new"
    state.client = client


def test_F24_a_silent_replica_is_504_at_the_deadline_and_the_breaker_opens(field: Any, door: Door) -> None:
    field.endpoint(limits={"deadline_seconds": 0.5})
    door.predict("warm")
    field.replicas[0].silent = True
    times = []
    for _ in range(5):
        began = time.perf_counter()
        answer = door.predict("x")
        times.append(time.perf_counter() - began)
        assert (answer.status, answer.code) == (504, "deadline_exceeded")
    assert min(times) < 0.7
    end = time.monotonic() + 2
    while len(field.replicas[0].cancelled) < 5 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(field.replicas[0].cancelled) == 5
    began = time.perf_counter()
    assert door.predict("x").status == 503
    assert time.perf_counter() - began < 0.4
    field.replicas[0].silent = False
    end = time.monotonic() + 8
    while door.predict("x").status != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_F24_a_slow_line_is_waited_for_until_the_deadline_and_no_longer(field: Any, door: Door) -> None:
    field.endpoint("patient", limits={"deadline_seconds": 4})
    field.endpoint("hasty", limits={"deadline_seconds": 1})
    for replica in field.replicas:
        replica.lag = 2.0
    for name, status, least, most in (("patient", 200, 2.0, 3.0), ("hasty", 504, 1.0, 1.2)):
        times = []
        for _ in range(2):
            began = time.perf_counter()
            assert door.predict("x", f"acme/{name}").status == status
            times.append(time.perf_counter() - began)
        assert least <= min(times) < most, name


def test_F24_a_line_that_is_reset_at_one_request_in_ten_costs_none(field: Any, door: Door) -> None:
    """What was on its way there is sent to the other replica; the line is opened anew, and the replica keeps its share of the work."""
    field.endpoint(replicas=2)
    shaky, steady = field.replicas
    shaky.resets = 10
    found: Counter[int] = Counter()

    def ask() -> None:
        for _ in range(50):
            found[door.predict("x").status] += 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {200: 200}
    assert len(shaky.seen) >= 50
    assert len(steady.seen) >= 50


def test_B19_a_client_that_goes_away_ends_the_work(field: Any, door: Door) -> None:
    field.endpoint()
    door.predict("warm")
    with socket.create_connection(("127.0.0.1", door.server.port)) as raw:
        body = b'{"inputs": "slow:5"}'
        head = f"POST /v1/endpoints/acme/mood HTTP/1.1\r\nHost: {door.server.host}\r\nAuthorization: Bearer {door.token}\r\n"
        raw.sendall(head.encode() + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.3)
    end = time.monotonic() + 2
    while not field.replicas[0].cancelled:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_B19_a_stream_that_is_not_read_on_is_cancelled(field: Any, door: Door) -> None:
    field.endpoint("poet", "text-generation")
    with socket.create_connection(("127.0.0.1", door.server.port)) as raw:
        body = b'{"model": "acme/poet", "prompt": "' + b"wait " * 40 + b'", "stream": true}'
        head = f"POST /v1/completions HTTP/1.1\r\nHost: {door.server.host}\r\nAuthorization: Bearer {door.token}\r\n"
        raw.sendall(head.encode() + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert b"200 OK" in raw.recv(4096)
    end = time.monotonic() + 2
    while not field.replicas[0].cancelled:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_changed_endpoint_is_heard_of_at_once(field: Any, door: Door) -> None:
    endpoint = field.endpoint()
    assert door.predict("x").headers["x-revision"] == "1"
    time.sleep(0.3)
    field.revision(endpoint, traffic=100, label="new")
    Revision.objects.filter(revision=1).update(traffic=0)
    announce(endpoint)
    time.sleep(0.2)
    assert door.predict("x").headers["x-revision"] == "2"
    Endpoint.objects.all().delete()
    announce(endpoint)
    time.sleep(0.2)
    assert door.predict("x").status == 404


def test_F23_a_stream_on_its_way_is_not_cut_when_its_revision_drains(field: Any, door: Door) -> None:
    endpoint = field.endpoint("poet", "text-generation")
    answers: list[Any] = []
    body = {"model": "acme/poet", "prompt": "wait " * 6, "stream": True}
    thread = threading.Thread(target=lambda: answers.append(door.call("POST", "/v1/completions", body)))
    thread.start()
    time.sleep(0.5)
    field.revision(endpoint, traffic=100)
    Revision.objects.filter(revision=1).update(traffic=0, state="draining")
    Row.objects.filter(revision__revision=1).update(state="draining")
    announce(endpoint)
    assert door.call("POST", "/v1/completions", {**body, "prompt": "new"}).headers["x-revision"] == "2"
    thread.join()
    assert answers[0].headers["x-revision"] == "1"
    assert "".join(event["choices"][0]["text"] for event in answers[0].events[:-1]) == "wait" * 6
