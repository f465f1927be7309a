"""Faults of the platform's own parts, seen through the public API: Redis away, full, silent; a web process killed; a held lock."""

import http.client
import json
import os
import signal
import sqlite3
import threading
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from controlplane.workspaces import revocation

from tests.controlplane.gateway.door import Door
from tests.faults.broker import Broker
from tests.faults.conftest import ROWS
from tests.faults.watching import Watcher
from tests.people import People
from tests.server import Server
from tests.stack import Api, Stack
from workers.contract.home import slipway_home

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]
LONG = {
    "early_stopping_patience": 0,
    "batch_size": 4,
    "hidden_size": 64,
    "layers": 1,
    "max_length": 32,
    "epochs": 1000,
}  # longer than any test on any machine; ended by the test


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


def majority(api: Api, name: str, **headers: Any) -> tuple[int, Any]:
    spec = {"recipe": "text-classification/majority", "dataset": "reviews@1", "model_name": name}
    return api.call("POST", "…/jobs", spec, headers=headers)


def long_job(api: Api) -> str:
    """A training that tells something ten times a second, until it is cancelled."""
    return str(
        api.post("…/jobs", {"kind": "train", "recipe": "text-classification/finetune", "dataset": "reviews@1", "params": LONG})["id"]
    )


def cancel(api: Api, job: str) -> None:
    api.post(f"…/jobs/{job}/cancel", {"keep": False})
    assert api.wait(f"…/jobs/{job}", {"cancelled", "failed", "succeeded"}, 60)["state"] == "cancelled"


class Using:
    """A person at work while something is broken: each turn makes a job, now and then a dataset version, and reads."""

    def __init__(self, api: Api, name: str) -> None:
        self.api, self.name = api, name
        self.jobs: list[str] = []
        self.versions: list[int] = []
        self.slowest = 0.0

    def turn(self, *, upload: bool = False) -> None:
        status, job = self._timed(lambda: majority(self.api, self.name))
        assert status == 201, job
        self.jobs.append(job["id"])
        assert self._timed(lambda: self.api.get("…/jobs?limit=1"))["items"]
        if upload:
            status, version = self._timed(lambda: self.api.send_file("reviews", "more.csv", ROWS))
            assert status in (200, 202), version
            self.versions.append(version["version"])

    def _timed(self, call: Any) -> Any:
        begun = time.monotonic()
        try:
            return call()
        finally:
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def all_done_once(self, seconds: float) -> None:
        """Every version is ready, every job has succeeded at its first attempt."""
        end = time.monotonic() + seconds
        for number in self.versions:
            done = self.api.wait(f"…/datasets/reviews/versions/{number}", {"ready", "failed"}, end - time.monotonic())
            assert done["state"] == "ready", done["error"]
        for number in self.jobs:
            done = self.api.wait(f"…/jobs/{number}", {"succeeded", "failed"}, max(1, end - time.monotonic()))
            assert (done["state"], done["attempt"]) == ("succeeded", 1), done["error"]


def test_F6_redis_killed_and_away_for_half_a_minute(chaos: Stack, api: Api, broker: Broker) -> None:
    job, using = long_job(api), Using(api, "six")
    with Watcher(api, job) as watcher:
        watcher.reaches(50, 60)
        broker.kill()
        begun = time.monotonic()
        while time.monotonic() - begun < 30:
            using.turn(upload=len(using.jobs) in (1, 3))
            time.sleep(4)
        broker.start()
        late = watcher.reaches(watcher.cursor, 10)
        cancel(api, job)
        begun = time.monotonic()
        using.all_done_once(90)
        print(f"slowest answer {using.slowest:.2f} s; live again after {late:.2f} s; all done {time.monotonic() - begun:.1f} s later")
    assert watcher.missed_nothing()
    assert using.slowest < 2


def test_F8_redis_full_takes_no_hint_and_stops_nobody(chaos: Stack, api: Api, broker: Broker) -> None:
    using = Using(api, "eight")
    broker.say("CONFIG", "SET", "maxmemory", "1")
    for _ in range(3):
        using.turn(upload=True)
    status, answer = api.call("GET", "/ready")
    assert (status, answer["checks"]["redis"]) == (503, "degraded: broker full")
    broker.say("CONFIG", "SET", "maxmemory", "0")
    begun = time.monotonic()
    using.all_done_once(40)
    print(f"slowest answer {using.slowest:.2f} s; all done {time.monotonic() - begun:.1f} s after there was room")
    assert chaos.ready()


def test_F9_a_line_to_redis_that_falls_silent_is_given_up(chaos: Stack, api: Api, broker: Broker) -> None:
    """No reset, no answer: the old lines stay silent for ever, new ones work after eight seconds."""
    job, using = long_job(api), Using(api, "nine")
    with Watcher(api, job) as watcher:
        watcher.reaches(20, 60)
        broker.relay.freeze()
        begun = time.monotonic()
        while time.monotonic() - begun < 8:
            using.turn(upload=not using.versions)
            time.sleep(0.7)
        broker.relay.thaw()
        live = watcher.reaches(watcher.cursor, 10)
        api.wait(f"…/datasets/reviews/versions/{using.versions[0]}", {"ready"}, 45 - (time.monotonic() - begun))
        prepared = time.monotonic() - begun
        time.sleep(max(0, 12 - prepared))
        pauses = watcher.pauses(8, over=1.5)
        print(f"slowest answer {using.slowest:.2f} s; live after {live:.2f} s, then {pauses} pauses; prepared {prepared:.1f} s")
        cancel(api, job)
        using.all_done_once(90)
    assert watcher.missed_nothing()
    assert pauses < 3  # the doorbell rings again; a reader that only looks, which it does every two seconds, pauses four times
    assert using.slowest < 3


