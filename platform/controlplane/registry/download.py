"""One file of a model version as an answer: whole or a range, streamed, never shown by a browser."""

import re
from collections.abc import AsyncIterator
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from controlplane import artifacts
from controlplane.errors import Problem

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


def wanted(header: str, size: int) -> tuple[int, int] | None:
    """(start, length) of a Range header, None for the whole. Several ranges or another unit: the whole, as HTTP allows.

    Raises Problem 416 when nothing of the file lies inside.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    if start > end or start >= size:
        headers = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, "range_not_satisfiable", f"The file has {size} bytes.", headers=headers)
    return start, end - start + 1


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def answer(request: HttpRequest, file: dict[str, Any], text: bytes | None = None) -> StreamingHttpResponse:
    """The bytes of {name, uri, size, sha256}, as an attachment; text: instead of those stored under the uri. Raises Problem 416."""
    size, tag = file["size"], f'"{file["sha256"]}"'
    asked = request.headers.get("Range", "") if request.headers.get("If-Range", tag) == tag else ""
    part = wanted(asked, size)
    start, length = part or (0, size)
    stored = artifacts.open_stream(file["uri"], start, length) if text is None else _once(text[start : start + length])
    response = StreamingHttpResponse(stored, content_type="application/octet-stream")
    if part:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    response["Content-Length"] = str(length)
    response["Content-Disposition"] = content_disposition_header(True, file["name"].rsplit("/", 1)[-1]) or "attachment"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
