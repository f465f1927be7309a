"""HTTP at its barest: one ASGI request read with a limit, one answer written. No routing and no meaning here."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import orjson
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from controlplane.errors import Problem
from controlplane.guard import TooLarge, inflate, unknown_packing

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", b"application/problem+json")
EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
NOSNIFF = (b"x-content-type-options", b"nosniff")
SEND_SECONDS = 10.0  # a client that takes nothing for this long is gone
_ONCE = frozenset({b"host", b"content-length", b"authorization", b"content-type"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class Disconnected(Exception):
    """The client has gone; nobody reads what is sent."""


class Request:
    """One HTTP request. headers: first value of each name, lower case."""

    __slots__ = ("begun", "headers", "id", "method", "out", "path", "query", "receive", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        self.headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self.receive, self.send = receive, send
        self.begun = False  # whether the answer's first bytes are out
        given = self.headers.get(b"x-request-id", b"")
        self.id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12).encode()
        self.out: Headers = [(b"x-request-id", self.id), NOSNIFF]

    async def body(self, limit: int) -> bytes:
        """All of the body, unpacked. Raises Problem 413 as soon as it is known to be over `limit` bytes, 400, 415."""
        packing = self.headers.get(b"content-encoding", b"identity")
        if packing not in (b"identity", b"", b"gzip"):
            raise unknown_packing()
        body = await self._packed(limit)
        try:
            return inflate(body, limit) if packing == b"gzip" else body
        except TooLarge:
            raise too_large(limit) from None

    async def _packed(self, limit: int) -> bytes:
        length = self.headers.get(b"content-length")
        if length is not None and not length.isdigit():
            raise Problem(400, "bad_length", "Content-Length is not a number.")
        if length is not None and int(length) > limit:
            raise too_large(limit)
        message = await self.receive()
        first: bytes = message.get("body", b"")
        if not message.get("more_body"):
            if message["type"] == "http.disconnect":
                raise Disconnected
            return first if len(first) <= limit else _refuse(limit)
        return await self._rest(bytearray(first), limit)

    async def _rest(self, body: bytearray, limit: int) -> bytes:
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            body += message.get("body", b"")
            if len(body) > limit:
                raise too_large(limit)
            if not message.get("more_body"):
                return bytes(body)

    async def answer(self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = (JSON,)) -> None:
        """Send a whole answer."""
        self.begun = True
        length = (b"content-length", b"%d" % len(body))
        await self.send({"type": "http.response.start", "status": status, "headers": [*headers, length, *self.out]})
        await self.send({"type": "http.response.body", "body": body})

    async def begin(self, headers: Headers) -> None:
        self.begun = True
        await self.send({"type": "http.response.start", "status": 200, "headers": [*headers, *self.out]})

    async def piece(self, body: bytes, more: bool = True) -> None:
        """Send a piece of a stream. Raises Disconnected when the client takes nothing."""
        try:
            await asyncio.wait_for(self.send({"type": "http.response.body", "body": body, "more_body": more}), SEND_SECONDS)
        except (TimeoutError, OSError) as error:
            raise Disconnected from error


def check_head(request: Request, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """The gate before everything: a host of ours, and one word only on who calls and how long the body is. Raises Problem 400."""
    seen = set()
    for name, _ in headers:
        if name in _ONCE:
            if name in seen:
                raise Problem(400, "bad_request", f"The header {name.decode()} comes twice.")
            seen.add(name)
    if b"content-length" in seen and b"transfer-encoding" in request.headers:
        raise Problem(400, "bad_length", "The request says in two ways how long it is.")
    if not host_allowed(request.headers.get(b"host", b"")):
        raise Problem(400, "unknown_host", "The Host header does not name this installation.", "Set SLIPWAY_URL or SLIPWAY_HOSTS.")


def too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"The request body is over {limit} bytes.", "Send less in one request.")


def _refuse(limit: int) -> bytes:
    raise too_large(limit)


def loads(body: bytes) -> Any:
    """JSON, or Problem 400 that says where it ends to be JSON. NaN, Infinity and text that is not UTF-8 are not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "bad_json", f"The body is not valid JSON: {error}.") from error


_hosts: dict[bytes, bool] = {}


def host_allowed(host: bytes) -> bool:
    """Whether the Host header is one of ours (against DNS rebinding)."""
    known = _hosts.get(host)
    if known is None:
        allowed = settings.ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]
        domain, _ = split_domain_port(host.decode("latin-1"))
        known = bool(domain) and validate_host(domain, allowed)
        if len(_hosts) < 1000:
            _hosts[host] = known
    return known
