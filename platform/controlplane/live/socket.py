"""One socket: its handshake, what it sends, what it takes, and the codes it closes with.

Closes 4401 without credentials, 4404 for what one may not see, 1008 for a client that misbehaves, 1009 for a frame that is too
large, 1013 for a reader that takes nothing for ten seconds. A foreign Origin or Host is refused before the handshake.
"""

import asyncio
import re
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import orjson

from controlplane.errors import CONTENT_TYPE, Problem
from controlplane.guard import Receive, Scope, Send, known_host, name_request
from controlplane.limits import limit
from controlplane.live.access import Seat, Ticket, close_code, origin_fits, take_seat, ticket_of
from controlplane.live.feed import Feed
from controlplane.live.store import ask
from controlplane.live.watch import watch

ROUTE = re.compile(r"^/ws/workspaces/(?P<ws>[a-z0-9-]{1,63})/jobs/(?P<job>[0-9]{1,9})$")
PERMISSIONS = {ROUTE.pattern: "needs viewer read"}  # the websocket part of the census of permissions
BAD_FRAMES = 3
SEND_SECONDS = float(limit("socket_send_seconds"))


class Close(Exception):
    """The socket ends with this code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI app of every websocket."""
    await receive()  # websocket.connect
    name = name_request(scope)
    match = ROUTE.match(scope["path"])
    if not known_host(scope):
        return await _refuse(scope, send, Problem(400, "unknown_host", "The Host header does not name this installation."), name)
    if match is None:
        return await _refuse(scope, send, Problem(404, "not_found", "There is no websocket at this address."), name)
    if not origin_fits(scope):
        return await _refuse(scope, send, Problem(403, "bad_origin", "This page may not open sockets here."), name)
    ticket = ticket_of(scope, match["ws"], int(match["job"]))
    await send({"type": "websocket.accept", "headers": [(b"x-request-id", name.encode())]})
    try:
        seat = await ask(take_seat, ticket, scope.get("query_string", b""))
        await Socket(ticket, seat, receive, send).serve(scope.get("query_string", b""))
    except Problem as problem:
        await _end(send, Close(close_code(problem), problem.code))
    except Close as close:
        await _end(send, close)


async def _end(send: Send, close: Close) -> None:
    """Says goodbye, but does not wait for a reader who reads nothing."""
    if close.code == 0:
        return
    try:
        async with asyncio.timeout(2):
            await send({"type": "websocket.close", "code": close.code, "reason": close.reason})
    except TimeoutError:
        _cut(send)
    except (RuntimeError, OSError):
        return


def _cut(send: Send) -> None:
    """Drops the connection of a reader who takes nothing: uvicorn itself would keep it until its buffer has been read, perhaps for ever."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()


async def _refuse(scope: Scope, send: Send, problem: Problem, name: str) -> None:
    """Before the handshake: an HTTP answer where the server can give one, else its own 403."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        return await send({"type": "websocket.close", "code": 1008})
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"x-request-id", name.encode())]
    await send({"type": "websocket.http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": problem.as_bytes(name)})


class Socket:
    """An accepted socket of somebody who may watch."""

    def __init__(self, ticket: Ticket, seat: Seat, receive: Receive, send: Send) -> None:
        self.ticket, self.seat, self.receive, self.send = ticket, seat, receive, send
        self.bad = 0
        self.arrivals: deque[float] = deque(maxlen=limit("socket_frames_per_second"))

    async def serve(self, query: bytes) -> None:
        """Sends and takes until one of both ends. Raises Close."""
        cursor, notice = self._begin(query)
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def close(code: int) -> None:
            if not ended.done():
                ended.set_result(code)

        shared = watch()
        async with shared.seat(self.ticket, close), shared.feed(self.seat.job, self.seat.newest) as feed:
            if notice:
                await self._within(notice)
            work: list[asyncio.Future[Any]] = [asyncio.create_task(self._pour(feed, cursor)), asyncio.create_task(self._listen())]
            try:
                await asyncio.wait([*work, ended], return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    raise Close(ended.result(), "access ended")
                for task in work:
                    if task.done():
                        task.result()
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)

    def _begin(self, query: bytes) -> tuple[int, str]:
        """Where to go on from, and what to say when that is not where was asked for."""
        asked = parse_qs(query.decode("latin-1")).get("after", ["0"])[-1]
        if not re.fullmatch(r"-?[0-9]{1,30}", asked):
            raise Close(1008, "after is not a number")
        cursor = min(max(int(asked), 0), self.seat.newest)
        if cursor == int(asked):
            return cursor, ""
        which = "oldest" if int(asked) < 0 else "newest"
        return cursor, self._word("notice", cursor, "cursor_clamped", f"There is no event {asked}; going on from the {which}, {cursor}.")

    def _word(self, kind: str, cursor: int, code: str, message: str) -> str:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        frame = {"cursor": cursor, "type": kind, "time": now, "attempt": 0, "data": {"code": code, "message": message}}
        return orjson.dumps(frame).decode()

    async def _within(self, text: str) -> None:
        """Sends one frame, or gives the reader up."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.send({"type": "websocket.send", "text": text})
        except TimeoutError:
            raise Close(1013, "reading too slowly") from None
        except (RuntimeError, OSError):
            raise Close(0) from None

    async def _pour(self, feed: Feed, cursor: int) -> None:
        """Every frame above `cursor`, in order, at the reader's own pace."""
        send, loop = self.send, asyncio.get_running_loop()
        while True:
            page = await feed.after(cursor)
            if not page:
                await asyncio.sleep(0.5)
                continue
            try:
                async with asyncio.timeout(SEND_SECONDS) as deadline:
                    for number, (_, text) in enumerate(page):
                        if number % 16 == 15:
                            deadline.reschedule(loop.time() + SEND_SECONDS)
                        await send({"type": "websocket.send", "text": text})
            except TimeoutError:
                raise Close(1013, "reading too slowly") from None
            except (RuntimeError, OSError):
                raise Close(0) from None
            cursor = page[-1][0]
            await asyncio.sleep(0)  # others' turn

    async def _listen(self) -> None:
        """What the client says. There is nothing to say but a ping; whoever says too much is let go."""
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                raise Close(0)
            self._count()
            await self._hear(message)

    def _count(self) -> None:
        now = time.monotonic()
        if len(self.arrivals) == self.arrivals.maxlen and now - self.arrivals[0] < 1.0:
            raise Close(1008, "too many frames")
        self.arrivals.append(now)

    async def _hear(self, message: Any) -> None:
        text, data = message.get("text"), message.get("bytes")
        if len(text or data or "") > limit("socket_frame"):
            raise Close(1009, "frame too large")
        try:
            said = orjson.loads(text) if text is not None else None
        except orjson.JSONDecodeError:
            said = None
        if isinstance(said, dict) and said.get("type") == "ping":
            return await self._within(self._word("notice", 0, "pong", ""))
        self.bad += 1
        if self.bad >= BAD_FRAMES:
            raise Close(1008, "frames that say nothing")
        await self._within(self._word("notice", 0, "bad_frame", 'Only {"type": "ping"} can be said here.'))
