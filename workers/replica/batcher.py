"""What is computed together, and when: one thread, batches cut by tokens from requests sorted by length, no waiting when idle.

On a CPU padding costs as much as real tokens, so neighbours in length go together and a batch stops growing before padding eats the
gain; on a GPU the same rule with a larger token budget fills the device. The most urgent request leads each batch: earliest deadline
first, but nobody waits longer than `PATIENCE` because of others' deadlines. Streams take turns, one piece each, between batches.
"""

import logging
import threading
import time
from bisect import insort
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from workers.contract.names import PREDICT_STREAMS_MAX
from workers.contract.recipe import Item, Predictor

log = logging.getLogger(__name__)

PATIENCE = 2.0
SMALLEST = 16  # tokens: below this a row costs as much as any
FILL = 0.75  # real tokens / padded tokens a batch must keep

Deliver = Callable[["Entry", Any], None]


class Overdue(Exception):
    """The deadline passed before the work began or ended."""


class Cancelled(Exception):
    """Nobody waits for it any more."""


class End(NamedTuple):
    """What ends a stream well. about: what its generator returned, see the contract."""

    about: dict[str, Any]


@dataclass(eq=False, slots=True)
class Entry:
    """One item waiting. deliver: called in the compute thread with a result, an exception, a piece (str) or `End`.

    deadline: monotonic seconds; of a stream, until its first piece, and from then on `patience` seconds until the next ·
    lane: shared by the entries of one request; dropping it drops them all.
    """

    item: Item
    deadline: float
    lane: object
    deliver: Deliver
    stream: bool = False
    patience: float = 0.0
    pieces: list[str] = field(default_factory=list)
    arrived: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        return max(self.item.size, SMALLEST)

    @property
    def urgency(self) -> float:
        return min(self.deadline, self.arrived + PATIENCE)


def choose(waiting: list[Entry], tokens: int) -> list[Entry]:
    """The next batch out of `waiting` (sorted by size, not empty): the most urgent entry and its neighbours in length.

    Invariants: it holds the most urgent one; rows × longest ≤ tokens unless it is one row; at least `FILL` of it is not padding.
    """
    seed = min(range(len(waiting)), key=lambda index: waiting[index].urgency)
    low, high = seed, seed + 1
    total = longest = waiting[seed].size
    while True:
        shorter = waiting[low - 1].size if low > 0 else None
        longer = waiting[high].size if high < len(waiting) else None
        rows = high - low + 1
        if shorter is not None and not _fits(rows, longest, total + shorter, tokens):
            shorter = None
        if longer is not None and not _fits(rows, longer, total + longer, tokens):
            longer = None
        if shorter is None and longer is None:
            return waiting[low:high]
        if longer is None or (shorter is not None and longest - shorter <= longer - longest):
            low, total = low - 1, total + (shorter or 0)
        else:
            high, total, longest = high + 1, total + longer, longer


def _fits(rows: int, longest: int, total: int, tokens: int) -> bool:
    return rows * longest <= tokens and total >= FILL * rows * longest