def test_F9_the_gateway_gives_up_a_silent_line_to_redis(
    people: People, transactional_db: Any, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would never again be told of a revoked key. The server counts who hears: the silent line, then the new one too."""
    monkeypatch.setenv("REDIS_URL", broker.url)

    def hear() -> int:
        return int(broker.say("PUBLISH", revocation.CHANNEL, "{}").removeprefix(b":"))

    def wait(count: int) -> None:
        begun = time.monotonic()
        while hear() != count:
            assert time.monotonic() - begun < 10, hear()
            time.sleep(0.1)

    before = hear()
    with Server() as server:
        assert Door(server, people.alice.token).call("GET", "/v1/models").status == 200
        wait(before + 1)
        broker.relay.freeze()
        broker.relay.thaw()
        wait(before + 2)


class Caller(threading.Thread):
    """Makes datasets without a pause on one line, each under a key of its own; what breaks is sent again under the same key."""

    def __init__(self, api: Api, number: int) -> None:
        super().__init__(daemon=True)
        self.api, self.number = api, number
        self.made: list[str] = []
        self.broken = 0
        self.wrong: list[Any] = []
        self.done = threading.Event()
        self.port = 0

    def run(self) -> None:
        line = self._line()
        while not self.done.is_set():
            name, key = f"ten-{self.number}-{len(self.made)}", uuid.uuid4().hex
            while True:
                try:
                    status, answer = self._post(line, name, key)
                except (OSError, http.client.HTTPException):
                    self.broken, line = self.broken + 1, self._line()
                    continue
                if answer.get("code") != "idempotency_running":
                    break
                time.sleep(0.5)
            self.made.append(name)
            if status != 201 or answer["name"] != name:
                self.wrong.append((status, answer))
            time.sleep(0.02)

    def _line(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.api.base.removeprefix("http://"), timeout=30)

    def _post(self, line: http.client.HTTPConnection, name: str, key: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.api.token}", "Content-Type": "application/json", "Idempotency-Key": key}
        line.request("POST", f"/api/v1/workspaces/{self.api.workspace}/datasets", json.dumps({"name": name}), headers)
        self.port = line.sock.getsockname()[1]
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())


def other_end(chaos: Stack, port: int) -> int:
    """The web process that holds the other end of a socket of ours."""
    assert chaos.process
    for process in psutil.Process(chaos.process.pid).children(recursive=True):
        if any(c.raddr and c.raddr.port == port and c.laddr.port == chaos.port for c in process.net_connections("tcp")):
            return int(process.pid)
    raise AssertionError("nobody holds it")


def test_F10_a_killed_web_process_costs_only_what_was_in_flight(chaos: Stack, api: Api) -> None:
    job = long_job(api)
    callers = [Caller(api, number) for number in range(4)]
    with ExitStack() as all_of_them:
        for caller in callers:
            caller.start()
        time.sleep(1)
        victim = other_end(chaos, callers[0].port)
        watchers: list[Watcher] = []
        while len(watchers) < 4 or victim not in {other_end(chaos, watcher.port) for watcher in watchers}:
            watchers.append(all_of_them.enter_context(Watcher(api, job)))
            watchers[-1].reaches(20, 60)
        os.kill(victim, signal.SIGKILL)
        killed_at = max(watcher.cursor for watcher in watchers)
        for watcher in watchers:
            watcher.reaches(killed_at, 10)
        time.sleep(3)
        for caller in callers:
            caller.done.set()
            caller.join(30)
        cancel(api, job)
    gaps = [gap for watcher in watchers for gap in watcher.gaps]
    broken, made = sum(caller.broken for caller in callers), [name for caller in callers for name in caller.made]
    print(f"{len(gaps)} sockets back after {max(gaps, default=0):.2f} s at most; {broken} of {len(made)} requests broke")
    assert gaps
    assert max(gaps) <= 3
    assert all(watcher.missed_nothing() for watcher in watchers)
    assert [caller.wrong for caller in callers] == [[], [], [], []]
    assert 1 <= broken <= len(callers)
    assert len(made) > 50


def test_F10_a_killed_supervisor_of_the_web_is_replaced_with_all_it_had(chaos: Stack, api: Api) -> None:
    """Its processes would hold the port against the next one."""
    assert chaos.process
    (web,) = [p for p in psutil.Process(chaos.process.pid).children() if "uvicorn" in " ".join(p.cmdline())]
    under = web.children(recursive=True)
    assert len(under) >= 2
    web.kill()
    begun = time.monotonic()
    psutil.wait_procs(under, timeout=10)
    while not chaos.ready():
        assert time.monotonic() - begun < 30, chaos.tail()
        time.sleep(0.1)
    assert not [process for process in under if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert api.get("…/datasets/reviews")["name"] == "reviews"
