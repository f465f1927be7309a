"""Events as they lie in the database: compressed chunks, found by cursor or by log line.

A chunk's body is zstd of JSON lines, each line the websocket's frame, so that reading is copying.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import zstandard
from django.db import transaction

from controlplane.jobs import doorbell
from controlplane.jobs.models import EventChunk, Job
from workers.contract.events import Event
from workers.contract.names import MiB

PLATFORM_RANK = 32767  # events the control plane itself makes
CHUNK_BYTES = MiB // 2


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def append(*, job: int, attempt: int, rank: int, first_seq: int, events: list[Event]) -> int:
    """Store events in order and give each its cursor (and each log line its number). Returns the job's new cursor.

    Must run inside a transaction; locks the job's row, so that cursors have no gap and no double.
    """
    row = Job.objects.select_for_update().only("cursor", "log_lines").get(pk=job)
    cursor: int = row.cursor
    line, first_line = row.log_lines, row.log_lines + 1
    frames = []
    for event in events:
        cursor += 1
        data = event.data
        if event.type == "log":
            line += 1
            data = {"line": line, **data}
        frame = {"cursor": cursor, "type": event.type, "time": rfc3339(event.time), "attempt": attempt, "data": data}
        frames.append(orjson.dumps(frame, option=orjson.OPT_NON_STR_KEYS))
    if frames:
        EventChunk.objects.create(
            job_id=job,
            attempt=attempt,
            rank=rank,
            first_seq=first_seq if rank != PLATFORM_RANK else cursor,
            first_cursor=row.cursor + 1,
            last_cursor=cursor,
            first_line=first_line,
            lines=line - row.log_lines,
            body=pack(frames),
        )
        Job.objects.filter(pk=job).update(cursor=cursor, log_lines=line)
        doorbell.ring(job, cursor, always=any(e.type == "state" for e in events))
    return cursor


def append_state(*, job: Job, attempt: int, data: dict[str, Any]) -> None:
    """The control plane's own word: the job's state changed."""
    event = Event(seq=1, time=datetime.now(UTC).timestamp(), type="state", data=data)
    append(job=job.pk, attempt=attempt, rank=PLATFORM_RANK, first_seq=1, events=[event])


def pack(frames: Iterable[bytes]) -> bytes:
    """A chunk's body. Each call has a compressor of its own: requests run on several threads, and one used by two of them at once
    destroys what it writes, or the process."""
    return zstandard.compress(b"\n".join(frames), level=3)


def unpack(body: bytes | memoryview) -> bytes:
    return zstandard.decompress(bytes(body))


def frames_of(body: bytes | memoryview) -> list[bytes]:
    return unpack(body).split(b"\n")


def read_events(job_pk: int, after: int, limit: int = 500) -> list[tuple[int, bytes]]:
    """Frames with a cursor above `after`, oldest first, at most about `limit` (always whole frames, never a gap)."""
    out: list[tuple[int, bytes]] = []
    chunks = EventChunk.objects.filter(job_id=job_pk, last_cursor__gt=after).order_by("first_cursor")
    for chunk in chunks.only("first_cursor", "body")[:limit].iterator(chunk_size=16):
        for cursor, frame in enumerate(frames_of(chunk.body), chunk.first_cursor):
            if cursor > after:
                out.append((cursor, frame))
                if len(out) >= limit:
                    return out
    return out


def log_lines(job: int, *, first: int, last: int | None = None, having: bytes = b"") -> Iterator[dict[str, Any]]:
    """Log lines first..last as {line, time, level, text, attempt}, in order, without holding them all.

    having: bytes in lower case that a line's frame must hold, so that a search parses only what may match.
    """
    chunks = EventChunk.objects.filter(job_id=job, lines__gt=0, first_line__gt=max(0, first - _widest(job, first)))
    if last is not None:
        chunks = chunks.filter(first_line__lte=last)
    for chunk in chunks.order_by("first_line").only("first_line", "lines", "body").iterator(chunk_size=8):
        frames = frames_with(chunk.body, having)
        if having or len(frames) != chunk.lines:  # else each of them is a line
            frames = [frame for frame in frames if is_log(frame)]
        if not having:  # a chunk's lines have no gap, so that those outside need not be parsed
            frames = frames[max(0, first - chunk.first_line) : None if last is None else last - chunk.first_line + 1]
        for frame in frames:
            value = orjson.loads(frame)
            data = value["data"]
            if data["line"] >= first and (last is None or data["line"] <= last):
                yield {
                    "line": data["line"],
                    "time": value["time"],
                    "level": data.get("level", "info"),
                    "text": data.get("text", ""),
                    "attempt": value["attempt"],
                }


def is_log(frame: bytes) -> bool:
    """Whether a frame is a log line; cursor and type stand at its beginning, as `append` writes them."""
    return frame.find(b'"type":"log"', 0, 48) > 0


def frames_with(body: bytes | memoryview, having: bytes) -> list[bytes]:
    """The chunk's frames that hold these bytes in any case; most chunks of a search are left without being split."""
    if not having:
        return frames_of(body)
    text = unpack(body)
    if having not in text.lower():
        return []
    return [frame for frame in text.split(b"\n") if having in frame.lower()]


def _widest(job: int, first: int) -> int:
    """How far before `first` the chunk that holds it may begin."""
    chunk = EventChunk.objects.filter(job_id=job, lines__gt=0, first_line__lte=first).order_by("-first_line").only("first_line").first()
    return first - chunk.first_line + 1 if chunk else first


def fold(job: int) -> int:
    """Merge an ended job's many small chunks into few large ones; cursors, lines and frames stay as they are. Returns rows saved."""
    saved = 0
    with transaction.atomic():
        Job.objects.select_for_update().only("pk").get(pk=job)
        group: list[EventChunk] = []
        size = 0
        for chunk in EventChunk.objects.filter(job_id=job).order_by("first_cursor"):
            if group and (size + len(chunk.body) > CHUNK_BYTES // 4 or chunk.attempt != group[0].attempt):
                saved += _merge(group)
                group, size = [], 0
            group.append(chunk)
            size += len(chunk.body)
        saved += _merge(group)
    return saved


def _merge(group: list[EventChunk]) -> int:
    if len(group) < 2:
        return 0
    head = group[0]
    head.body = pack(unpack(chunk.body) for chunk in group)
    head.last_cursor = group[-1].last_cursor
    head.first_line = min(c.first_line for c in group)
    head.lines = sum(c.lines for c in group)
    EventChunk.objects.filter(pk__in=[c.pk for c in group[1:]]).delete()
    head.save(update_fields=["body", "last_cursor", "first_line", "lines"])
    return len(group) - 1
