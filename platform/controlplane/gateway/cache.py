"""What the gateway remembers: answers of a slow source, so that a request touches no database and outlives its absence."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
STALE = 30.0  # the age of what is no longer trusted to be fresh, but good enough while the source is away


class SourceAway(Exception):
    """The source cannot be asked right now."""


class Cache(Generic[K, V]):
    """Remembers what `load` answered.

    fresh(value): seconds for which it is used without asking again; up to twice that it is used once more while it is asked for
    behind the request's back · kept: seconds for which it is used when the source is away · size: entries, the least used go first.
    """

    def __init__(self, load: Callable[[K], Awaitable[V]], *, fresh: Callable[[V], float], kept: float = 60.0, size: int = 20_000) -> None:
        self._load, self._fresh, self._kept, self._size = load, fresh, kept, size
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()  # value, monotonic time of loading
        self._running: dict[K, asyncio.Task[V]] = {}
        self._forgotten = 0  # how often something was forgotten,
        self._expired = 0  # and how often everything was declared stale: what was asked for before is not fresh

    async def get(self, key: K) -> V:
        """The value of `key`. Raises SourceAway when it is not remembered well enough and cannot be asked for."""
        entry = self._entries.get(key)
        if entry is None:
            return await asyncio.shield(self._ask(key))
        value, loaded = entry
        age, fresh = time.monotonic() - loaded, self._fresh(value)
        if age < fresh:
            return value
        task = self._ask(key)
        if age < 2 * fresh:
            return value
        try:
            return await asyncio.shield(task)
        except SourceAway:
            if age < self._kept:
                return value
            raise

    def forget(self, matches: Callable[[K, V], bool] | None = None) -> None:
        """Drop what matches (default: everything); an answer that is on its way is not kept either."""
        self._forgotten += 1
        self._running.clear()
        if matches is None:
            self._entries.clear()
            return
        for key in [key for key, (value, _) in self._entries.items() if matches(key, value)]:
            del self._entries[key]

    def expire(self) -> None:
        """Ask again at the next use, but keep the values for the case that the source is away."""
        self._expired += 1
        self._running.clear()
        stale = time.monotonic() - STALE
        for key, (value, loaded) in self._entries.items():
            self._entries[key] = (value, min(loaded, stale))

    def _ask(self, key: K) -> "asyncio.Task[V]":
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.get_running_loop().create_task(self._fill(key))
            task.add_done_callback(lambda done: self._asked(key, done))
        return task

    def _asked(self, key: K, task: "asyncio.Task[V]") -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, SourceAway):
            log.error("the gateway could not look something up", exc_info=error)

    async def _fill(self, key: K) -> V:
        forgotten, expired = self._forgotten, self._expired
        value = await self._load(key)
        if forgotten == self._forgotten:
            self._entries[key] = (value, time.monotonic() - (STALE if expired != self._expired else 0.0))
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
        return value
