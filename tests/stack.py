"""The whole platform as a user starts it, on a port and a home of its own, and a client that speaks only the public contract."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FINAL = {"succeeded", "failed", "cancelled", "ready"}


def free_port() -> int:
    """A port nobody holds, from below those the system lends to connections: one of these could take it while a stack starts again."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


class Stack:
    """`platform/up.py` in a child process. home: kept when given, else made and removed."""

    def __init__(self, *, home: Path | None = None, port: int | None = None, **env: str) -> None:
        self.own_home = home is None
        self.home = home or Path(tempfile.mkdtemp(prefix="slipway-test-"))
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = {**os.environ, "PORT": str(self.port), "SLIPWAY_HOME": str(self.home), **env}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60) -> "Stack":
        """Start and wait until /ready answers 200."""
        self.log = (self.home / "up.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "platform" / "up.py")],
            cwd=ROOT,
            env=self.env,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"up.py ended with {self.process.returncode}:\n{self.tail()}")
            if self.ready():
                return self
            time.sleep(0.2)
        raise RuntimeError(f"not ready after {seconds} s:\n{self.tail()}")

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.base + "/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def tail(self, lines: int = 60) -> str:
        return "\n".join((self.home / "up.log").read_text(errors="replace").splitlines()[-lines:])

    def stop(self, number: int = signal.SIGINT, seconds: float = 45) -> int:
        """Ask it to stop as Ctrl-C does; its exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(seconds)
        self.log.close()
        if self.own_home:
            shutil.rmtree(self.home, ignore_errors=True)
        return status

    def manage(self, *args: str) -> str:
        out = subprocess.run(
            [sys.executable, "manage.py", *args], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=60, check=True
        )
        return out.stdout.strip()

    def client(self, email: str = "alice@example.org", workspace: str = "acme", scopes: str | None = None) -> "Api":
        extra = ["--scopes", scopes] if scopes else []
        return Api(self.base, self.manage("createtoken", email, "--workspace", workspace, *extra).splitlines()[-1], workspace)


class Api:
    """A client of `api.md`, standard library only."""

    def __init__(self, base: str, token: str, workspace: str) -> None:
        self.base, self.token, self.workspace = base, token, workspace

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> tuple[int, Any]:
        """(status, parsed JSON or bytes). A path that begins with … is below the workspace."""
        url = self.base + path.replace("…", f"/api/v1/workspaces/{self.workspace}", 1)
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        sent = {"Accept": "application/json", "Authorization": f"Bearer {self.token}"}
        if data is not None:
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data=data, method=method, headers={**sent, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, parsed(answer.read(), answer.headers.get("Content-Type", ""))
        except urllib.error.HTTPError as error:
            return error.code, parsed(error.read(), error.headers.get("Content-Type", ""))

    def get(self, path: str, **more: Any) -> Any:
        status, body = self.call("GET", path, **more)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body}")
        return body

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        status, answer = self.call("POST", path, {} if body is None else body, **more)
        if status not in (200, 201, 202):
            raise RuntimeError(f"POST {path}: {status} {answer}")
        return answer

    def wait(self, path: str, states: set[str] = FINAL, seconds: float = 300) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            body = self.get(path + ("&" if "?" in path else "?") + "wait=10")
            if body["state"] in states:
                return body
        raise RuntimeError(f"{path} is still {body['state']} after {seconds} s: {body}")

    def send_file(self, dataset: str, filename: str, data: bytes, options: dict[str, Any] | None = None) -> tuple[int, Any]:
        """The multipart shortcut; (status, the version or the problem)."""
        mark = uuid.uuid4().hex
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode() + data]
        if options is not None:
            parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="options"\r\n\r\n{json.dumps(options)}'.encode())
        raw = b"\r\n".join(parts) + f"\r\n--{mark}--\r\n".encode()
        return self.call(
            "POST", f"…/datasets/{dataset}/versions", raw=raw, headers={"Content-Type": f"multipart/form-data; boundary={mark}"}
        )

    def dataset(self, name: str, filename: str, data: bytes, options: dict[str, Any] | None = None) -> Any:
        """A new dataset with one version, prepared: ready or failed."""
        self.call("POST", "…/datasets", {"name": name, "title": name})
        status, version = self.send_file(name, filename, data, options)
        if status not in (200, 202):
            raise RuntimeError(f"{status} {version}")
        return self.wait(f"…/datasets/{name}/versions/{version['version']}", {"ready", "failed"})

    def train(self, seconds: float = 300, **spec: Any) -> Any:
        job = self.post("…/jobs", {"kind": "train", **spec})
        return self.wait(f"…/jobs/{job['id']}", {"succeeded", "failed", "cancelled"}, seconds)

    def deploy(self, name: str, model: str, seconds: float = 120) -> Any:
        self.post("…/endpoints", {"name": name, "model": model})
        return self.wait(f"…/endpoints/{name}", {"ready", "failed"}, seconds)

    def predict(self, endpoint: str, inputs: Any, **parameters: Any) -> Any:
        return self.post(f"/v1/endpoints/{self.workspace}/{endpoint}", {"inputs": inputs, "parameters": parameters})


def parsed(data: bytes, kind: str) -> Any:
    return json.loads(data) if data and "json" in kind else data
