"""What a raw ASGI app needs of HTTP: headers, a streamed body, an answer with a deadline, problems."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar
from urllib.parse import parse_qsl, quote

import orjson
from asgiref.sync import sync_to_async
from django.db import close_old_connections

from controlplane.errors import CONTENT_TYPE, Problem

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
P = ParamSpec("P")
T = TypeVar("T")

SEND_SECONDS = 60.0  # a reader that takes nothing for this long is let go
RECEIVE_SECONDS = 120.0  # a sender that gives nothing for this long is let go
PHRASES = {460: "Checksum Mismatch"}


class Gone(Exception):
    """The client went away, or stopped sending."""


class Request:
    """One HTTP request. headers: lower-case names; query: last value wins."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope, self._receive = scope, receive
        self.method: str = scope["method"]
        self.headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        self.query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
        given = self.headers.get("x-request-id", "")
        fallback = given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else secrets.token_hex(8)
        self.id: str = scope.get("request_id") or fallback

    @property
    def length(self) -> int | None:
        """Declared bytes of the body, None when it is chunked."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdigit() else None

    @property
    def has_body(self) -> bool:
        return bool(self.length) or "transfer-encoding" in self.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Gone."""
        more = True
        while more:
            try:
                message = await asyncio.wait_for(self._receive(), RECEIVE_SECONDS)
            except TimeoutError:
                raise Gone from None
            if message["type"] != "http.request":
                raise Gone
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]


class Answer:
    """Sends one answer; every send has a deadline."""

    def __init__(self, send: Send, request: Request) -> None:
        self._send, self.request, self.started = send, request, False

    async def send(self, message: dict[str, Any]) -> None:
        await asyncio.wait_for(self._send(message), SEND_SECONDS)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        pairs = {"X-Request-Id": self.request.id, "X-Content-Type-Options": "nosniff", **headers}
        raw = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in pairs.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": raw})

    async def body(self, data: bytes, more: bool = False) -> None:
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(self, status: int, headers: Mapping[str, str] | None = None, data: bytes = b"") -> None:
        extra = {} if status == 204 else {"Content-Length": str(len(data))}
        await self.start(status, {**extra, **(headers or {})})
        await self.body(b"" if self.request.method == "HEAD" else data)

    async def json(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
        data = orjson.dumps(value, option=orjson.OPT_UTC_Z)
        await self.whole(status, {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}, data)

    async def problem(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        data = problem_bytes(problem, self.request.id)
        await self.whole(problem.status, {"Content-Type": CONTENT_TYPE, **problem.headers, **(headers or {})}, data)


def problem_bytes(problem: Problem, request_id: str) -> bytes:
    """`Problem.as_bytes`, also for the status words that only tus knows."""
    if problem.status not in PHRASES:
        return problem.as_bytes(request_id)
    plain = Problem(HTTPStatus.BAD_REQUEST, problem.code, problem.detail, problem.hint, problem.errors)
    return orjson.dumps({**plain.as_dict(request_id), "title": PHRASES[problem.status], "status": problem.status})


def disposition(kind: str, filename: str) -> str:
    """Content-Disposition as RFC 6266 wants it: a safe ASCII name, and the true one in UTF-8."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", filename.rsplit("/", 1)[-1])[:150] or "file"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename.rsplit('/', 1)[-1], safe='')}"


def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """Run blocking work that touches no database in a thread."""
    return sync_to_async(partial(function, *args, **kwargs), thread_sensitive=False)()


def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """Run database work in a thread, with that thread's own connection."""

    def work() -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return sync_to_async(work, thread_sensitive=False)()
