"""The gate before everything: known hosts only, a name for each request, bodies that are refused before they are read or unpacked.

A raw ASGI wrapper around Django, static files and uploads; uploads count their parts themselves, the gateway keeps its own gate.
"""

import re
import secrets
import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from controlplane.errors import CONTENT_TYPE, Problem
from controlplane.limits import limit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]  # each app writes ASGI's loose types in its own way

_SANE_ID = re.compile(rb"^[A-Za-z0-9._-]{1,64}$")
_FORM = re.compile(rb"^\s*(multipart/form-data|application/x-www-form-urlencoded)", re.IGNORECASE)


class TooLarge(Exception):
    """More bytes came than may come."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header."""
    return next((value for key, value in scope["headers"] if key == name), None)


def known_host(scope: Scope) -> bool:
    """Whether the Host header names this installation; guards every app, the inference gateway too, against DNS rebinding."""
    given = [value for key, value in scope["headers"] if key == b"host"]
    if len(given) != 1:
        return False
    domain, _port = split_domain_port(given[0].decode("latin-1"))
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def body_limit(scope: Scope) -> int | None:
    """The most bytes this request's body may have; None = its app counts by itself."""
    path: str = scope["path"]
    if (path.startswith("/api/v1/workspaces/") and "/uploads" in path) or path.startswith("/files/"):
        return None
    if path.startswith("/internal/"):
        return limit("event_batch_body")
    form = _FORM.match(header(scope, b"content-type") or b"")
    return limit("form_body") if form else limit("json_body")


def refusal(scope: Scope) -> Problem | None:
    """What is wrong with the request's head, or None."""
    if not known_host(scope):
        return Problem(400, "unknown_host", "The Host header does not name this installation.", "Set SLIPWAY_URL or SLIPWAY_HOSTS.")
    lengths = [value for key, value in scope["headers"] if key == b"content-length"]
    chunked = header(scope, b"transfer-encoding") is not None
    if len(lengths) > 1 or (lengths and chunked):
        return Problem(400, "bad_length", "The request says in two ways how long it is.")
    if lengths and not lengths[0].isdigit():
        return Problem(400, "bad_length", "Content-Length is not a number.")
    most = body_limit(scope)
    if header(scope, b"content-encoding") not in ({None, b"", b"identity", b"gzip"} if most is not None else {None, b"", b"identity"}):
        return unknown_packing()
    if most is not None and lengths and int(lengths[0]) > most:
        return too_large(most)
    return None


def unknown_packing() -> Problem:
    return Problem(
        415, "compressed_body", "A request body may be packed with gzip only, a part of an upload not at all.", "Send it as it is."
    )


def inflate(body: bytes, most: int) -> bytes:
    """A gzip body unpacked, which stops at `most` bytes. Raises TooLarge, Problem 400."""
    packer = zlib.decompressobj(wbits=31)
    try:
        plain = packer.decompress(body, most + 1)
    except zlib.error:
        plain = b""
    if len(plain) > most:
        raise TooLarge
    if not packer.eof or packer.unused_data:  # several members in a row could be made to cost much for little
        raise Problem(400, "compressed_body", "The body is not one whole gzip stream.", "Pack it again, or send it as it is.")
    return plain


def too_large(most: int) -> Problem:
    return Problem(413, "too_large", f"The body is larger than {most} bytes.", "Larger files go through a resumable upload.")


async def refuse(problem: Problem, request_id: str, send: Send) -> None:
    """Answers and closes: what remains of the body is not read."""
    body = problem.as_bytes(request_id)
    headers = {"content-type": CONTENT_TYPE, "content-length": str(len(body)), "connection": "close", **problem.headers}
    raw = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": [*raw, (b"x-request-id", request_id.encode())]})
    await send({"type": "http.response.body", "body": body})


def name_request(scope: Scope) -> str:
    """The request's id: the caller's if it is sane, else a new one. Kept in `scope["request_id"]`."""
    given = header(scope, b"x-request-id") or b""
    scope["request_id"] = name = given.decode() if _SANE_ID.match(given) else secrets.token_hex(8)
    return name


def counted(receive: Receive, most: int) -> Receive:
    """`receive` that raises TooLarge once more than `most` bytes have come, whatever was declared."""
    seen = 0

    async def count() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLarge
        return message

    return count


def signed(send: Send, name: str) -> Send:
    """`send` that puts the request's id on the answer if it is not there."""

    async def sign(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
            if not any(key.lower() == b"x-request-id" for key, _ in headers):
                message = {**message, "headers": [*headers, (b"x-request-id", name.encode())]}
        await send(message)

    return sign


async def unpacked(scope: Scope, receive: Receive, most: int) -> tuple[Scope, Receive]:
    """The request as if its body had not been packed: with the length it really has. Raises TooLarge, Problem 400."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    plain = inflate(bytes(body), most) if message["type"] != "http.disconnect" else b""
    headers = [pair for pair in scope["headers"] if pair[0] not in {b"content-encoding", b"content-length", b"transfer-encoding"}]
    waiting = [{"type": "http.request", "body": plain, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return {**scope, "headers": [*headers, (b"content-length", str(len(plain)).encode())]}, give


async def guarded(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs `app` behind the gate."""
    name = name_request(scope)
    if problem := refusal(scope):
        return await refuse(problem, name, send)
    most = body_limit(scope)
    started = False

    async def watch(message: Message) -> None:
        nonlocal started
        started = started or message["type"] == "http.response.start"
        await send(message)

    try:
        taken = counted(receive, most) if most is not None else receive
        if most is not None and header(scope, b"content-encoding") == b"gzip":
            scope, taken = await unpacked(scope, taken, most)
        await app(scope, taken, signed(watch, name))
    except Problem as problem:
        await refuse(problem, name, send)
    except TooLarge:
        if not started:
            await refuse(too_large(most or 0), name, send)
