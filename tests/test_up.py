"""The runner, started for real on a home of its own: start, refuse, restart what dies, survive kill -9, leave nothing behind."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runner import proctree

from tests.stack import ROOT, Stack, free_port

pytestmark = [pytest.mark.torch, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(home=tmp_path_factory.mktemp("home")).start(180)
    yield running
    if running.process and running.process.poll() is None:
        running.stop()


def until(true: Callable[[], object], seconds: float) -> bool:
    """Whether it came true within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return False


def processes(up: Stack, words: str = "") -> dict[int, str]:
    """pid -> command line of everything the runner of this home started, however far below."""
    found = {}
    for pid in proctree.marked("SLIPWAY_RUNNER", str(up.home)):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if words in line:
            found[pid] = line
    return found


def answers(up: Stack) -> bool:
    try:
        with urllib.request.urlopen(up.base + "/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def second(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PORT": str(port), "SLIPWAY_HOME": str(home)}
    return subprocess.run([sys.executable, str(ROOT / "platform/up.py")], env=env, capture_output=True, text=True, timeout=30)


def test_it_says_where_it_is_and_how_to_get_in(up: Stack) -> None:
    assert until(lambda: "/signin/" in up.tail(500), 20)
    lines = [line for line in up.tail(500).splitlines() if line.startswith(" slipway │")]
    at = next(place for place, line in enumerate(lines) if f"Slipway is ready: {up.base}" in line)
    assert str(up.home) in lines[at + 1]
    assert "Ctrl-C" in lines[at + 1]
    assert re.search(rf"Open this link to sign in; .*: {re.escape(up.base)}/signin/\S+", lines[at + 2])  # at once, not a Django later


def test_it_shows_one_log_with_a_prefix_per_process(up: Stack) -> None:
    def speakers() -> set[str]:
        return {line.split("│")[0].strip() for line in up.tail(500).splitlines() if "│" in line}

    def files() -> set[str]:
        return {path.name for path in (up.home / "logs").iterdir()}

    until(lambda: "zygote" in speakers(), 60)  # what it says comes last: it has torch to load
    assert speakers() >= {"slipway", "migrate", "web", "zygote"}
    assert files() >= {"web.log", "control.log", "celery.log", "zygote.log", "valkey.log"}


def test_it_keeps_its_secrets_out_of_command_lines_and_from_others(up: Stack) -> None:
    secrets = {path: path.read_text().strip() for path in (up.home / "secrets").iterdir()}
    assert {path.name for path in secrets} >= {"secret_key", "redis_password", "join_token", "signing_key"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secrets)
    lines = " ".join(processes(up).values())
    assert not any(value in lines for value in secrets.values())


def test_it_opens_no_port_but_its_own_and_only_on_loopback(up: Stack) -> None:
    mine = {str(Path(f"/proc/{pid}/fd/{fd}").readlink()) for pid in processes(up) for fd in os.listdir(f"/proc/{pid}/fd")}
    sockets = {name[8:-1] for name in mine if name.startswith("socket:[")}
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    assert {row[1] for row in rows if row[3] == "0A" and row[9] in sockets} == {f"0100007F:{up.port:04X}"}


def test_it_refuses_a_second_copy_on_its_home(up: Stack) -> None:
    done = second(up.home, free_port())
    assert done.returncode == 1
    assert f"already runs on {up.home}" in done.stderr
    assert up.process is not None
    assert str(up.process.pid) in done.stderr


def test_it_refuses_a_taken_port_by_name(up: Stack, tmp_path: Path) -> None:
    done = second(tmp_path, up.port)
    assert done.returncode == 1
    assert f"port {up.port} cannot be used" in done.stderr
    assert "PORT=" in done.stderr


@pytest.mark.parametrize("words", ["manage.py control", "controlplane.tasks", "celery", "valkey-server", "uvicorn"])
def test_it_restarts_what_is_killed(up: Stack, words: str) -> None:
    before = processes(up, words)
    assert before
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: set(processes(up, words)) - set(before), 30), up.tail()
    assert "was killed by signal 9; it starts again in" in up.tail(100)
    assert until(lambda: answers(up) and up.ready(), 60), up.tail()


def test_F17_everything_killed_and_started_again(up: Stack) -> None:
    assert up.process is not None
    before = set(processes(up))
    os.kill(up.process.pid, signal.SIGKILL)
    for pid in before:
        proctree.send([pid], signal.SIGKILL)
    up.process.wait(10)
    begun = time.monotonic()
    up.start(90)
    print(f"ready {(took := time.monotonic() - begun):.1f} s after the whole machine was killed")
    assert took <= 15, up.tail()
    assert not before & set(processes(up))


def test_it_clears_what_a_killed_runner_left_running(up: Stack) -> None:
    assert up.process is not None
    before = set(processes(up, "valkey-server"))
    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait(10)
    up.start(90)  # what is left of the old web may still answer for a moment
    assert until(lambda: len(after := processes(up, "valkey-server")) == 1 and not before & set(after), 30)
    assert until(up.ready, 60)


def test_it_stops_everything_and_leaves_nothing(up: Stack) -> None:
    assert processes(up)
    begun = time.monotonic()
    assert up.stop(signal.SIGINT) == 0
    assert time.monotonic() - begun < 30
    assert not processes(up)
    assert "Slipway has stopped." in up.tail()
    assert not answers(up)
