"""Faults of the platform's own parts, seen through the public API: Redis killed, a web process killed, the database locked."""

import signal
import sqlite3
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.people import People
from tests.stack import Api, Stack
from workers.contract.home import slipway_home

ROWS = b"review,stars\n" + b"".join(f"{'good' if i % 2 else 'bad'} item {i},{'pos' if i % 2 else 'neg'}\n".encode() for i in range(60))


def test_F13_a_held_write_lock_is_waited_for(people: People, transactional_db: Any) -> None:
    """Another process holds SQLite's write lock for ten seconds; nobody is told that the database is locked."""
    from django.db import connection

    if connection.vendor != "sqlite":
        connection.close()
        return
    file = Path(connection.settings_dict["NAME"])
    assert file.parent == slipway_home()
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(10, lambda: holder.execute("COMMIT"))
    begun = time.monotonic()
    release.start()
    answer = people.alice.post("…/datasets", {"name": "waited"})
    assert answer.status == 201, answer.body
    assert 9 < time.monotonic() - begun < 20
    assert people.alice.get("…/datasets/waited").status == 200
    release.join()
    holder.close()


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    api = stack.client("faults@example.org", "faults")
    assert api.dataset("reviews", "reviews.csv", ROWS)["state"] == "ready"
    return api


def process(stack: Stack, words: str) -> psutil.Process:
    assert stack.process
    found = [p for p in psutil.Process(stack.process.pid).children(recursive=True) if words in " ".join(p.cmdline())]
    assert found, words
    return found[0]


def majority(api: Api, name: str, **headers: Any) -> tuple[int, Any]:
    spec = {"recipe": "text-classification/majority", "dataset": "reviews@1", "model_name": name}
    return api.call("POST", "…/jobs", spec, headers=headers)


def test_F6_redis_killed_loses_no_job_and_stops_no_request(stack: Stack, api: Api) -> None:
    process(stack, "valkey").kill()
    begun = time.monotonic()
    made = []
    while time.monotonic() - begun < 2:
        status, job = majority(api, "six")
        assert status == 201, stack.tail(120)
        made.append(job["id"])
        assert api.get("…/jobs?limit=1")["items"]
    for number in made:
        ended = api.wait(f"…/jobs/{number}", {"succeeded", "failed"}, 90)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 1), ended["error"]


def test_F10_a_killed_web_process_costs_only_what_was_in_flight(stack: Stack, api: Api) -> None:
    """The same key sent again after the kill gives the same job, and its log is whole."""
    key = uuid.uuid4().hex
    status, first = majority(api, "ten", **{"Idempotency-Key": key})
    assert status == 201
    process(stack, "uvicorn").send_signal(signal.SIGKILL)
    begun = time.monotonic()
    while not stack.ready():
        assert time.monotonic() - begun < 30
        time.sleep(0.1)
    status, again = majority(api, "ten", **{"Idempotency-Key": key})
    assert (status, again["id"]) == (201, first["id"])
    ended = api.wait(f"…/jobs/{first['id']}", {"succeeded", "failed"}, 90)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1), ended["error"]
    lines = [row["line"] for row in api.get(f"…/jobs/{first['id']}/logs?limit=200")["items"]]
    assert lines == list(range(1, len(lines) + 1))
