"""A worker host for tests: a fake door, a home of its own, and real processes that are gone afterwards."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.fake_door import FakeDoor
from workers import groups
from workers.contract.home import ROOT, runtime_dir
from workers.folder import all_folders


class Host:
    """A toy zygote at the fake door. `wake` does what the Celery task does."""

    def __init__(self, door: FakeDoor, home: Path) -> None:
        self.door, self.home = door, home
        self.start()

    def start(self) -> None:
        env = {
            **os.environ,
            "SLIPWAY_HOME": str(self.home),
            "SLIPWAY_DOOR": self.door.url,
            "SLIPWAY_JOIN_TOKEN": "join",
            "PYTHONPATH": str(ROOT),
        }
        joined = len(self.door.hosts)
        self.process = subprocess.Popen([sys.executable, "-m", "tests.workers.toys"], env=env, cwd=ROOT, start_new_session=True)
        self.door.wait(lambda: len(self.door.hosts) > joined)

    def wake(self, allocation: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(runtime_dir() / "zygote.sock"))
            connection.sendall(json.dumps({"allocation": int(allocation)}).encode() + b"\n")

    def record(self, allocation: str) -> dict[str, str]:
        """The keeper's record of an allocation, once there is one."""
        return self.door.wait(lambda: next((record for _, record in all_folders() if record["allocation"] == allocation), None))

    def child(self, allocation: str) -> int:
        return int(self.record(allocation)["child"].split(":")[1])

    def shepherd(self, allocation: str) -> int:
        return int(self.record(allocation)["shepherd"].split(":")[1])

    def stop(self) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(12)
        self.process.kill()
        self.process.wait()
        for _, record in all_folders():
            for name in (record["shepherd"], record["child"]):
                if groups.alive(name):
                    os.kill(int(name.split(":")[1]), signal.SIGKILL)


def gone(pid: int, seconds: float) -> bool:
    """Whether the process is gone within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not groups.name_of(pid):
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def door(home: Path) -> Iterator[FakeDoor]:
    door = FakeDoor(home / "store")
    yield door
    door.close()


@pytest.fixture
def host(door: FakeDoor, home: Path) -> Iterator[Host]:
    host = Host(door, home)
    yield host
    host.stop()
