"""What the sockets of this process share: feeds, the doorbell, the word to the workers that somebody watches, the look at who may."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from channels.layers import channel_layers
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from controlplane.live.access import Ticket, still_fits
from controlplane.live.feed import Feed
from controlplane.live.store import ask, frames
from workers.contract.home import redis_url

log = logging.getLogger(__name__)

WATCH_SECONDS = 5  # how long the word "somebody watches" holds
TURN_SECONDS = 2.0
CHECK_SECONDS = 3.0
SILENT_SECONDS = 8.0


def _layer() -> Any:
    """The doorbell's transport, as the settings name it."""
    return channel_layers["default"]


class Watch:
    """The one of this process and event loop."""

    def __init__(self) -> None:
        self.feeds: dict[int, Feed] = {}
        self.sockets: defaultdict[Ticket, set[Callable[[int], None]]] = defaultdict(set)
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.redis = aioredis.Redis.from_url(redis_url(), socket_timeout=1, socket_connect_timeout=1)
        self.common = [asyncio.create_task(work()) for work in (self._doorbell, self._tell, self._check)]
        self.channel: str | None = None
        self.heard: set[int] = set()

    @asynccontextmanager
    async def feed(self, job: int, newest: int) -> AsyncIterator[Feed]:
        """The job's feed, kept while somebody holds it."""
        feed = self.feeds.get(job)
        if feed is None:
            feed = self.feeds[job] = Feed(job, newest, partial(frames, job))
            self.tasks[job] = asyncio.create_task(feed.run())
            feed.ring()
        feed.watchers += 1
        if feed.watchers == 1:
            await self._hear(job)
            await self._say(job)
        try:
            yield feed
        finally:
            feed.watchers -= 1
            if not feed.watchers and self.feeds.get(job) is feed:
                del self.feeds[job]
                self.tasks.pop(job).cancel()
                await self._unhear(job)

    @asynccontextmanager
    async def seat(self, ticket: Ticket, close: Callable[[int], None]) -> AsyncIterator[None]:
        """While open, `close(code)` is called once access has ended."""
        self.sockets[ticket].add(close)
        try:
            yield
        finally:
            self.sockets[ticket].discard(close)
            if not self.sockets[ticket]:
                del self.sockets[ticket]

    async def _hear(self, job: int) -> None:
        layer = _layer()
        if self.channel is None:
            return
        try:
            async with asyncio.timeout(1):
                await layer.group_add(f"job.{job}", self.channel)
            self.heard.add(job)
        except (RedisError, OSError, TimeoutError) as error:
            log.info("the doorbell of job %s cannot be heard, its events are looked for every 2 s: %s", job, error)

    async def _unhear(self, job: int) -> None:
        layer = _layer()
        if self.channel and job in self.heard:
            self.heard.discard(job)
            try:
                async with asyncio.timeout(1):
                    await layer.group_discard(f"job.{job}", self.channel)
            except (RedisError, OSError, TimeoutError):
                log.debug("job %s is still heard; its rings are ignored", job)

    async def _doorbell(self) -> None:
        """Receives every ring for this process and passes it to the feed it is for."""
        layer = _layer()
        while True:
            try:
                self.channel = await layer.new_channel("live.")
                self.heard.clear()
                for job in list(self.feeds):
                    await self._hear(job)
                while True:
                    async with asyncio.timeout(SILENT_SECONDS):
                        message = await layer.receive(self.channel)
                    if feed := self.feeds.get(message.get("job", 0)):
                        feed.ring()
            except (RedisError, OSError, TimeoutError) as error:
                log.info("no doorbell at the moment: %s", error or "not even our own ring is heard")
                self.channel = None
                await self._hang_up(layer)
                await asyncio.sleep(1)

    async def _hang_up(self, layer: Any) -> None:
        """Let the transport go: a line that fell silent without a word would stay silent for ever."""
        try:
            async with asyncio.timeout(1):
                await layer.flush()
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("the old doorbell could not be hung up: %s", error)

    async def _tell(self) -> None:
        """Says again and again which jobs are watched, so that their workers report at once."""
        while True:
            await asyncio.sleep(TURN_SECONDS)
            await self._ring_ourselves()
            for job in list(self.feeds):
                await self._say(job)
                if job not in self.heard:
                    await self._hear(job)

    async def _ring_ourselves(self) -> None:
        """So that our own doorbell is never silent for long unless it is broken."""
        if self.channel is None:
            return
        try:
            async with asyncio.timeout(1):
                await _layer().send(self.channel, {"type": "here"})
        except (RedisError, OSError, TimeoutError):
            log.debug("our own doorbell does not ring")

    async def _say(self, job: int) -> None:
        try:
            await self.redis.set(f"watch:job.{job}", b"1", ex=WATCH_SECONDS)
        except (RedisError, OSError, TimeoutError):
            log.debug("nobody hears that job %s is watched; it reports every 2 s", job)

    async def _check(self) -> None:
        """Asks again whether each watcher still may; equal tickets are asked for once."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            for ticket in list(self.sockets):
                try:
                    code = await ask(still_fits, ticket)
                except Exception as error:  # a database that is away ends nobody's access; the next turn asks again
                    log.warning("access of open sockets cannot be checked: %s", error)
                    break
                if code:
                    for close in list(self.sockets.get(ticket, ())):
                        close(code)

    async def end(self) -> None:
        for task in (*self.common, *self.tasks.values()):
            task.cancel()
        await self.redis.aclose()


_watches: dict[asyncio.AbstractEventLoop, Watch] = {}


def watch() -> Watch:
    """This event loop's."""
    loop = asyncio.get_running_loop()
    if loop not in _watches:
        _watches[loop] = Watch()
    return _watches[loop]


async def shutdown() -> None:
    """Ends what `watch` began on this event loop."""
    if found := _watches.pop(asyncio.get_running_loop(), None):
        await found.end()
