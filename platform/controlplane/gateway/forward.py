"""From an endpoint to an answer: which revision, which replica, how long to wait, and when to try once more."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import NamedTuple

from controlplane.errors import Problem
from controlplane.gateway import shapes
from controlplane.gateway.link import Gone, Head
from controlplane.gateway.replicas import Late, Pieces, Replica
from controlplane.gateway.state import State
from controlplane.gateway.wire import Disconnected, Headers, Request
from controlplane.limits import limit
from controlplane.serving.routes import EndpointRoute, RevisionRoute

DEADLINE = float(limit("predict_seconds"))  # for a whole answer, or for the next piece of a stream
LOOK_AFTER = 0.1  # seconds after which a waiting request begins to watch whether its client is still there
BUSY_MAX = limit("predict_busy")  # requests on the way to one replica from this process
TRIES = 2


class Reply(NamedTuple):
    """An answer and who gave it."""

    revision: RevisionRoute
    head: Head
    body: bytes

    @property
    def headers(self) -> Headers:
        return version_headers(self.revision)


class Patience:
    """Ends the waiting for an answer: with Late at the deadline, with Disconnected when the client goes."""

    def __init__(self, request: Request, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._request = request
        self.until = self._loop.time() + seconds
        self._waiter: asyncio.Future[tuple[Head, bytes]] | None = None
        self._queue: Pieces | None = None
        self._watch: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(min(LOOK_AFTER, seconds), self._look)
        self.over: Exception | None = None

    @property
    def left(self) -> float:
        return max(0.0, self.until - self._loop.time())

    def waiter(self) -> "asyncio.Future[tuple[Head, bytes]]":
        """Where the answer of the next try arrives."""
        if self.over is not None:
            raise self.over
        self._waiter = self._loop.create_future()
        return self._waiter

    def queue(self) -> Pieces:
        """Where the pieces of the next try arrive; from the first one on there is no deadline for the whole."""
        self._queue = asyncio.Queue()
        return self._queue

    def _look(self) -> None:
        self._watch = self._loop.create_task(self._watching())
        self._timer = self._loop.call_at(self.until, self.end, Late())

    async def _watching(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self.end(Disconnected())

    def end(self, error: Exception) -> None:
        if isinstance(error, Late) and self._queue is not None:
            return
        self.over = error
        if self._queue is not None:
            self._queue.put_nowait(error)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def close(self) -> None:
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._waiter is not None and self._waiter.done() and not self._waiter.cancelled():
            self._waiter.exception()  # seen, even if nobody waited for it any more


async def predict(state: State, request: Request, route: EndpointRoute, body: bytes, kind: str) -> Reply:
    """Ask a replica. Raises Problem with the replica's refusal, 503 when there is none, 504 at the deadline; Disconnected."""
    patience = Patience(request, deadline_of(route))
    pin = pinned(request)
    tried: list[str] = []
    try:
        while True:
            revision, replica = choose(state, route, pin, tried)
            head: Head = {"op": "predict", "type": kind, "deadline": round(patience.left, 3)}
            try:
                head, answer = await replica.predict(head, body, patience.waiter())
            except Gone:
                problem = lost()
            except Late:
                raise late(deadline_of(route)) from None
            else:
                status = head.get("status", 200)
                if status < 400:
                    return Reply(revision, head, answer)
                problem = shapes.from_replica(status, answer, head.get("retry_after"))
                if status != 503 or not others(revision, replica):
                    raise Answered(revision, problem)
            tried.append(replica.route.id)
            if len(tried) >= TRIES:
                raise problem
            route = await state.again(route)
    finally:
        patience.close()


class Answered(Exception):
    """A revision answered, but with an error: its problem, and who it was."""

    def __init__(self, revision: RevisionRoute, problem: Problem) -> None:
        super().__init__(str(problem))
        self.revision, self.problem = revision, problem


async def stream(state: State, request: Request, route: EndpointRoute, body: bytes, kind: str) -> AsyncGenerator[Reply, None]:
    """Ask a replica for pieces. As `predict` until the first one came; after it a lost replica is a Problem like any other."""
    patience = Patience(request, deadline_of(route))
    pin = pinned(request)
    tried: list[str] = []
    try:
        while True:
            revision, replica = choose(state, route, pin, tried)
            head: Head = {"op": "stream", "type": kind, "deadline": deadline_of(route)}
            begun = False
            try:
                async with aclosing(replica.stream(head, body, patience.queue(), deadline_of(route))) as pieces:
                    async for head, piece in pieces:
                        if head.get("status", 200) >= 400:
                            problem = shapes.from_replica(head["status"], piece, head.get("retry_after"))
                            if begun or problem.status != 503 or not others(revision, replica):
                                raise Answered(revision, problem)
                            break
                        begun = True
                        yield Reply(revision, head, piece)
                    else:
                        return
            except Gone:
                problem = lost()
                if begun:
                    raise Answered(revision, problem) from None
            except Late:
                raise Answered(revision, late(deadline_of(route))) from None
            tried.append(replica.route.id)
            if len(tried) >= TRIES:
                raise problem
            route = await state.again(route)
    finally:
        patience.close()


