"""One kept connection to a replica: many requests at once over length-prefixed frames (see `workers/contract/frames.py`)."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from workers.contract.frames import BODY_MAX, HEAD, HEAD_MAX

Head = dict[str, Any]
CONNECT_SECONDS = 2.0


class Gone(Exception):
    """The connection ended before the answer came."""


class Link(asyncio.Protocol):
    """The client's side of the frames. Each request has a sink that is given its frames, or None when the connection ends."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._sinks: dict[int, Callable[[Head | None, bytes], None]] = {}
        self._buffer = bytearray()
        self._number = 0
        self._out: list[bytes] = []  # frames of this turn of the event loop: they leave in one write
        self._writable = asyncio.Event()
        self._writable.set()
        self.alive = False

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.alive = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        self._writable.set()
        sinks, self._sinks = self._sinks, {}
        for sink in sinks.values():
            sink(None, b"")

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at, have = 0, len(buffer)
        while have - at >= HEAD.size:
            head_length, body_length = HEAD.unpack_from(buffer, at)
            if head_length > HEAD_MAX or body_length > BODY_MAX:
                self.close()
                return
            start = at + HEAD.size
            end = start + head_length + body_length
            if have < end:
                break
            self._deliver(bytes(buffer[start : start + head_length]), bytes(buffer[start + head_length : end]))
            at = end
        if at:
            del buffer[:at]

    def _deliver(self, text: bytes, body: bytes) -> None:
        try:
            head: Head = orjson.loads(text)
            number, last = head["id"], head.get("last", True)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self.close()
            return
        sink = self._sinks.pop(number, None) if last else self._sinks.get(number)
        if sink is not None:
            sink(head, body)

    # What the gateway calls

    async def send(self, head: Head, body: bytes, sink: Callable[[Head | None, bytes], None]) -> int:
        """Send a request; its number. Raises Gone."""
        if not self._writable.is_set():
            await self._writable.wait()
        if not self.alive or self._transport is None:
            raise Gone
        self._number = number = self._number + 1
        head["id"] = number
        text = orjson.dumps(head)
        self._sinks[number] = sink
        self._write(HEAD.pack(len(text), len(body)) + text, body)
        return number

    def _write(self, *parts: bytes) -> None:
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out += parts

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self.alive and self._transport is not None:
            self._transport.writelines(out)

    def cancel(self, number: int) -> None:
        """The answer is not wanted any more: the replica may stop working on it."""
        if self._sinks.pop(number, None) is not None and self.alive:
            text = orjson.dumps({"id": number, "op": "cancel"})
            self._write(HEAD.pack(len(text), 0) + text)

    def close(self) -> None:
        self.alive = False
        if self._transport is not None:
            self._transport.abort()


async def ask(link: Link, head: Head, body: bytes = b"") -> tuple[Head, bytes]:
    """Send a request and wait for its only answer. Raises Gone."""
    future: asyncio.Future[tuple[Head, bytes]] = asyncio.get_running_loop().create_future()

    def sink(head: Head | None, body: bytes) -> None:
        if not future.done():
            future.set_exception(Gone()) if head is None else future.set_result((head, body))

    number = await link.send(head, body, sink)
    try:
        return await future
    finally:
        link.cancel(number)


async def connect(address: str, host: str, secret: str) -> Link:
    """A new connection to `unix:/path` or `tcp:port` (on `host`), greeted with its secret. Raises Gone."""
    loop = asyncio.get_running_loop()
    kind, _, place = address.partition(":")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if kind == "unix":
                _, link = await loop.create_unix_connection(Link, place)
            else:
                _, link = await loop.create_connection(Link, host, int(place))
            if secret:
                head, _ = await ask(link, {"op": "hello", "secret": secret})
                if head.get("status", 200) != 200:
                    link.close()
                    raise Gone
    except (OSError, ValueError, TimeoutError) as error:
        raise Gone from error
    return link
