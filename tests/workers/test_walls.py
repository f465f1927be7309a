"""What a child may not do: read the platform's secrets, reach the network, outgrow its memory, outlive its parent, keep a secret."""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workers import child, groups, launch, sandbox
from workers.contract.home import secret, slipway_home
from workers.folder import RunFolder


def in_child(work: Callable[[], object]) -> str:
    """What `work` returned or raised, in a fork of its own."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            answer = repr(work())
        except BaseException as error:
            answer = type(error).__name__
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read) as pipe:
        return pipe.read()


def test_A7_no_network_at_all() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def reach() -> str:
        sandbox.cut_network()
        socket.create_connection(("127.0.0.1", port), timeout=1)
        return "reached"

    assert in_child(reach) in ("OSError", "PermissionError")
    listener.close()


def test_sockets_are_hooked_where_namespaces_are_not_permitted() -> None:
    def reach() -> str:
        sandbox.hook_sockets()
        socket.create_connection(("127.0.0.1", 9), timeout=1)
        return "reached"

    assert in_child(reach) == "PermissionError"


def test_A26_secrets_and_foreign_files_are_out_of_sight(home: Path) -> None:
    if sandbox.landlock_abi() < 1:
        pytest.fail("this kernel has no Landlock; run the tests on Linux 5.13 or later")
    from tests.workers.toys import order_of

    secret("join_token")
    folder, order = RunFolder.create("w-1-1-0"), order_of("1")

    def attempt(path: Path) -> Callable[[], str]:
        def work() -> str:
            sandbox.confine(child._readable(folder, order, False), child._writable(folder, order), False)
            return path.read_text()[:0]

        return work

    assert in_child(attempt(slipway_home() / "secrets" / "join_token")) == "PermissionError"
    assert in_child(attempt(Path("/etc/passwd"))) == "PermissionError"
    assert in_child(attempt(folder.log)) == "''"
    assert in_child(attempt(Path(os.__file__))) == "''"


def test_F16_one_huge_request_fails_cleanly() -> None:
    def grab() -> int:
        sandbox.limit_memory(64 << 20)
        return len(bytearray(1 << 30))

    assert in_child(grab) == "MemoryError"


def test_A26_no_secret_in_a_childs_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.workers.toys import order_of

    for name in ("SLIPWAY_JOIN_TOKEN", "REDIS_URL", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "SLIPWAY_SECRET_KEY"):
        monkeypatch.setenv(name, "canary-value")
    env = launch.environment(RunFolder.create("w-1-1-0"), order_of("1"))
    assert "canary-value" not in str(env)
    assert env["HF_HUB_OFFLINE"] == "1"


def test_B6_grandchildren_die_with_their_parent() -> None:
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        shepherd = os.getpid()
        if os.fork() == 0:
            sandbox.die_with_parent(shepherd)
            grandchild = os.fork()
            if grandchild:
                os.write(write, f"{os.getpid()} {grandchild}".encode())
            time.sleep(60)
            os._exit(0)
        time.sleep(60)
        os._exit(0)
    pids = [int(part) for part in os.read(read, 100).split()]
    os.kill(parent, 9)
    os.waitpid(parent, 0)
    end = time.monotonic() + 5
    while any(groups.name_of(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(groups.name_of(pid) for pid in pids)


def test_a_pid_used_again_is_a_stranger() -> None:
    name = groups.name_of(os.getpid())
    assert groups.alive(name)
    boot, pid, tick = name.split(":")
    assert not groups.alive(f"{boot}:{pid}:{int(tick) + 1}")
    assert groups.session_of(f"{boot}:{pid}:{int(tick) + 1}") == 0


def test_the_planes_door_modules_need_no_library() -> None:
    """The Celery worker stays small: what it imports brings no torch."""
    import subprocess

    heavy = ("torch", "transformers", "datasets", "numpy", "pydantic")
    code = f"import workers.app, workers.tasks, sys; print([name for name in {heavy} if name in sys.modules])"
    env = {**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == "[]"
