"""The thread that carries one child's events to the door, in one order, without a gap, for as long as it takes.

The run folder is the spool: while the door is away little is read, so memory stays flat, and nothing is lost.
Every post is a heartbeat; when there is nothing to say, a bare heartbeat is sent every few seconds.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

import orjson

from workers.contract.events import Desired
from workers.contract.names import EVENT_BATCH_COUNT, EVENT_BATCH_MAX, HEARTBEAT_SECONDS, REPORT_WATCHED_SECONDS
from workers.door import AttemptDoor, Away, Refused, Stale, backoff
from workers.folder import RunFolder
from workers.tail import EventTail, LogTail, Spoken

log = logging.getLogger(__name__)
HELD_MAX = 4 * EVENT_BATCH_COUNT
BEAT_SECONDS = 20.0  # a heartbeat with what the child uses goes up at least this often, whatever else does
HURRY_SECONDS = 10.0  # after its start a run is reported fast, so that its first line is seen at once


class Reporter(threading.Thread):
    """desired: the door's last word · stale: set once our token is no longer in charge · ready: set once the
    child, a replica, says that it answers · rss: bytes, cpu: busy processors, both written by the shepherd."""

    def __init__(self, door: AttemptDoor, folder: RunFolder, rank: int, on_checkpoint: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(name="reporter", daemon=True)
        self.door, self.rank, self.on_checkpoint = door, rank, on_checkpoint
        self.desired = Desired(report=REPORT_WATCHED_SECONDS)
        self.stale, self.failed, self.ready = threading.Event(), threading.Event(), threading.Event()
        self.rss = self.seq = 0
        self.cpu: float | None = None
        self._tails = (EventTail(folder.events), LogTail(folder.log))
        self._said: SimpleQueue[Spoken] = SimpleQueue()
        self._held: deque[bytes] = deque()
        self._child_ended, self._closing, self._nudge = threading.Event(), threading.Event(), threading.Event()
        self.read_out = threading.Event()  # set once everything the child left has been read
        self._begun, self._last_post, self._last_beat = time.monotonic(), 0.0, time.monotonic()

    def say(self, kind: str, data: dict[str, Any]) -> None:
        """An event of the shepherd's own, in order with the child's."""
        self._said.put((time.time(), kind, data))
        self._nudge.set()

    def note(self, text: str, level: str = "info") -> None:
        self.say("log", {"level": level, "text": text})

    def child_ended(self) -> None:
        """Nothing will be added to the folder: read it to its end, then set `read_out`."""
        self._child_ended.set()
        self._nudge.set()

    def close(self) -> None:
        """Send all there is and end. Comes after `child_ended()`. Returns at once; `join()` waits."""
        self._closing.set()
        self._nudge.set()

    def run(self) -> None:
        tries = 0
        while not self.stale.is_set():
            ended, closing = self._child_ended.is_set(), self._closing.is_set()  # before collecting: what is there by now is collected
            more = self._collect(last=ended)
            if ended and not more:
                self.read_out.set()
            if closing and not more and not self._held:
                break
            try:
                self._post()
                tries = 0
                if not self._held and not more:
                    self._wait(self._pace())
            except Away as away:
                log.info("door away, try %d: %s", tries + 1, away)
                self._wait(backoff(tries), patient=True)
                tries += 1
            except Stale as stale:
                log.warning("attempt is stale: %s", stale)
                self.stale.set()
        for tail in self._tails:
            tail.close()

    def _pace(self) -> float:
        if self._closing.is_set() or (self._child_ended.is_set() and not self.read_out.is_set()):
            return 0.0
        if time.monotonic() - self._begun < HURRY_SECONDS:
            return REPORT_WATCHED_SECONDS
        return max(0.02, min(self.desired.report, self._last_post + HEARTBEAT_SECONDS - time.monotonic()))

    def _wait(self, seconds: float, patient: bool = False) -> None:
        """Sleep until it is time, or (unless patient) somebody has something to say."""
        if patient:
            time.sleep(seconds)
        else:
            self._nudge.wait(seconds)
            self._nudge.clear()

    def _collect(self, last: bool) -> bool:
        """Take over what is new, up to the bound. True when there may be more."""
        if len(self._held) >= HELD_MAX:
            return True
        fresh: list[Spoken] = []
        for tail in self._tails:
            fresh += tail.read(last)
        while True:
            try:
                fresh.append(self._said.get_nowait())
            except Empty:
                break
        for when, kind, data in fresh:
            if kind == "checkpoint" and "files" not in data:
                self.on_checkpoint(data)  # told again once its files are stored
            else:
                if kind == "ready":
                    self.ready.set()
                self._hold(when, kind, data)
        return bool(fresh)

    def _hold(self, when: float, kind: str, data: dict[str, Any]) -> None:
        self.seq += 1
        event = orjson.dumps({"seq": self.seq, "time": when, "type": kind, "data": data}, option=orjson.OPT_NON_STR_KEYS)
        if len(event) > EVENT_BATCH_MAX:
            text = f"an event of {len(event)} bytes ({kind}) was left out: at most {EVENT_BATCH_MAX} are allowed"
            event = orjson.dumps({"seq": self.seq, "time": when, "type": "log", "data": {"level": "warning", "text": text}})
        self._held.append(event)

    def _post(self) -> None:
        """One batch, or a heartbeat when there is nothing to post and it is time."""
        count = size = 0
        for event in self._held:
            if count and (count >= EVENT_BATCH_COUNT or size + len(event) > EVENT_BATCH_MAX):
                break
            count, size = count + 1, size + len(event) + 1
        if time.monotonic() - (self._last_beat if count else self._last_post) >= (BEAT_SECONDS if count else HEARTBEAT_SECONDS * 0.9):
            self._heard(self.door.heartbeat(self.rss, self.seq, self.cpu))
            self._last_beat = self._last_post
        if not count:
            return
        batch = b'{"rank":%d,"events":[%s]}' % (self.rank, b",".join(islice(self._held, count)))
        try:
            self._heard(self.door.events(batch))
        except Refused as refused:
            log.error("the door refused %d events: %s", count, refused)
            self.failed.set()
        for _ in range(count):
            self._held.popleft()

    def _heard(self, desired: Desired) -> None:
        self._last_post = time.monotonic()
        self.desired = desired
