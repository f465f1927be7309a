"""Faults on a worker host, each with the outcome that is promised."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.workers.fake_door import FakeDoor
from tests.workers.hosts import Host, gone
from tests.workers.toys import order_of
from workers import groups


def running(host: Host, door: FakeDoor, **params: object) -> tuple[int, int]:
    """A job under way: (child, shepherd)."""
    door.grant("1", order_of("1", **{"steps": 2000, "seconds": 0.05, **params}))
    host.wake("1")
    door.wait(lambda: "step 3 line 0" in door.texts("1"))
    return host.child("1"), host.shepherd("1")


def test_F1_child_killed(host: Host, door: FakeDoor) -> None:
    child, _ = running(host, door, every=2)
    begun = time.monotonic()
    os.kill(child, signal.SIGKILL)
    end = door.ended("1", 5)
    assert end["outcome"] == "lost"
    assert time.monotonic() - begun < 2
    steps = [data["step"] for data in door.of_type("1", "metric")]
    assert steps == list(range(1, len(steps) + 1))


def test_F4_shepherd_killed_group_dies(host: Host, door: FakeDoor) -> None:
    child, shepherd = running(host, door, offspring=True)
    members = groups.members(child)
    assert len(members) == 2
    os.kill(shepherd, signal.SIGKILL)
    assert all(gone(pid, 5) for pid in members)
    assert "1" not in door.ends


def test_F4_zygote_and_shepherd_killed_at_once(host: Host, door: FakeDoor) -> None:
    child, shepherd = running(host, door, offspring=True)
    members = groups.members(child)
    host.process.kill()
    os.kill(shepherd, signal.SIGKILL)
    assert all(gone(pid, 5) for pid in members)


def test_F5_lost_lease_group_killed(host: Host, door: FakeDoor) -> None:
    child, shepherd = running(host, door)
    os.kill(shepherd, signal.SIGSTOP)
    time.sleep(0.5)
    door.stale.add("1")
    known = len(door.events["1"])
    os.kill(shepherd, signal.SIGCONT)
    assert gone(child, 5)
    assert gone(shepherd, 5)
    assert len(door.events["1"]) == known
    assert "1" not in door.ends


def test_F16_over_the_memory_limit(host: Host, door: FakeDoor) -> None:
    limit = 128 << 20
    door.grant("1", order_of("1", allocate=100, steps=2, seconds=1.5, resources={"memory_bytes": limit}))
    door.grant("2", order_of("2", allocate=110, steps=3, seconds=1.0, resources={"memory_bytes": limit // 2}))
    host.wake("1")
    host.wake("2")
    end = door.ended("2")
    assert (end["outcome"], end["error"]["code"]) == ("failed", "out_of_memory")
    assert "64 MiB" in end["error"]["message"]
    assert "smaller batch size" in end["error"]["hint"]
    assert door.ended("1")["outcome"] == "succeeded"


def test_F16_slow_growth_is_seen(host: Host, door: FakeDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared pages are not private data: the resource limit does not see them, the shepherd's sampling does."""
    assert groups.resident_bytes(os.getpid()) > 0
    door.grant("1", order_of("1", fail="memory", resources={"memory_bytes": 256 << 20}))
    host.wake("1")
    end = door.ended("1")
    assert (end["outcome"], end["error"]["code"]) == ("failed", "out_of_memory")


def test_F17_platform_stop_ends_everything(host: Host, door: FakeDoor) -> None:
    child, shepherd = running(host, door)
    host.process.terminate()
    assert host.process.wait(10) == 0
    assert gone(child, 1)
    assert gone(shepherd, 1)
    assert door.ends["1"]["outcome"] == "lost"


def test_zygote_killed_training_goes_on_and_is_adopted(host: Host, door: FakeDoor) -> None:
    child, shepherd = running(host, door)
    host.process.kill()
    host.process.wait()
    known = len(door.events["1"])
    door.wait(lambda: len(door.events["1"]) > known + 5)
    host.start()
    door.wait(lambda: door.running == [1])
    host.wake("1")
    os.kill(shepherd, signal.SIGKILL)
    assert gone(child, 5)
    door.wait(lambda: door.running == [])


def test_kill_list_is_obeyed(host: Host, door: FakeDoor) -> None:
    child, shepherd = running(host, door)
    door.kill = [1]
    assert gone(child, 3)
    assert gone(shepherd, 3)


def test_F2_half_written_checkpoints_are_never_listed(tmp_path: Path) -> None:
    """A writer killed at twelve moments: what is listed always verifies."""
    from workers import checkpoints

    for moment in range(12):
        root = tmp_path / str(moment)
        root.mkdir()
        pid = os.fork()
        if pid == 0:
            for step in range(1, 10_000):
                source = tmp_path / f"source-{moment}"
                source.mkdir()
                (source / "state.json").write_bytes(os.urandom(200_000).hex().encode())
                checkpoints.take_over(source, root, step, {}, best=step % 3 == 0)
                checkpoints.prune(root)
            os._exit(0)
        time.sleep(0.02 + moment * 0.007)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for folder in checkpoints.listed(root):
            assert checkpoints.manifest_of(folder) is not None
