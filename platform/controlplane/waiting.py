"""`?wait=SECONDS`: an answer about something with a state is held until the state is final or the time is over.

The innermost middleware: it looks at the answer, sleeps without a thread, and asks for the thing's own address again, with
all checks anew, so that whoever loses access meanwhile loses the answer too. A POST names that address in `Location`.
"""

import asyncio
import time
from collections.abc import Callable
from copy import copy
from typing import Any
from urllib.parse import urlsplit

import orjson
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from controlplane.limits import limit

UNSETTLED = frozenset({"queued", "starting", "running", "cancelling", "preparing", "importing", "deploying", "uploading", "optimising"})
STEPS = (0.05, 0.05, 0.1, 0.1, 0.2, 0.2, 0.3, 0.5)


def seconds_asked(request: HttpRequest) -> float:
    """How long the caller will wait; 0 where nothing was asked or the figure is bad (the operation refuses it)."""
    if not request.path_info.startswith("/api/v1/") or request.method not in {"GET", "POST"}:
        return 0.0
    try:
        wait = float(request.GET.get("wait", "0"))
    except ValueError:
        return 0.0
    return wait if 0 < wait <= limit("wait") else 0.0


def unsettled(response: HttpResponseBase) -> bool:
    """Whether the answer shows a thing whose state may still change by itself."""
    if not isinstance(response, HttpResponse) or response.status_code >= 300 or "json" not in response.get("Content-Type", ""):
        return False
    try:
        shown = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(shown, dict) and shown.get("state") in UNSETTLED


def again(request: HttpRequest, response: HttpResponseBase) -> HttpRequest | None:
    """The request that reads the thing itself; None when a POST did not say where it is."""
    address = request.path_info if request.method == "GET" else urlsplit(response.get("Location", "")).path
    if not address:
        return None
    read = copy(request)
    read.method, read.path_info, read.path = "GET", address, address
    read.META = {**request.META, "REQUEST_METHOD": "GET", "PATH_INFO": address, "QUERY_STRING": "", "CONTENT_LENGTH": "0"}
    query: QueryDict = request.GET.copy() if request.method == "GET" else QueryDict(mutable=True)
    query.pop("wait", None)
    read.GET = query  # type: ignore[assignment]
    read._body = b""  # type: ignore[attr-defined]
    read.guarded = False  # type: ignore[attr-defined]
    return read


def _merged(first: HttpResponseBase, newest: HttpResponseBase) -> HttpResponseBase:
    """The newest picture under the first answer's status and address."""
    if newest.status_code != 200:
        return newest
    newest.status_code = first.status_code
    if "Location" in first:
        newest["Location"] = first["Location"]
    return newest


@sync_and_async_middleware
def Waiting(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if iscoroutinefunction(get_response):

        async def waiting(request: HttpRequest) -> HttpResponseBase:
            first: HttpResponseBase = await get_response(request)
            newest, end, turn = first, time.monotonic() + seconds_asked(request), 0
            while time.monotonic() < end and unsettled(newest) and (read := again(request, first)):
                await sync_to_async(close_old_connections)()  # a pooled connection serves others meanwhile
                await asyncio.sleep(min(STEPS[min(turn, len(STEPS) - 1)], max(0.0, end - time.monotonic())))
                newest, turn = await get_response(read), turn + 1
            return first if newest is first else _merged(first, newest)

        return waiting

    def waiting_sync(request: HttpRequest) -> HttpResponseBase:
        first: HttpResponseBase = get_response(request)
        newest, end = first, time.monotonic() + seconds_asked(request)
        while time.monotonic() < end and unsettled(newest) and (read := again(request, first)):
            time.sleep(0.05)
            newest = get_response(read)
        return first if newest is first else _merged(first, newest)

    return waiting_sync
