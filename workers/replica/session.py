"""One connection from a gateway: frames in, requests to the batcher, answers out as they come, in any order.

Decoding small bodies takes less than handing them to another thread, so only large ones are decoded off the loop. Pieces of a stream that
come within a few milliseconds travel in one frame; the first goes at once.
"""

import asyncio
import hmac
import logging
import math
import time
from concurrent.futures import Executor
from typing import Any

import orjson

from workers.contract import frames
from workers.contract.names import PREDICT_INPUTS_MAX
from workers.contract.recipe import Item, Predictor, UserError
from workers.replica.batcher import Batcher, Cancelled, End, Entry, Overdue

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.015
DECODE_INLINE_BYTES = 16 * 1024
DEADLINE_DEFAULT, DEADLINE_MAX = 60.0, 3600.0
JSON = "application/json"


class Refusal(Exception):
    """An answer other than 200. retry_after: seconds, when trying again may help."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", loc: Any = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after
        self.body = orjson.dumps({"code": code, "message": message, "hint": hint, "loc": loc or {}})


class Desk:
    """What all connections of a replica share: predictor, batcher, bounds, counters. decoder: an executor of one thread."""

    def __init__(self, predictor: Predictor, batcher: Batcher, max_queue: int, decoder: Executor, secret: str | None) -> None:
        self.predictor, self.batcher, self.max_queue = predictor, batcher, max_queue
        self.decoder, self.secret = decoder, secret
        self.streams = callable(getattr(predictor, "stream", None))
        self.working = self.answered = self.decoding = 0
        self.last_request = time.monotonic()

    def admit(self, items: list[Item]) -> None:
        """Raises Refusal when the request is too large, or the queue too long to take it."""
        if not items:
            raise Refusal(422, "empty_inputs", "`inputs` holds nothing", "Send at least one input.")
        if len(items) > PREDICT_INPUTS_MAX:
            raise Refusal(413, "too_many_inputs", f"{len(items)} inputs in one request; at most {PREDICT_INPUTS_MAX}", "Split the request.")
        backlog = self.batcher.backlog
        if backlog and backlog + len(items) > self.max_queue:
            raise Refusal(503, "queue_full", f"{backlog} inputs wait already", "Try again shortly, or add replicas.", retry_after=1.0)


class Session:
    """State of one connection; `run` returns when the other side has gone."""

    def __init__(self, desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.desk, self.reader, self.writer = desk, reader, writer
        self.loop = asyncio.get_running_loop()
        self.requests: dict[int, Request] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            if self.desk.secret and not await self._greeted():
                return
            while True:
                head, body = await frames.read(self.reader)
                self._take(head, body)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, TimeoutError) as error:
            if isinstance(error, ValueError):
                log.warning("a gateway sent a frame that cannot be read: %s", error)
        finally:
            for request in list(self.requests.values()):
                request.cancel()
            self.writer.close()

    async def _greeted(self) -> bool:
        """On TCP the first frame must carry the secret."""
        head, _ = await asyncio.wait_for(frames.read(self.reader), 5)
        right = head.get("op") == "hello" and hmac.compare_digest(str(head.get("secret", "")), self.desk.secret or "")
        self.send({"id": head.get("id", 0), "status": 200 if right else 401, "last": True})
        return right

    def _take(self, head: dict[str, Any], body: bytes) -> None:
        number, operation = int(head.get("id", 0)), head.get("op")
        if operation == "cancel":
            if number in self.requests:
                self.requests[number].cancel()
        elif operation in ("predict", "stream"):
            request = Request(self, number, head)
            self.requests[number] = request
            task = self.loop.create_task(request.answer(head, body))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self.send({"id": number, "status": 200 if operation == "hello" else 400, "last": True})

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        if not self.writer.is_closing():
            self.writer.write(frames.pack(head, body))


class Request:
    """One request from its frame to its last answer."""

    def __init__(self, session: Session, number: int, head: dict[str, Any]) -> None:
        self.session, self.desk, self.number = session, session.desk, number
        seconds = head.get("deadline")
        given = float(seconds) if isinstance(seconds, int | float) and math.isfinite(seconds) else DEADLINE_DEFAULT
        self.patience = min(given, DEADLINE_MAX)
        self.deadline = time.monotonic() + self.patience
        self.done: asyncio.Future[None] = session.loop.create_future()
        self.results: list[Any] = []
        self.left = self.input_tokens = self.output_tokens = 0
        self.failure: BaseException | None = None
        self.finish_reason: str | None = None
        self.pieces: list[str] = []
        self.flushing = False

    def cancel(self) -> None:
        """Nobody waits any more: its place is free as soon as the model lets go of it."""
        self._fail(Cancelled())

    def _fail(self, why: BaseException) -> None:
        self.desk.batcher.drop(self)
        if not self.done.done():
            self.failure = why
            self.done.set_result(None)

    async def answer(self, head: dict[str, Any], body: bytes) -> None:
        """Decode, wait for the batcher, encode. Every path ends with one frame that says last."""
        desk = self.desk
        final: dict[str, Any] = {"id": self.number, "status": 200, "last": True}
        desk.working += 1
        desk.last_request = time.monotonic()
        content = b""
        try:
            items, single = await self._decode(body, str(head.get("type") or JSON))
            desk.admit(items)
            content = await self._compute(items, single, head["op"] == "stream")
            final |= {"type": JSON if head["op"] == "predict" else "text/plain"}
        except Refusal as refusal:
            final |= {"status": refusal.status, "type": JSON}
            if refusal.retry_after:
                final["retry_after"] = refusal.retry_after
            content = refusal.body
        finally:
            desk.working -= 1
            desk.answered += 1
            self.session.requests.pop(self.number, None)
            if self.finish_reason:
                final["finish_reason"] = self.finish_reason
            final["usage"] = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
            self.session.send(final, content)

    async def _decode(self, body: bytes, kind: str) -> tuple[list[Item], bool]:
        """Raises Refusal 422 for what the user can mend, 415 for a type the recipe does not take."""
        desk = self.desk
        try:
            if len(body) <= DECODE_INLINE_BYTES and not desk.decoding:
                return desk.predictor.decode(body, kind)
            desk.decoding += 1  # a tokenizer is not to be used by two threads at once
            try:
                return await self.session.loop.run_in_executor(desk.decoder, desk.predictor.decode, body, kind)
            finally:
                desk.decoding -= 1
        except UserError as error:
            status = {"unsupported_type": 415, "content_mismatch": 415, "too_large": 413, "too_many_inputs": 413, "bad_json": 400}
            raise Refusal(status.get(error.code, 422), error.code, error.message, error.hint, error.loc) from error
        except Exception as error:
            log.exception("a request could not be decoded")
            raise Refusal(500, "internal", "the request could not be decoded", "See the endpoint's log.") from error

    async def _compute(self, items: list[Item], single: bool, stream: bool) -> bytes:
        if stream and (not self.desk.streams or len(items) != 1):
            raise Refusal(422, "no_stream", "only one input of a text generation model can be streamed")
        self.left, self.results = len(items), [None] * len(items)
        self.input_tokens = sum(item.size for item in items)
        entries = [Entry(item, self.deadline, self, self._from_compute, stream, self.patience) for item in items]
        positions = {id(entry): index for index, entry in enumerate(entries)}
        self.positions = positions
        self.desk.batcher.put(entries)
        await self._wait()
        if self.failure:
            raise self._refusal(self.failure)
        if stream:
            return "".join(self.pieces).encode()
        self._count(items)
        return orjson.dumps(self.desk.predictor.encode(self.results, single), option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)

    async def _wait(self) -> None:
        """Until it is done or overdue; pieces of a stream move its deadline on."""
        while not self.done.done():
            left = self.deadline - time.monotonic()
            if left <= 0:
                self._fail(Overdue())
            else:
                await asyncio.wait([self.done], timeout=left)

    def _count(self, items: list[Item]) -> None:
        """Tokens of the answers, where the predictor tells."""
        usage = getattr(self.desk.predictor, "usage", None)
        if not callable(usage):
            return
        counts = [usage(item, result) for item, result in zip(items, self.results, strict=True)]
        self.input_tokens = sum(int(count.get("input_tokens", 0)) for count in counts)
        self.output_tokens = sum(int(count.get("output_tokens", 0)) for count in counts)
        self.finish_reason = counts[0].get("finish_reason")

    def _refusal(self, why: BaseException) -> Refusal:
        if isinstance(why, Refusal):
            return why
        if isinstance(why, UserError):
            return Refusal(422, why.code, why.message, why.hint, why.loc)
        if isinstance(why, Overdue):
            return Refusal(504, "deadline_exceeded", "the deadline passed before the answer was ready", "Allow more time or send less.")
        if isinstance(why, Cancelled):
            return Refusal(499, "cancelled", "the request was cancelled")
        log.error("the model failed", exc_info=why)
        return Refusal(500, "model_error", f"the model failed on this input: {type(why).__name__}", "See the endpoint's log.")

    # Called in the compute thread ---------------------------------------------------------------------------------------

    def _from_compute(self, entry: Entry, outcome: Any) -> None:
        self.session.loop.call_soon_threadsafe(self._arrived, entry, outcome)

    # Back on the loop ---------------------------------------------------------------------------------------------------

    def _arrived(self, entry: Entry, outcome: Any) -> None:
        if self.done.done():
            return
        if isinstance(outcome, BaseException):
            self._fail(outcome)
        elif isinstance(outcome, End):
            self.finish_reason = outcome.about.get("finish_reason")
            self.output_tokens = int(outcome.about.get("output_tokens", self.output_tokens))
            self.done.set_result(None)
        elif entry.stream:
            self.deadline = time.monotonic() + self.patience
            self.output_tokens += 1
            self.pieces.append(outcome)
            self._flush_soon()
        else:
            self.results[self.positions[id(entry)]] = outcome
            self.left -= 1
            if self.left == 0:
                self.done.set_result(None)

    def _flush_soon(self) -> None:
        """The first piece at once, later ones together."""
        if self.output_tokens == 1:
            self._flush()
        elif not self.flushing:
            self.flushing = True
            self.session.loop.call_later(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        self.flushing = False
        if self.pieces and not self.done.done():
            text, self.pieces = "".join(self.pieces), []
            self.session.send({"id": self.number, "status": 200, "last": False, "type": "text/plain"}, text.encode())
