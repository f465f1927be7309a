"""The client of the workers' door: one kept connection, deadlines on every wait, three kinds of failure.

`Away` (no answer, 5xx, 429): worth trying again. `Stale` (401, 403, 404, 409): this token is no longer wanted. `Refused`: the door
read the message and will never take it. A connection belongs to one thread.
"""

import http.client
import random
import socket
import time
import urllib.parse
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import orjson
from pydantic import ValidationError

from workers.contract.events import Desired, End, UploadAsk, UploadSlot
from workers.contract.home import door_url
from workers.contract.names import CONTRACT_VERSION
from workers.contract.orders import Claimed

PREFIX = "/internal/v1/"
UPDATE_HINT = "Update the worker host to the release of the control plane, then resume the job."
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
T = TypeVar("T")
BACKOFF_FIRST, BACKOFF_MAX = 0.25, 5.0


class DoorError(Exception):
    """Anything the door did not grant."""


class Away(DoorError):
    """The door cannot be reached or is in trouble; the same message may be tried again."""


class Stale(DoorError):
    """The token is not, or no longer, the one in charge. code: the door's reason word."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code = status, code


class Refused(DoorError):
    """The door understood and said no."""


def backoff(attempt: int) -> float:
    """Seconds to wait before try `attempt` + 1: doubling, capped, with jitter."""
    return min(BACKOFF_MAX, BACKOFF_FIRST * 2.0 ** min(attempt, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 (jitter, no secret)


class Door:
    """JSON calls with one bearer token."""

    def __init__(self, token: str, base: str | None = None, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.token, self.base = token, (base or door_url()).rstrip("/")
        self.answer_seconds = answer_seconds
        self._connection: http.client.HTTPConnection | None = None

    def call(self, path: str, body: dict[str, Any] | bytes) -> Any:
        """POST `body` to `/internal/v1/<path>`; the answer's JSON value. Raises Away, Stale, Refused."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        status, answer = self._exchange(path, data)
        if 200 <= status < 300:
            try:
                return orjson.loads(answer) if answer else {}
            except ValueError as error:
                raise Away(f"the door's answer is not JSON: {error}") from error
        self._raise(status, answer)

    def _exchange(self, path: str, data: bytes) -> tuple[int, bytes]:
        """One request. A kept connection that the other side has closed meanwhile is opened again, once."""
        for fresh in (self._connection is None, True):
            try:
                connection = self._connection if self._connection and not fresh else self._open()
                headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
                connection.request("POST", self._prefix + path, body=data, headers=headers)
                response = connection.getresponse()
                answer = response.read()
                if response.will_close:
                    self.close()
                return response.status, answer
            except (ConnectionError, http.client.BadStatusLine) as error:
                self.close()
                if fresh:
                    raise Away(str(error) or type(error).__name__) from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                raise Away(str(error) or type(error).__name__) from error
        raise Away("unreachable")

    def _open(self) -> http.client.HTTPConnection:
        self.close()
        url = urllib.parse.urlsplit(self.base)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.hostname or "127.0.0.1", url.port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(self.answer_seconds)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._prefix = url.path.rstrip("/") + PREFIX
        self._connection = connection
        return connection

    def _raise(self, status: int, answer: bytes) -> NoReturn:
        try:
            problem = orjson.loads(answer)
            code, detail = str(problem.get("code", "")), str(problem.get("detail", ""))
        except (ValueError, AttributeError):
            code, detail = "", answer[:200].decode("utf-8", "replace")
        if status in {401, 403, 404, 409}:
            raise Stale(status, code, detail)
        if status >= 500 or status in {408, 425, 429}:
            raise Away(f"{status} {code} {detail}")
        raise Refused(f"{status} {code} {detail}")

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def patiently(call: Callable[[], T], give_up: Callable[[], bool], wait: Callable[[float], Any] = time.sleep) -> T:
    """`call()` until the door is there. Raises the last Away once give_up() says so; Stale and Refused at once."""
    attempt = 0
    while True:
        try:
            return call()
        except Away:
            if give_up():
                raise
            wait(backoff(attempt))
            attempt += 1


class HostDoor(Door):
    """What a worker host may say."""

    def claim(self, allocation: str) -> Claimed:
        """The order that waits there. One that this release cannot read is ended with its reason, and raises Refused."""
        answer = self.call(f"allocations/{allocation}/claim", {"contract": CONTRACT_VERSION})
        try:
            return Claimed.model_validate(answer)
        except ValidationError as refusal:
            message = f"this worker cannot read the order: {'.'.join(map(str, refusal.errors()[0]['loc']))}"
            problem = {"code": "recipe_versions_differ", "message": message, "hint": UPDATE_HINT, "loc": {}}
            AttemptDoor(allocation, answer["token"], self.base).end(End(outcome="failed", error=problem))
            raise Refused(message) from refusal

    def heartbeat(self, load: dict[str, Any], running: list[str]) -> dict[str, Any]:
        answer: dict[str, Any] = self.call("workers/heartbeat", {"load": load, "running": running})
        return answer


def join(token: str, about: dict[str, Any]) -> HostDoor:
    """Offer this host. about: {name, contract, devices, cpus, memory_bytes, pid_host}. Raises as `Door.call`."""
    answer = Door(token).call("join", about)
    return HostDoor(answer["token"], answer_seconds=5.0)


class AttemptDoor(Door):
    """What the shepherd of one attempt may say; its token ends with the attempt."""

    def __init__(self, allocation: str, token: str, base: str | None = None) -> None:
        super().__init__(token, base)
        self.allocation = allocation

    def again(self) -> "AttemptDoor":
        """Another connection with the same token, for another thread."""
        return AttemptDoor(self.allocation, self.token, self.base)

    def heartbeat(self, rss: int, seq: int, cpu: float | None = None) -> Desired:
        """rss: resident bytes · cpu: processors busy over the past minute."""
        return Desired.model_validate(self.call(f"attempts/{self.allocation}/heartbeat", {"rss": rss, "seq": seq, "cpu": cpu}))

    def events(self, batch: bytes) -> Desired:
        """batch: a `Batch` as JSON."""
        return Desired.model_validate(self.call(f"attempts/{self.allocation}/events", batch))

    def uploads(self, ask: UploadAsk) -> list[UploadSlot]:
        answer = self.call(f"attempts/{self.allocation}/uploads", ask.model_dump())
        return [UploadSlot.model_validate(slot) for slot in answer["slots"]]

    def renew(self, uris: list[str]) -> dict[str, dict[str, str | None]]:
        answer: dict[str, dict[str, str | None]] = self.call(f"attempts/{self.allocation}/renew", {"uris": uris})
        return answer

    def end(self, end: End) -> None:
        self.call(f"attempts/{self.allocation}/end", end.model_dump())
