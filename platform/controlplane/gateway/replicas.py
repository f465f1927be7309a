"""The replicas this process knows: a kept link to each, how busy it is, and a breaker that keeps requests from a sick one."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Hashable, Iterable

from controlplane.gateway.link import Gone, Head, Link, ask, connect
from controlplane.serving.routes import ReplicaRoute

log = logging.getLogger(__name__)
BREAKER_FAILURES = 5
PROBE_SECONDS = 5.0
Pieces = asyncio.Queue[tuple[Head, bytes] | Exception]


class Late(Exception):
    """No answer within the deadline."""


class Replica:
    """One replica seen from here. busy: requests on the way · open_since: monotonic time at which its breaker opened, or None."""

    def __init__(self, route: ReplicaRoute) -> None:
        self.route = route
        self.busy = 0
        self._link: Link | None = None
        self._opening: asyncio.Task[Link] | None = None
        self._failures = 0
        self._probe: asyncio.Task[None] | None = None
        self.open_since: float | None = None

    async def link(self) -> Link:
        """The kept connection, made again when it is gone. Raises Gone."""
        if self._link is not None and self._link.alive:
            return self._link
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Link:
        try:
            self._link = await connect(self.route.address, self.route.host, self.route.secret)
            return self._link
        finally:
            self._opening = None

    async def predict(self, head: Head, body: bytes, waiter: "asyncio.Future[tuple[Head, bytes]]") -> tuple[Head, bytes]:
        """One request, one answer. `waiter` is where it arrives; whoever sets an exception on it ends the waiting.

        Raises Gone when the replica ends first, Late and whatever else is put into `waiter`; then the replica is told to stop."""
        self.busy += 1
        try:
            link = await self.link()

            def sink(head: Head | None, body: bytes) -> None:
                if not waiter.done():
                    waiter.set_exception(Gone()) if head is None else waiter.set_result((head, body))

            number = await link.send(head, body, sink)
            try:
                answer = await waiter
            finally:
                link.cancel(number)
            self._failures = 0
            return answer
        except (Gone, Late):
            self.failed()
            raise
        finally:
            self.busy -= 1

    async def stream(self, head: Head, body: bytes, queue: Pieces, seconds: float) -> AsyncGenerator[tuple[Head, bytes], None]:
        """One request, many answers; closing the generator tells the replica to stop. They arrive in `queue`, where anybody may
        put an exception that ends it. Raises Gone, Late when no piece came for `seconds`, and what was put into the queue."""
        self.busy += 1
        try:
            link = await self.link()
            number = await link.send(head, body, lambda head, body: queue.put_nowait(Gone() if head is None else (head, body)))
            try:
                while True:
                    try:
                        item = queue.get_nowait() if not queue.empty() else await asyncio.wait_for(queue.get(), seconds)
                    except TimeoutError:
                        raise Late from None
                    if isinstance(item, Exception):
                        raise item
                    yield item
                    if item[0].get("last", True):
                        self._failures = 0
                        return
            finally:
                link.cancel(number)
        except (Gone, Late):
            self.failed()
            raise
        finally:
            self.busy -= 1

    def failed(self) -> None:
        """Count a failure; after BREAKER_FAILURES in a row nothing is sent until a probe has been answered."""
        self._failures += 1
        if self._failures >= BREAKER_FAILURES and self.open_since is None:
            self.open_since = time.monotonic()
            log.warning("replica %s does not answer: asking it again every %.0f s", self.route.id, PROBE_SECONDS)
            self._probe = asyncio.get_running_loop().create_task(self._probing())

    async def _probing(self) -> None:
        """Greet it on a fresh connection every PROBE_SECONDS until it answers."""
        while self.open_since is not None:
            await asyncio.sleep(PROBE_SECONDS)
            try:
                link = await connect(self.route.address, self.route.host, self.route.secret)
                async with asyncio.timeout(2.0):
                    await ask(link, {"op": "hello", "secret": self.route.secret})
            except (Gone, TimeoutError):
                continue
            if self._link is not None:
                self._link.close()
            self._link, self.open_since, self._failures = link, None, 0
            log.info("replica %s answers again", self.route.id)

    def close(self) -> None:
        """Let go of it: at once when idle, else when the answers on the way are there or their deadlines have passed."""
        if self._probe is not None:
            self._probe.cancel()
        asyncio.get_running_loop().create_task(self._close_when_idle())

    async def _close_when_idle(self) -> None:
        for _ in range(3000):
            if not self.busy:
                break
            await asyncio.sleep(0.2)
        if self._link is not None:
            self._link.close()


class Replicas:
    """All replicas by id, kept across changes of the routes so that links and breakers live on."""

    def __init__(self) -> None:
        self._known: dict[str, Replica] = {}
        self._of: dict[Hashable, frozenset[str]] = {}

    def of(self, routes: Iterable[ReplicaRoute]) -> list[Replica]:
        """The replicas of a revision, those with an open breaker left out."""
        found = []
        for route in routes:
            replica = self._known.get(route.id)
            if replica is None:
                replica = self._known[route.id] = Replica(route)
            if replica.open_since is None:
                found.append(replica)
        return found

    def settle(self, endpoint: Hashable, alive: Iterable[str]) -> None:
        """These are the endpoint's replicas now: let go of those it had before."""
        now = frozenset(alive)
        for identifier in self._of.get(endpoint, frozenset()) - now:
            if identifier in self._known:
                self._known.pop(identifier).close()
        self._of[endpoint] = now

    def close(self) -> None:
        """The process ends: let go of all."""
        for replica in self._known.values():
            replica.close()
        self._known.clear()


class Balance:
    """Smooth weighted round robin: of any hundred requests in a row, each revision gets exactly its percent, evenly spread."""

    def __init__(self) -> None:
        self._credit: dict[int, dict[int, int]] = {}

    def turn(self, endpoint: int, weights: list[tuple[int, int]]) -> int:
        """The index in `weights` [(revision, percent), …] of the revision whose turn it is."""
        if endpoint not in self._credit and len(self._credit) > 10_000:
            self._credit.clear()
        credit = self._credit.setdefault(endpoint, {})
        best, total = 0, 0
        for index, (revision, percent) in enumerate(weights):
            total += percent
            credit[revision] = credit.get(revision, 0) + percent
            if credit[revision] > credit[weights[best][0]]:
                best = index
        credit[weights[best][0]] -= total
        return best
