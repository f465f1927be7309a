"""A large upload against a web process that is killed: nothing acknowledged is lost, nothing is held in memory."""

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack import ROOT, free_port

SIZE = 48 << 20
BLOCK = hashlib.sha256(b"slipway").digest() * 2048  # 64 KiB


class Web:
    """One web process of a home of its own; started, killed and started again."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.env = {**os.environ, "SLIPWAY_HOME": str(home), "PORT": str(self.port), "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
        self.env["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
        self.manage("migrate", "-v0")
        self.token = self.manage("createtoken", "alice@example.org", "--workspace", "acme").splitlines()[-1]
        self.process: subprocess.Popen[bytes] | None = None

    def manage(self, *args: str) -> str:
        out = subprocess.run([sys.executable, "manage.py", *args], cwd=ROOT, env=self.env, capture_output=True, text=True, check=True)
        return out.stdout.strip()

    def start(self) -> None:
        arguments = ["-m", "uvicorn", "controlplane.asgi:application", "--app-dir", "platform", "--port", str(self.port), "--no-access-log"]
        self.process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=self.env, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the web process did not start")

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def peak_bytes(self) -> int:
        """The most memory the process ever held."""
        status = Path(f"/proc/{self.process.pid if self.process else 0}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body=body, headers=self.headers(headers))
        answer = connection.getresponse()
        answer.read()
        return answer

    def headers(self, more: dict[str, str]) -> dict[str, str]:
        shown = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.token}", "Tus-Resumable": "1.0.0", **shown}

    def offset(self, where: str) -> int:
        return int(self.call("HEAD", where).getheader("Upload-Offset") or -1)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    running = Web(tmp_path)
    running.start()
    yield running
    running.kill()


def content(start: int, end: int) -> Iterator[bytes]:
    """Bytes start..end of a file that is BLOCK over and over; both are whole blocks."""
    for _ in range(start // len(BLOCK), end // len(BLOCK)):
        yield BLOCK


def send_until_dead(web: Web, where: str, start: int, kill_at: int) -> None:
    """A part of all that is left, on a slow line; the process is killed when `kill_at` bytes are under way."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    connection.putrequest("PATCH", where)
    part = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": str(start), "Content_Length": str(SIZE - start)}
    for name, value in web.headers(part).items():
        connection.putheader(name, value)
    connection.endheaders()
    sent = start
    try:
        for block in content(start, SIZE):
            connection.send(block)
            sent += len(block)
            if sent >= kill_at:
                web.kill()
    except OSError:
        return


def test_F11_killed_in_the_middle_it_goes_on_where_it_was_acknowledged(web: Web) -> None:
    where = web.call("POST", "/api/v1/workspaces/acme/uploads", Upload_Length=str(SIZE)).getheader("Location") or ""
    reached = 0
    for kill_at in (20 << 20, 36 << 20):
        send_until_dead(web, where, reached, kill_at)
        web.start()
        now = web.offset(where)
        assert reached < now <= kill_at + (1 << 20), "progress that was synced is kept"
        assert kill_at - now <= (8 + 4) << 20, "at most a part, and what lay in the pipes, is sent again"
        reached = now - now % len(BLOCK)
        if reached != now:
            rest = BLOCK[now - reached :]
            part = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": str(now)}
            assert web.call("PATCH", where, rest, **part).status == 204
            reached += len(BLOCK)
    part = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": str(reached), "Content_Length": str(SIZE - reached)}
    assert web.call("PATCH", where, content(reached, SIZE), **part).status == 204
    expected = hashlib.sha256(b"".join(content(0, SIZE))).hexdigest()
    stored = list((Path(web.env["SLIPWAY_HOME"]) / "store").glob("ws/*/uploads/*"))
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in stored] == [expected]


def test_memory_stays_flat(web: Web) -> None:
    web.call("GET", "/api/v1/me")
    before = web.peak_bytes()
    size = 256 << 20
    where = web.call("POST", "/api/v1/workspaces/acme/uploads", Upload_Length=str(size)).getheader("Location") or ""
    part = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "0", "Content_Length": str(size)}
    assert web.call("PATCH", where, content(0, size), **part).status == 204
    assert web.peak_bytes() - before <= 64 << 20