class Batcher(threading.Thread):
    """The compute thread. Everything else may be called from any thread."""

    def __init__(self, predictor: Predictor, tokens: int, prepare: Callable[[], None] = lambda: None) -> None:
        super().__init__(name="compute", daemon=True)
        self.predictor, self.tokens, self._prepare = predictor, tokens, prepare
        self._collect: Callable[[Item, str, dict[str, Any]], Any] | None = getattr(predictor, "collect", None)
        self._changed = threading.Condition()
        self._waiting: list[Entry] = []
        self._streams_waiting: list[Entry] = []
        self._active: list[tuple[Entry, Iterator[str]]] = []
        self._dropped: set[object] = set()
        self._closing = False
        self.batches = self.rows = 0

    @property
    def backlog(self) -> int:
        """Entries nobody works on yet."""
        return len(self._waiting) + len(self._streams_waiting)

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._streams_waiting or self._active)

    def put(self, entries: list[Entry]) -> None:
        with self._changed:
            for entry in entries:
                if entry.stream or self._collect:
                    self._streams_waiting.append(entry)
                else:
                    insort(self._waiting, entry, key=lambda one: one.size)
            self._changed.notify()

    def drop(self, lane: object) -> None:
        """Forget a request: what waits is gone at once, a stream stops at its next piece."""
        with self._changed:
            self._waiting = [entry for entry in self._waiting if entry.lane is not lane]
            self._streams_waiting = [entry for entry in self._streams_waiting if entry.lane is not lane]
            if any(entry.lane is lane for entry, _ in self._active):
                self._dropped.add(lane)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()

    def run(self) -> None:
        self._prepare()
        while True:
            with self._changed:
                while self.idle and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                overdue = self._take_overdue()
                batch = choose(self._waiting, self.tokens) if self._waiting else []
                for entry in batch:
                    self._waiting.remove(entry)
                begin = self._streams_waiting[: PREDICT_STREAMS_MAX - len(self._active)]
                self._streams_waiting = self._streams_waiting[len(begin) :]
                self._active += [(entry, self._begin(entry)) for entry in begin]
            for entry in overdue:
                entry.deliver(entry, Overdue())
            if batch:
                self._compute(batch)
            if self._active:
                self._turn()

    def _begin(self, entry: Entry) -> Generator[str, None, Any]:
        """The stream of an entry; nothing of it runs before its first piece is asked for. Returns what its generator returns."""
        return (yield from self.predictor.stream(entry.item))

    def _take_overdue(self) -> list[Entry]:
        now = time.monotonic()
        late = [entry for entry in (*self._waiting, *self._streams_waiting) if entry.deadline <= now]
        if late:
            self._waiting = [entry for entry in self._waiting if entry.deadline > now]
            self._streams_waiting = [entry for entry in self._streams_waiting if entry.deadline > now]
        return late

    def _compute(self, batch: list[Entry]) -> None:
        """One call of the model. When a batch of many fails, each of its rows is tried alone, so that one cannot fail the others."""
        self.batches, self.rows = self.batches + 1, self.rows + len(batch)
        try:
            results = self.predictor.predict([entry.item for entry in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"the model gave {len(results)} results for {len(batch)} inputs")
        except Exception as error:
            if len(batch) == 1:
                batch[0].deliver(batch[0], error)
                return
            for entry in batch:
                self._compute([entry])
            return
        for entry, result in zip(batch, results, strict=True):
            entry.deliver(entry, result)

    def _turn(self) -> None:
        """One piece of every active stream."""
        now = time.monotonic()
        kept = []
        for entry, pieces in self._active:
            if entry.lane in self._dropped:
                self._finish(entry, pieces, Cancelled())
            elif entry.deadline <= now:
                self._finish(entry, pieces, Overdue())
            elif self._piece(entry, pieces):
                kept.append((entry, pieces))
        with self._changed:
            self._active = kept
            self._dropped &= {entry.lane for entry, _ in kept}

    def _piece(self, entry: Entry, pieces: Iterator[str]) -> bool:
        """Deliver the next piece, or keep it for a whole answer. False when the stream is over."""
        try:
            piece = next(pieces)
            if entry.stream:
                entry.deliver(entry, piece)
                entry.deadline = max(entry.deadline, time.monotonic() + entry.patience)
            else:
                entry.pieces.append(piece)
            return True
        except StopIteration as stop:
            about = stop.value if isinstance(stop.value, dict) else {}
            whole = not entry.stream and self._collect
            entry.deliver(entry, whole(entry.item, "".join(entry.pieces), about) if whole else End(about))
        except Exception as error:
            entry.deliver(entry, error)
        return False

    def _finish(self, entry: Entry, pieces: Iterator[str], why: Exception) -> None:
        """Closing the iterator stops its work."""
        close = getattr(pieces, "close", None)
        if close:
            try:
                close()
            except Exception:
                log.exception("a stream could not be closed")
        entry.deliver(entry, why)
