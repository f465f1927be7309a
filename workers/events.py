"""The event file of a run folder: what a child says, one JSON line each, appended and never rewritten.

The child writes to a file and never to a pipe or socket, so that nobody who reads slowly can hold it up. Not covered
here: reading the file and posting it, which is the shepherd's.
"""

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from workers.contract.events import EventType
from workers.contract.names import LOG_LINE_MAX

EVENTS = "events.jsonl"
_DROPPABLE = frozenset({"log", "metric", "progress", "sample"})  # a full disk may cost these, never the run
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class EventWriter:
    """Appends `workers.contract.events.Event` lines to `<folder>/events.jsonl`; seq goes on where the file ends.

    One writer per file; its methods may be called from several threads. While the disk is full, logs, metrics, progress
    and samples are dropped and counted, and the first line after it says how many bytes are missing; other types raise OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._file = os.open(folder / EVENTS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size, self.seq = _resume(self._file)
        self._dropped = 0

    def emit(self, type: EventType, data: dict[str, Any]) -> int:
        """Write one event at once and return its seq (0 when it was dropped). Non-finite numbers become null."""
        with self._lock:
            if self._dropped:
                text = f"{self._dropped} bytes dropped: disk full"
                if self._append("log", {"level": "warning", "text": text}):
                    self._dropped = 0
            return self._append(type, data)

    def log(self, text: str, level: str = "info") -> None:
        """One log event a line; longer lines are cut at LOG_LINE_MAX bytes."""
        for line in text.splitlines() or [""]:
            self.emit("log", {"level": level, "text": _cut(line)})

    def progress(self, step: int, total_steps: int | None, epoch: float | None = None, eta_seconds: float | None = None) -> None:
        """How far it is; the unit of `step` is the child's own."""
        self.emit("progress", {"step": step, "total_steps": total_steps, "epoch": epoch, "eta_seconds": eta_seconds})

    def close(self) -> None:
        os.close(self._file)

    def _append(self, type: EventType, data: dict[str, Any]) -> int:
        event = {"seq": self.seq + 1, "time": time.time(), "type": type, "data": data}
        line = orjson.dumps(event, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY) + b"\n"
        try:
            written = os.pwrite(self._file, line, self._size)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            os.ftruncate(self._file, self._size)  # half a line must not stay
            if type not in _DROPPABLE:
                raise
            self._dropped += len(line)
            return 0
        self._size += len(line)
        self.seq += 1
        return self.seq


def _cut(text: str) -> str:
    """At most LOG_LINE_MAX bytes of UTF-8, never half a character."""
    raw = text.encode("utf-8", "replace")
    return raw[:LOG_LINE_MAX].decode("utf-8", "ignore") if len(raw) > LOG_LINE_MAX else raw.decode()


def _resume(file: int) -> tuple[int, int]:
    """(end of the last whole line, its seq) of an open event file; a torn last line is cut off."""
    size = os.fstat(file).st_size
    end, tail = size, b""
    while end > 0:
        start = max(0, end - 65536)
        tail = os.pread(file, end - start, start) + tail
        end = start
        if (last := tail.rfind(b"\n")) < 0:
            continue
        before = tail.rfind(b"\n", 0, last)
        if before >= 0 or start == 0:
            size = start + last + 1
            os.ftruncate(file, size)
            return size, int(orjson.loads(tail[before + 1 : last])["seq"])
    os.ftruncate(file, 0)
    return 0, 0
