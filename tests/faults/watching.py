"""Somebody who watches a job, as the page does: one websocket, opened again from its cursor whenever it breaks."""

import json
import threading
import time
from itertools import pairwise
from typing import Any, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.stack import Api


class Watcher(threading.Thread):
    """cursors, times: of every event in the order it came, and when · gaps: how long it was without a socket each time, in seconds."""

    def __init__(self, api: Api, job: str) -> None:
        super().__init__(daemon=True)
        self.address = f"{api.base.replace('http', 'ws', 1)}/ws/workspaces/{api.workspace}/jobs/{job}"
        self.headers = {"Authorization": f"Bearer {api.token}"}
        self.cursors: list[int] = []
        self.times: list[float] = []
        self.gaps: list[float] = []
        self.socket: ClientConnection | None = None
        self.done = threading.Event()

    @property
    def cursor(self) -> int:
        return self.cursors[-1] if self.cursors else 0

    @property
    def port(self) -> int:
        """The port of this side, by which the process at the other end is found."""
        assert self.socket
        return int(self.socket.local_address[1])

    def run(self) -> None:
        lost: float | None = None
        while not self.done.is_set():
            try:
                with connect(f"{self.address}?after={self.cursor}", additional_headers=self.headers, max_size=None) as socket:
                    if lost is not None:
                        self.gaps.append(time.monotonic() - lost)
                    self.socket, lost = socket, None
                    self._read(socket)
            except (OSError, WebSocketException):
                lost = lost or time.monotonic()
                time.sleep(0.2)

    def _read(self, socket: ClientConnection) -> None:
        while not self.done.is_set():
            try:
                frame: dict[str, Any] = json.loads(socket.recv(0.5))
            except TimeoutError:
                continue
            if frame["type"] != "notice":
                self.cursors.append(frame["cursor"])
                self.times.append(time.monotonic())

    def reaches(self, cursor: int, seconds: float) -> float:
        """Wait until an event beyond `cursor` came; how long that took."""
        begun = time.monotonic()
        while self.cursor <= cursor:
            assert time.monotonic() - begun < seconds, f"nothing beyond {cursor} after {seconds} s"
            time.sleep(0.05)
        return time.monotonic() - begun

    def pauses(self, seconds: float, over: float) -> int:
        """How often in the coming `seconds` nothing came for longer than `over` seconds; a busy machine makes one now and then."""
        times = [time.monotonic()]
        first = len(self.times)
        time.sleep(seconds)
        times += [*self.times[first:], time.monotonic()]
        return sum(after - before > over for before, after in pairwise(times))

    def missed_nothing(self) -> bool:
        return self.cursors == list(range(1, len(self.cursors) + 1))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join(10)