def choose(state: State, route: EndpointRoute, pin: int | None, tried: Iterable[str] = ()) -> tuple[RevisionRoute, Replica]:
    """A revision by its share of the traffic (or the pinned one) and its least busy replica. Raises Problem 404, 503."""
    if pin is not None:
        candidates = [revision for revision in route.revisions if revision.revision == pin]
    else:
        candidates = [revision for revision in route.revisions if revision.traffic > 0]
    able = [(revision, found) for revision in candidates if (found := state.replicas.of(revision.replicas))]
    if not able:
        raise not_ready(route, pin)
    revision, found = able[0] if len(able) == 1 else able[state.balance.turn(route.id, [(row.revision, row.traffic) for row, _ in able])]
    if route.scales:
        state.peak[route.id] = max(state.peak.get(route.id, 0), 1 + sum(replica.busy for _, each in able for replica in each))
    fresh = [replica for replica in found if replica.route.id not in tried] or found
    replica = fresh[0] if len(fresh) == 1 else min(fresh, key=lambda each: (each.busy, random.random()))  # noqa: S311
    if replica.busy >= BUSY_MAX:
        raise Problem(503, "queue_full", "Too many requests are waiting for this endpoint.", headers={"Retry-After": "1"})
    return revision, replica


def others(revision: RevisionRoute, replica: Replica) -> bool:
    """Whether a replica that refuses has neighbours that may have room; asking it again would only add to its load."""
    return any(route.id != replica.route.id for route in revision.replicas)


def pinned(request: Request) -> int | None:
    """The revision a caller asks for by `X-Revision`. Raises Problem 422."""
    given = request.headers.get(b"x-revision")
    if given is None:
        return None
    if not given.isdigit() or len(given) > 9:
        message = "X-Revision must be the number of a revision."
        raise Problem(422, "bad_revision", message, errors=[{"loc": ["header", "X-Revision"], "msg": message}])
    return int(given)


def not_ready(route: EndpointRoute, pin: int | None) -> Problem:
    """Why nothing can answer, and when to try again."""
    name = f"{route.workspace}/{route.name}"
    reason = (route.reason or {}).get("message", "")
    if route.state == "stopped":
        return Problem(
            503, "endpoint_stopped", f"The endpoint {name} is stopped.", "Start it, then call again.", headers={"Retry-After": "30"}
        )
    if route.state == "failed":
        detail = f"The endpoint {name} has failed: {(route.error or {}).get('message', reason)}"
        return Problem(503, "endpoint_failed", detail, "Deploy another version.", headers={"Retry-After": "30"})
    if pin is not None and route.ready:
        hint = f"Ready now: {', '.join(str(revision.revision) for revision in route.revisions)}."
        return Problem(503, "revision_not_ready", f"Revision {pin} of {name} is not ready.", hint, headers={"Retry-After": "2"})
    detail = f"The model of {name} is loading. {reason}".strip()
    return Problem(503, "model_loading", detail, "Try again in a moment.", headers={"Retry-After": "2"})


def lost() -> Problem:
    detail = "The replica ended before it answered."
    return Problem(503, "replica_lost", detail, "Send the request again.", headers={"Retry-After": "1"})


def late(seconds: float) -> Problem:
    return Problem(504, "deadline_exceeded", f"No answer within {seconds:g} s.", "Ask for less in one request.")


def deadline_of(route: EndpointRoute) -> float:
    return float(route.limits.get("deadline_seconds") or DEADLINE)


def version_headers(revision: RevisionRoute) -> Headers:
    variant = [(b"x-model-variant", revision.variant.encode())] if revision.variant else []
    return [(b"x-model-version", revision.model.encode()), *variant, (b"x-revision", b"%d" % revision.revision)]


class Timing:
    """Measures one request and counts it once, whatever becomes of it. revision 0: none was reached · code: of its problem."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._began = time.perf_counter()
        self.first: float | None = None
        self.code = ""

    def piece(self) -> None:
        """The first piece of a stream has come."""
        if self.first is None:
            self.first = time.perf_counter() - self._began

    def count(self, route: EndpointRoute, revision: int, status: int, usage: dict[str, int] | None = None) -> None:
        self._state.meter.count(route.id, revision, status, time.perf_counter() - self._began, usage, self.first, self.code)
