"""A control plane that fits in a test: the worker's door over HTTP with everything in lists, and a local store beside it."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from workers.contract.orders import Order


class FakeDoor:
    """grant() orders, then look at events, ends, beats. desired: what every reply says; closed: 503 to everybody."""

    def __init__(self, store: Path) -> None:
        self.store = store
        store.mkdir(parents=True, exist_ok=True)
        (store / ".store-id").write_text("test")
        self.orders: dict[str, Order] = {}
        self.of_a_later_release: dict[str, dict[str, Any]] = {}  # fields of orders that this release does not know
        self.claimed: list[str] = []
        self.events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.ends: dict[str, dict[str, Any]] = {}
        self.beats: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.hosts: list[dict[str, Any]] = []
        self.running: list[int] = []
        self.kill: list[int] = []
        self.stop: dict[str, str] = {}
        self.stale: set[str] = set()
        self.closed = False
        self.report = 0.05
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def grant(self, allocation: str, order: Order) -> None:
        self.orders[allocation] = order

    # What tests ask for -------------------------------------------------------------------------------------------------

    def of_type(self, allocation: str, kind: str) -> list[dict[str, Any]]:
        return [event["data"] for event in list(self.events[allocation]) if event["type"] == kind]

    def texts(self, allocation: str) -> list[str]:
        return [data["text"] for data in self.of_type(allocation, "log")]

    def wait(self, condition: Callable[[], Any], seconds: float = 15.0) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s; events: {dict(self.events)}, ends: {self.ends}")

    def ended(self, allocation: str, seconds: float = 15.0) -> dict[str, Any]:
        end: dict[str, Any] = self.wait(lambda: self.ends.get(allocation), seconds)
        return end

    # The door -----------------------------------------------------------------------------------------------------------

    def answer(self, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.closed:
            return 503, {"code": "away", "detail": "closed"}
        if path == "join":
            self.hosts.append(body)
            return (200, {"worker": 1, "token": "host"}) if token == "join" else (401, {"code": "bad_token"})
        if path == "workers/heartbeat":
            self.running = [int(one) for one in body["running"]]
            kill, self.kill = self.kill, []
            return 200, {"drain": False, "kill": kill, "heartbeat": 0.2}
        what, allocation, verb = path.split("/")
        if what == "allocations":
            return self._claim(allocation)
        if allocation in self.stale or token != f"attempt-{allocation}":
            return 409, {"code": "stale_attempt", "detail": "a newer attempt was granted"}
        return self._attempt(allocation, verb, body)

    def _claim(self, allocation: str) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if allocation in self.claimed or allocation not in self.orders:
                return 409, {"code": "not_granted", "detail": "claimed already"}
            self.claimed.append(allocation)
        order = self.orders[allocation].model_dump(mode="json") | self.of_a_later_release.get(allocation, {})
        return 200, {"order": order, "token": f"attempt-{allocation}", "lease": 15}

    def _attempt(self, allocation: str, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        desired = {"stop": self.stop.get(allocation), "report": self.report, "acked": 0}
        if verb == "heartbeat":
            self.beats[allocation].append(body)
        elif verb == "events":
            with self.lock:
                known = self.events[allocation]
                fresh = [event for event in body["events"] if event["seq"] > len(known)]
                if fresh and fresh[0]["seq"] != len(known) + 1:
                    return 409, {"code": "gap", "detail": str(fresh[0]["seq"])}
                known.extend(fresh)
        elif verb == "uploads":
            base = self.store / allocation / body["folder"]
            slots = [{"name": f["name"], "uri": str(base / f["name"]), "path": str(base / f["name"])} for f in body["files"]]
            return 200, {"slots": slots}
        elif verb == "renew":
            return 200, {uri: {"url": None, "path": uri} for uri in body["uris"]}
        elif verb == "end":
            self.ends[allocation] = body
            return 200, {}
        return 200, desired

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, answer = door.answer(self.path.removeprefix("/internal/v1/"), token, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
