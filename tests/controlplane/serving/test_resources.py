"""What an endpoint used over long ranges, what its replicas use of their hosts, and revisions whose replicas keep ending."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from controlplane.gateway.meter import Counts, write
from controlplane.jobs.models import Allocation, Worker
from controlplane.jobs.scheduler import schedule
from controlplane.serving.models import Endpoint, Replica, ReplicaMinute, Revision, UsageHour
from controlplane.serving.resources import KEPT_MINUTES

from tests.controlplane.jobs.conftest import Host, place
from tests.controlplane.serving.conftest import Plane, error
from tests.people import People
from workers.contract.names import GiB

PAGE = "/w/acme/endpoints/mood"


def used(people: People, start: datetime, step: int, end: datetime | None = None) -> Any:
    until = f"&to={end.isoformat().replace('+00:00', 'Z')}" if end else ""
    answer = people.alice.get(f"…/endpoints/mood/usage?from={start.isoformat().replace('+00:00', 'Z')}&step={step}{until}")
    assert answer.status == 200, answer.body
    return answer.body


@pytest.fixture
def mood(plane: Plane, people: People) -> Plane:
    plane.model()
    assert people.charlie.post("…/endpoints", {"name": "mood", "model": "clf@1"}).status == 201
    return plane


def test_hours_say_what_their_minutes_say(mood: Plane, people: People) -> None:
    endpoint, dice = Endpoint.objects.get().pk, random.Random(7)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    last = int(now.timestamp()) // 60
    for minute in dice.sample(range(last - 3 * 1440, last + 1), 300):
        counts = Counts(requests=dice.randint(1, 9), errors=1, input_tokens=5)
        counts.latency[dice.randint(40, 90)] += counts.requests
        write({(endpoint, dice.randint(1, 2), minute): counts})
    assert 0 < UsageHour.objects.count() < 300
    start, end = now - timedelta(hours=49, minutes=17), now - timedelta(minutes=23)
    by_minutes, by_hours = used(people, start, 1800, end), used(people, start, 3600, end)
    assert by_hours["total"] == by_minutes["total"]
    assert by_hours["total"]["requests"] > 0
    assert [row["requests"] for row in by_hours["revisions"]] == [row["requests"] for row in by_minutes["revisions"]]
    assert sum(point["requests"] for point in by_hours["over_time"]) == by_hours["total"]["requests"]


def test_a_replica_says_what_it_uses(mood: Plane, people: People) -> None:
    host = Host().join()
    replica = mood.starting()[0]
    schedule()
    assert replica.job is not None
    allocation = place(replica.job)
    _status, claimed = host.claim(allocation)
    for cpu in (0.5, 0.9):  # the second falls into the same minute
        assert host.attempt(allocation, claimed["token"], "heartbeat", {"rss": 400_000_000, "seq": 1, "cpu": cpu})[0] == 200
    assert ReplicaMinute.objects.count() in (1, 2), "a new minute may have begun between both"
    hour = datetime.now(UTC) - timedelta(hours=1)
    point = used(people, hour, 60)["resources"][0]
    assert (point["replicas"], point["cpu_percent"], point["memory_bytes"]) == (1, 50, 400_000_000)
    assert point["memory_limit_bytes"] > 768 * 1024**2
    assert point["gpu_percent"] is None
    assert host.attempt(allocation, claimed["token"], "heartbeat", {"rss": 1, "seq": 1, "cpu": -1})[0] == 422
    assert host.attempt(allocation, claimed["token"], "heartbeat", {"rss": 1, "seq": 1})[0] == 200, "of an older release"


def test_a_replica_on_a_graphics_device_shows_that_device(mood: Plane, people: People) -> None:
    host = Host().join()
    schedule()
    replica = mood.starting()[0]
    assert replica.job is not None
    allocation = place(replica.job)
    _status, claimed = host.claim(allocation)
    told = {"devices": {"cuda:0": {"use": 0.63, "memory_used": 17 * GiB, "celsius": 70}}}
    Worker.objects.update(devices=[{"id": "cuda:0", "kind": "cuda", "name": "A100", "memory_bytes": 24 * GiB}])
    Allocation.objects.update(device="cuda:0")
    host.post("workers/heartbeat", {"load": told, "running": []}, host.token)
    host.attempt(allocation, claimed["token"], "heartbeat", {"rss": 5, "seq": 1, "cpu": 0.1})
    point = used(people, datetime.now(UTC) - timedelta(hours=1), 60)["resources"][0]
    assert (point["gpu_percent"], point["gpu_memory_bytes"], point["gpu_memory_total_bytes"]) == (63, 17 * GiB, 24 * GiB)


def test_long_ranges_look_at_some_minutes_and_old_ones_go(mood: Plane, people: People) -> None:
    endpoint = Endpoint.objects.get()
    last = int(datetime.now(UTC).timestamp()) // 60 // 60 * 60  # a whole hour
    rows = [ReplicaMinute(endpoint=endpoint, replica="r1", minute=minute, cpu=0.25) for minute in range(last - 600, last)]
    ReplicaMinute.objects.bulk_create([*rows, ReplicaMinute(endpoint=endpoint, replica="r1", minute=last - KEPT_MINUTES - 60, cpu=1)])
    points = used(people, datetime.fromtimestamp((last - 600) * 60, UTC), 7200)["resources"]
    assert {point["cpu_percent"] for point in points} == {25}
    assert len(points) in (5, 6)


def test_a_revision_whose_replicas_keep_ending_says_so(mood: Plane, people: People) -> None:
    mood.ready()
    row = Revision.objects.get()
    assert row.live_at is not None
    mood.end(mood_replica(), error("crashed", "signal 11"))
    shown = people.alice.get("…/endpoints/mood").body["revisions"][0]
    assert (shown["state"], shown["error"]["message"], shown["created_by"]) == ("degraded", "signal 11", "charlie@example.org")
    for _ in range(2):
        mood.later()
        mood.ready()
        assert people.alice.get("…/endpoints/mood").body["revisions"][0]["state"] == "ready"
        mood.end(mood_replica(), error("crashed", "signal 11"))
    assert people.alice.get("…/endpoints/mood").body["revisions"][0]["state"] == "failed"
    text = people.alice.in_browser().http.get(f"{PAGE}/revisions").content.decode()
    line = text.split('id="r-1"')[1].split("</tr>")[0]
    assert "Failed" in line
    assert "signal 11" in line
    assert "Ended 3 times in a row" in line
    assert ">Ready<" not in line.replace("</svg>", ">")
    assert "Variant" not in text
    assert "Its replicas keep ending" in text
    assert 'href="/w/acme/endpoints/mood/logs">' in text.split("Its replicas keep ending")[1].split("</div>")[0]


def mood_replica() -> Any:
    return Replica.objects.filter(state="ready").latest("created_at")
