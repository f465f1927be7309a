"""Readers of the two files a child grows: events as JSON lines, and whatever it prints. Never more than a piece in memory."""

import re
import time
from pathlib import Path
from typing import Any

import orjson

from workers.contract.names import LOG_LINE_MAX, MiB

PIECE = 1 * MiB
EVENT_LINE_MAX = 1 * MiB
SPOKEN = frozenset({"progress", "log", "metric", "sample", "checkpoint", "error", "ready"})
ERROR_LINE = re.compile(r"^(Traceback \(|[\w.]*(Error|Exception|Interrupt)\b:)|\b(ERROR|CRITICAL|FATAL)\b")
WARNING_LINE = re.compile(r"\bWARN(ING)?\b|Warning:")

Spoken = tuple[float, str, dict[str, Any]]  # time, type, data


class Lines:
    """Complete lines of a growing file, each at most `longest` bytes: what is longer is cut there, and the rest of it skipped."""

    def __init__(self, path: Path, longest: int) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 (kept open for as long as the child works)
        self._longest, self._part, self._skipping = longest, b"", False

    def read(self) -> list[bytes]:
        """What has come since the last call, at most a piece; [] = nothing new."""
        piece = self._file.read(PIECE)
        if not piece:
            return []
        *whole, rest = piece.split(b"\n")
        if whole:
            whole[0] = self._part + whole[0]
            if self._skipping:
                whole.pop(0)
            self._part, self._skipping = rest, False
        else:
            self._part += rest
        lines = [line[: self._longest] for line in whole]
        if b"\r" in self._part:  # a progress bar paints over itself: its last state is enough
            self._part = self._part[self._part.rstrip(b"\r").rfind(b"\r") + 1 :]
        if len(self._part) > self._longest:
            if not self._skipping:
                lines.append(self._part[: self._longest])
            self._part, self._skipping = b"", True
        return lines

    def rest(self) -> bytes:
        """The last line, when it did not end with a newline."""
        part, self._part = (b"" if self._skipping else self._part), b""
        return part

    def close(self) -> None:
        self._file.close()


class LogTail:
    """Printed lines as `log` events."""

    def __init__(self, path: Path) -> None:
        self._lines = Lines(path, LOG_LINE_MAX)

    def read(self, last: bool = False) -> list[Spoken]:
        lines = self._lines.read()
        if last and not lines and (rest := self._lines.rest()):
            lines = [rest]
        return [(time.time(), "log", {"level": level_of(text), "text": text}) for text in map(as_text, lines)]

    def close(self) -> None:
        self._lines.close()


def as_text(line: bytes) -> str:
    """One line to show: the last state of a progress bar, no NUL, valid Unicode."""
    shown = line.rstrip(b"\r").rpartition(b"\r")[2]
    return shown.decode("utf-8", "replace").replace("\0", "\ufffd")


def level_of(text: str) -> str:
    if ERROR_LINE.search(text):
        return "error"
    return "warning" if WARNING_LINE.search(text) else "info"


class EventTail:
    """What the child says by name. A line that is no event becomes a warning in the log, never a failure."""

    def __init__(self, path: Path) -> None:
        self._lines = Lines(path, EVENT_LINE_MAX)

    def read(self, last: bool = False) -> list[Spoken]:
        lines = self._lines.read()
        if last and not lines:  # half a line at the end was never finished: the child died in the middle of it
            self._lines.rest()
        return [_event(line) for line in lines]

    def close(self) -> None:
        self._lines.close()


def _event(line: bytes) -> Spoken:
    try:
        event = orjson.loads(line)
        kind, data, when = event["type"], event["data"], float(event["time"])
        if kind in SPOKEN and isinstance(data, dict):
            return when, kind, data
    except (ValueError, TypeError, KeyError):
        pass
    return time.time(), "log", {"level": "warning", "text": f"an unreadable event was skipped: {line[:200]!r}"}
