"""A Hugging Face hub of the tests' own: as much of its HTTP as a download asks for."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0" * 40


class Hub(BaseHTTPRequestHandler):
    """files: of the one model it has."""

    files: dict[str, bytes] = {}

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            known: Any = [{"rfilename": n, "type": "file", "path": n, "size": len(d), "oid": "1"} for n, d in self.files.items()]
            about = known if "/tree/" in self.path else {"id": "org/model", "sha": COMMIT, "siblings": known}
            return self.answer(json.dumps(about).encode(), **{"Content-Type": "application/json"})
        data = self.files[self.path.rsplit("/", 1)[-1]]
        return self.answer(data, ETag=f'"{hashlib.sha256(data).hexdigest()}"')

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(hub: type[Hub]) -> Iterator[str]:
    """Its address, as long as it stands."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
