"""The runner's parts by themselves: the process tree, one service and its log, the claim on a home, the finder of programs."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import find
import pytest
from runner import claim, proctree
from runner.service import Service

SLEEP = "import time; time.sleep(60)"
CHAIN = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True); {SLEEP}"


def service(tmp_path: Path, code: str) -> Service:
    command = [sys.executable, "-c", code]
    return Service("thing", command, 32, folder=tmp_path, env=dict(os.environ), phase=0, once=False)


def test_it_finds_descendants_in_other_sessions_too() -> None:
    process = subprocess.Popen([sys.executable, "-c", CHAIN])
    try:
        end = time.monotonic() + 10
        while len(found := proctree.below([process.pid])) < 1 and time.monotonic() < end:
            time.sleep(0.05)
        assert found
        assert all(os.getsid(pid) != os.getsid(0) for pid in found)
    finally:
        proctree.send(proctree.below([process.pid]) | {process.pid}, signal.SIGKILL)
        process.wait(10)


def test_it_knows_its_own_by_their_mark() -> None:
    process = subprocess.Popen([sys.executable, "-c", SLEEP], env=os.environ | {"MARK_OF_A_TEST": "yes"})
    try:
        end = time.monotonic() + 10
        while not (found := proctree.marked("MARK_OF_A_TEST", "yes")) and time.monotonic() < end:
            time.sleep(0.05)
        assert found == {process.pid}
        assert not proctree.marked("MARK_OF_A_TEST", "no")
    finally:
        process.kill()
        process.wait(10)


def test_a_service_waits_longer_each_time_and_forgives_a_healthy_minute(tmp_path: Path) -> None:
    thing = service(tmp_path, "")
    waits = []
    for _ in range(7):
        thing.started = time.monotonic()
        thing.ended(256)
        waits.append(round(thing.due - time.monotonic()))
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    thing.started = time.monotonic() - 61
    thing.ended(9)
    assert round(thing.due - time.monotonic()) == 1
    assert thing.obituary() == "thing was killed by signal 9; it starts again in 1 s"


def test_its_log_is_followed_cleaned_and_kept_under_a_cap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.service.LOG_CAP", 2000)
    thing = service(tmp_path, "print('\\x1b[31mred', '好', flush=True); print('x' * 3000); print('end', end='')")
    thing.start()
    os.waitpid(thing.pid, 0)
    thing.follow()
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown
    assert "·[31mred 好" in shown
    assert "end" not in shown  # a line is shown once it is whole
    assert thing.path.stat().st_size == 0
    assert thing.path.with_suffix(".log.1").stat().st_size > 2000
    with thing.path.open("a") as file:
        file.write(" of it\n")
    thing.follow()
    assert "end of it" in capsys.readouterr().out


def test_one_runner_a_home(tmp_path: Path) -> None:
    with claim.claim_home(tmp_path, tmp_path, "NO_SUCH_MARK", "http://first"):
        with pytest.raises(SystemExit, match=r"already runs on .* http://first"):
            claim.claim_home(tmp_path, tmp_path, "NO_SUCH_MARK", "http://second")
    claim.claim_home(tmp_path, tmp_path, "NO_SUCH_MARK", "http://third").close()


def test_it_clears_stale_sockets(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "old.sock"))
    (tmp_path / "kept").write_text("")
    claim.claim_home(tmp_path, tmp_path, "NO_SUCH_MARK", "").close()
    assert {path.name for path in tmp_path.iterdir()} == {"kept", "up.lock"}


def test_a_taken_port_is_named_with_the_way_round() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SystemExit, match=f"port {port} .*PORT={port + 1} make up"):
            claim.check_port(port)


def test_the_finder_prints_what_it_chose(capsys: pytest.CaptureFixture[str]) -> None:
    find.main(["valkey", "node"])
    shown = capsys.readouterr()
    assert all(Path(line).exists() for line in shown.out.splitlines())
    assert "Valkey: " in shown.err
    assert "Node: " in shown.err


def test_what_is_missing_is_a_failure_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(find, "ROOT", tmp_path)
    monkeypatch.setattr(find, "wheel", lambda package, inside: iter(()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH", raising=False)
    for look, remedy in ((find.valkey, "make install"), (find.node, "make install"), (find.chromium, "make browser")):
        with pytest.raises(SystemExit, match=f"is missing. Bring it with: {remedy}"):
            look()
