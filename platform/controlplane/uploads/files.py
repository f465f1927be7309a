"""`/files/{token}`: stored files by signed links alone, out (GET, HEAD, one Range) and, for workers, in (PUT).

A token names what it opens: a stored file, one image or sound of a dataset version, or an export. Whatever goes out is inert
in a browser: nosniff, a sandboxing policy, and an attachment unless it is an image or a sound whose type was seen in its bytes.
"""

import errno
import logging
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from controlplane import artifacts
from controlplane.data import exports, media, preview
from controlplane.data.intake import disk_full
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem, not_found, standard
from controlplane.uploads.wire import Answer, Gone, Receive, Request, Scope, Send, disposition, in_database, in_thread
from workers.contract.names import MiB

logger = logging.getLogger(__name__)

ROUTE = re.compile(r"^/files/(?P<token>[A-Za-z0-9_.=-]{10,2000})$")
INERT = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
CELL_CACHE = "private, max-age=3600, immutable"


def matches(path: str) -> bool:
    """Whether this app answers at `path`."""
    return path.startswith("/files/")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI entry."""
    request = Request(scope, receive)
    answer = Answer(send, request)
    try:
        await _route(request, answer)
    except (Gone, TimeoutError):
        return
    except Problem as problem:
        if not answer.started:
            await answer.problem(problem)
    except Exception:
        logger.exception("file request %s failed", request.id)
        if not answer.started:
            await answer.problem(standard(500))


async def _route(request: Request, answer: Answer) -> None:
    claims = _claims(request)
    writing = claims.get("m") == "PUT"
    if request.method not in (("PUT",) if writing else ("GET", "HEAD")):
        raise Problem(405, "method_not_allowed", "This link is not made for that.", headers={"Allow": "PUT" if writing else "GET, HEAD"})
    if writing:
        await _put(request, answer, claims["u"])
    elif "c" in claims:
        await _cell(request, answer, claims["c"])
    elif "x" in claims:
        await _export(request, answer, claims["x"])
    elif claims.get("m") == "GET":
        await _get(request, answer, claims)
    else:
        raise not_found("file")


def _claims(request: Request) -> dict[str, Any]:
    match = ROUTE.match(request.scope["path"])
    if match is None:
        raise not_found("file")
    try:
        return artifacts.read_token(match["token"])
    except artifacts.BadLink as error:
        raise Problem(
            403, "bad_link", str(error).capitalize() + ".", "Links live for an hour; load the page or ask the API again."
        ) from None


# Out -------------------------------------------------------------------------------------------------------------------------


class Span(NamedTuple):
    """Bytes start..start+length-1 of `size`. part: whether the caller asked for a range."""

    start: int
    length: int
    size: int
    part: bool


def read_range(header: str, size: int) -> Span:
    """One range as RFC 9110 has it; several or unknown units are answered whole. Raises 416 when nothing of it exists."""
    match = re.fullmatch(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", header)
    if match is None or match[1] == match[2] == "":
        return Span(0, size, size, False)
    if match[1] == "":
        start, end = max(0, size - int(match[2])), size - 1
        empty = int(match[2]) == 0 or size == 0
    else:
        start, end = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if match[2] and int(match[2]) < start:
            return Span(0, size, size, False)
        empty = start >= size
    if empty:
        raise Problem(416, "bad_range", f"The file has {size} bytes.", headers={"Content-Range": f"bytes */{size}"})
    return Span(start, end - start + 1, size, True)


async def _begin(request: Request, answer: Answer, size: int, headers: dict[str, str]) -> Span:
    """Send the head; what is left is to send `length` bytes from `start`, none for HEAD."""
    span = read_range(request.headers.get("range", ""), size)
    extra = {"Content-Range": f"bytes {span.start}-{span.start + span.length - 1}/{size}"} if span.part else {}
    base = {"Accept-Ranges": "bytes", "Content-Length": str(span.length), **INERT}
    await answer.start(206 if span.part else 200, {**base, **extra, **headers})
    return span if request.method != "HEAD" else Span(0, 0, size, False)


async def _get(request: Request, answer: Answer, claims: dict[str, Any]) -> None:
    size = await in_thread(artifacts.stat, claims["u"])
    if size is None:
        raise not_found("file")
    kind = claims.get("t") or "application/octet-stream"
    name = claims.get("n") or claims["u"].rsplit("/", 1)[-1]
    headers = {"Content-Type": kind, "Content-Disposition": disposition("attachment", name), "Cache-Control": "private, no-cache"}
    span = await _begin(request, answer, size, headers)
    if span.length:
        await _pour(answer, artifacts.open_stream(claims["u"], span.start, span.length))
    else:
        await answer.body(b"")


async def _pour(answer: Answer, pieces: AsyncIterator[bytes]) -> None:
    async for piece in pieces:
        await answer.body(piece, more=True)
    await answer.body(b"")


async def _cell(request: Request, answer: Answer, place: list[Any]) -> None:
    """One image or sound. Types a browser may show were seen in the bytes; all others are an attachment."""
    pk, split, row, column = place

    def find() -> tuple[bytes, str]:
        version = DatasetVersion.objects.filter(pk=pk).first()
        if version is None:
            raise not_found("cell")
        return preview.cell(version, split=split, row=row, column=column)

    data, name = await in_database(find)
    kind = media.sniff(data)
    shown = disposition("inline" if kind else "attachment", name or f"{column}-{row}")
    headers = {"Content-Type": kind or "application/octet-stream", "Content-Disposition": shown, "Cache-Control": CELL_CACHE}
    span = await _begin(request, answer, len(data), headers)
    await answer.body(data[span.start : span.start + span.length])


async def _export(request: Request, answer: Answer, what: list[Any]) -> None:
    """All rows as CSV or JSON lines, made while they are sent."""
    pk, form, split = what
    version = await in_database(DatasetVersion.objects.select_related("dataset").filter(pk=pk).first)
    if version is None:
        raise not_found("version")
    name = f"{version.dataset.name}-{version.version}{f'-{split}' if split else ''}.{form}"
    headers = {
        **INERT,
        "Content-Type": exports.TYPES[form],
        "Content-Disposition": disposition("attachment", name),
        "Cache-Control": "private, no-store",
    }
    files = await in_thread(exports.shards, version, split)
    if request.method == "HEAD":
        return await answer.whole(200, headers)
    pieces = exports.stream(files, version.features, form)
    first = await anext(pieces, b"")  # a refusal comes before the head
    await answer.start(200, headers)
    await answer.body(first, more=True)
    await _pour(answer, pieces)


# In --------------------------------------------------------------------------------------------------------------------------


async def _put(request: Request, answer: Answer, uri: str) -> None:
    """A worker stores one file: aside, synced, then renamed to its key."""
    aside = await in_thread(artifacts.stage)
    needed = request.length or 0
    free = await in_thread(artifacts.free_bytes)
    if free is not None and needed + 16 * MiB > free:
        raise disk_full(needed, free)
    try:
        received = await _receive(request, aside)
        if request.length is not None and received != request.length:
            raise Problem(400, "incomplete", f"{received} of {request.length} bytes arrived.", "Send the file again.")
        await in_thread(artifacts.put_file, uri, aside, move=True)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise await in_thread(disk_full, needed) from None
    finally:
        await in_thread(aside.unlink, missing_ok=True)
    await answer.whole(201, {"Content-Type": "application/json"}, b"{}")


async def _receive(request: Request, aside: Path) -> int:
    handle = await in_thread(os.open, aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    received = 0
    try:
        waiting: list[bytes] = []
        held = 0
        async for piece in request.chunks():
            waiting.append(piece)
            held += len(piece)
            received += len(piece)
            if held >= MiB:
                await in_thread(_write, handle, waiting)
                waiting, held = [], 0
        await in_thread(_write, handle, waiting)
    finally:
        os.close(handle)
    return received


def _write(handle: int, pieces: list[bytes]) -> None:
    view = memoryview(b"".join(pieces))
    while view:
        view = view[os.write(handle, view) :]
