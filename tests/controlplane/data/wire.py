"""HTTP against the whole ASGI application, without a socket: bodies in pieces, disconnects, every header."""

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import orjson


class Reply(NamedTuple):
    """An answer. headers: lower-case names."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return orjson.loads(self.content)


class Http:
    """A caller with one token. A body given as a list comes in those pieces; None in it means the line is cut there."""

    def __init__(self, token: str = "") -> None:
        self.token = token

    def __call__(
        self,
        method: str,
        path: str,
        json: Any = None,
        body: bytes | Iterable[bytes | None] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        return asyncio.run(self.send(method, path, json, body, headers))

    async def send(
        self,
        method: str,
        path: str,
        json: Any = None,
        body: bytes | Iterable[bytes | None] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        from controlplane.asgi import application

        pieces = [orjson.dumps(json)] if json is not None else [body] if isinstance(body, bytes) else list(body or [])
        shown = {"host": "localhost", **({"authorization": f"Bearer {self.token}"} if self.token else {})}
        if json is not None:
            shown["content-type"] = "application/json"
        if pieces and None not in pieces:
            shown["content-length"] = str(sum(len(piece or b"") for piece in pieces))
        shown |= {name.lower(): value for name, value in (headers or {}).items()}
        return await _run(application, _scope(method, path, {k: v for k, v in shown.items() if v}), pieces)


def _scope(method: str, target: str, headers: dict[str, str]) -> dict[str, Any]:
    parts = urlsplit(target)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": quote(parts.path).encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 5000),
        "server": ("localhost", 80),
    }


async def _run(application: Any, scope: dict[str, Any], pieces: list[bytes | None]) -> Reply:
    waiting = list(pieces)
    status, headers, content = 0, {}, bytearray()
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if waiting:
            piece = waiting.pop(0)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}
        if not pieces and not ended.is_set() and not receive.__dict__.get("begun"):
            receive.__dict__["begun"] = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            content.extend(message.get("body", b""))
            if not message.get("more_body"):
                ended.set()

    await application(scope, receive, send)
    return Reply(status, headers, bytes(content))
