"""Reading a job's log: by line, from the end, by search, whole, as it comes, or drawn as the page shows its first lines."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from controlplane.jobs import store
from controlplane.jobs.models import Job
from workers.contract.states import FINAL

LEVELS = ("debug", "info", "warning", "error")
DRAWN = 400  # characters of a drawn line; the script shows the rest
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07)")
_ROW = '<div class="row {}"><a href="#L{}" tabindex="-1">{}</a><time>{}</time><i>{}</i><span class="text">{}</span></div>'


def page(
    job: Job, *, after: int = 0, limit: int = 50, tail: int | None = None, line: int | None = None, q: str = "", level: str = ""
) -> dict[str, Any]:
    """{items, next, total}: `next` is the line number to go on after, null at the (present) end.

    after: lines above this number · tail: the last N · line: a page around this line · q: text, any case · level: this level and above.
    """
    total = job.log_lines
    if tail is not None:
        after, limit = max(0, total - tail), tail
    elif line is not None:
        after = max(0, line - 1 - limit // 2)
    wanted = LEVELS[LEVELS.index(level) :] if level else LEVELS
    needle = q.casefold()
    items: list[dict[str, Any]] = []
    if not q and not level:
        items = list(store.log_lines(job.pk, first=after + 1, last=after + limit))
    else:
        matches = (
            row
            for row in store.log_lines(job.pk, first=after + 1, having=bytes_of(needle) or bytes_of_level(level))
            if row["level"] in wanted and (not needle or needle in row["text"].casefold())
        )
        items = list(take(matches, limit))
    last = items[-1]["line"] if items else after
    return {"items": items, "next": last if len(items) == limit and last < total else None, "total": total}


def take(rows: Iterator[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    for row, _ in zip(rows, range(count), strict=False):
        yield row


def count(job: Job, q: str, level: str = "") -> int:
    """How many lines of this level and above hold this text."""
    needle = q.casefold()
    wanted = LEVELS[LEVELS.index(level) :] if level else LEVELS
    rows = store.log_lines(job.pk, first=1, having=bytes_of(needle) or bytes_of_level(level))
    return sum(row["level"] in wanted and needle in row["text"].casefold() for row in rows)


def around(job: Job, line: int, lines: int) -> list[dict[str, Any]]:
    """What a page shows at once: the lines about this one, else (0) the last ones."""
    first = max(1, (line - lines // 2) if line else job.log_lines - lines + 1)
    return list(store.log_lines(job.pk, first=first, last=first + lines - 1))


def drawn(rows: list[dict[str, Any]]) -> SafeString:
    """Lines as <log-view> draws them, to be read before its script has come. A progress bar keeps only its last state."""
    last = ((row, row["text"].rstrip("\r").rpartition("\r")[2]) for row in rows)
    return format_html_join(
        "",
        _ROW,
        (
            (
                row["level"],
                row["line"],
                f"{row['line']:,}",
                f"{localtime(datetime.fromisoformat(row['time'])):%H:%M:%S}",
                row["level"][:1].upper(),
                _ESCAPES.sub("", text)[:DRAWN],
            )
            for row, text in last
        ),
    )


def bytes_of_level(level: str) -> bytes:
    """What a frame of the highest level surely holds; those of several levels have nothing in common."""
    return b'"level":"error"' if level == "error" else b""


def bytes_of(needle: str) -> bytes:
    """What a frame surely holds if its text holds this needle: its longest run of letters and signs that JSON writes as they are
    and that have one case, or ASCII's two."""
    plain = "".join(c if c not in '"\\' and c.isprintable() and (c.isascii() or c.lower() == c.upper()) else "\n" for c in needle)
    return max(plain.split("\n"), key=len).encode()


def text(job: Job, *, after: int = 0) -> Iterator[bytes]:
    """The raw log, line by line."""
    for row in store.log_lines(job.pk, first=after + 1):
        yield row["text"].encode() + b"\n"


async def follow(job_pk: int, after: int = 0) -> AsyncIterator[bytes]:
    """The raw log from `after` on, then each line as it comes, until the job has ended."""
    line = after
    while True:
        job = await Job.objects.only("pk", "state", "log_lines").aget(pk=job_pk)
        rows = deque(await sync_to_async(lambda first: list(store.log_lines(job_pk, first=first, last=first + 4999)))(line + 1))
        for row in rows:
            yield row["text"].encode() + b"\n"
            line = row["line"]
        if not rows:
            if job.state in FINAL and line >= job.log_lines:
                return
            await asyncio.sleep(0.5)
