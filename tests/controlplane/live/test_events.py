"""What a socket sends: every event in order, old ones first, nothing missing and nothing twice."""

import threading
import time

from controlplane.workspaces.revocation import client

from tests.controlplane.live.conftest import Watched, frames, texts


def test_old_events_come_first_then_the_new_ones_as_they_happen(watched: Watched) -> None:
    watched.say("one", "two")
    with watched.watch() as socket:
        first = frames(socket, watched.cursor)
        assert texts(first) == ["one", "two"]
        watched.say("three")
        assert texts(frames(socket, 1)) == ["three"]
    assert set(first[-1]) == {"cursor", "type", "time", "attempt", "data"}
    assert [frame["cursor"] for frame in first] == list(range(1, len(first) + 1))


def test_the_doorbell_brings_news_at_once(watched: Watched) -> None:
    with watched.watch(after=watched.cursor) as socket:
        time.sleep(0.3)
        delays = []
        for number in range(5):
            time.sleep(0.2)
            began = time.monotonic()
            watched.say(f"line {number}")
            frames(socket, 1)
            delays.append(time.monotonic() - began)
    assert sorted(delays)[2] < 0.5, delays


def test_a_client_goes_on_from_its_last_cursor(watched: Watched) -> None:
    start = watched.cursor
    watched.say(*[f"line {n}" for n in range(1, 31)])
    seen: list[dict[str, object]] = []
    for count in (7, 11, 12):
        with watched.watch(after=seen[-1]["cursor"] if seen else start) as socket:
            seen += frames(socket, count)
    assert texts(seen) == [f"line {n}" for n in range(1, 31)]  # type: ignore[arg-type]


def test_many_lines_arrive_whole_while_they_are_written(watched: Watched) -> None:
    start, total = watched.cursor, 6000

    def write() -> None:
        from django.db import connection

        for first in range(0, total, 200):
            watched.say(*[f"{n}" for n in range(first, first + 200)])
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    with watched.watch(after=start) as fast, watched.watch(after=start) as other:
        found = frames(fast, total, 30)
        again = frames(other, total, 30)
    writer.join()
    assert texts(found) == texts(again) == [str(n) for n in range(total)]
    assert [frame["cursor"] for frame in found] == list(range(start + 1, start + total + 1))


def test_without_redis_the_news_still_come(watched: Watched, monkeypatch: object) -> None:
    from controlplane.jobs import doorbell

    monkeypatch.setattr(doorbell, "_send", lambda message: None)  # type: ignore[attr-defined]
    with watched.watch(after=watched.cursor) as socket:
        watched.say("found by looking")
        assert texts(frames(socket, 1, 5)) == ["found by looking"]


def test_the_workers_are_told_that_somebody_watches(watched: Watched) -> None:
    key = f"watch:job.{watched.job.pk}"
    with watched.watch() as socket:
        frames(socket, 1)
        time.sleep(0.3)
        assert client().exists(key)
        assert 0 < client().ttl(key) <= 5


def test_I57_a_cursor_out_of_range_is_clamped_and_said(watched: Watched) -> None:
    watched.say("one")
    newest = watched.cursor
    with watched.watch(after=-1) as socket:
        notice, first = frames(socket, 2)
        assert (notice["type"], notice["data"]["code"], first["cursor"]) == ("notice", "cursor_clamped", 1)
    with watched.watch(after=10**18) as socket:
        notice = frames(socket, 1)[0]
        assert (notice["data"]["code"], notice["cursor"]) == ("cursor_clamped", newest)
        watched.say("two")
        assert texts(frames(socket, 1)) == ["two"]
