"""Looks into ready dataset versions: pages of rows, and single images and sounds, through a few limited reader processes."""

import atexit
import base64
import hashlib
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from controlplane import artifacts
from controlplane.data.filters import Filter
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem, not_found
from workers.contract.home import ROOT, slipway_home
from workers.contract.names import GiB

logger = logging.getLogger(__name__)

READERS = 2  # processes of each web process
SECONDS = 10.0  # an answer may take
WAIT_SECONDS = 5.0  # for a free reader
REQUESTS = 500  # before a reader is replaced by a fresh one
CACHE_BYTES = 10 * GiB  # of shards fetched from a remote store
Places = dict[str, list[int]]  # split → rows of it
SPLIT_ORDER = {"train": 0, "validation": 1, "test": 2}


def child_command(module: str) -> tuple[list[str], dict[str, Any]]:
    """Command and options of a child that knows no secret: a bare environment, a session of its own."""
    paths = f"{ROOT / 'platform'}{os.pathsep}{ROOT}"
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": paths, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return [sys.executable, "-m", module], {"env": environment, "cwd": str(ROOT), "start_new_session": True}


class Reader:
    """One child process. Not safe for two threads at once."""

    def __init__(self) -> None:
        command, options = child_command("controlplane.data.reader")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        self.asked = 0

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer. Raises TimeoutError, EOFError when it died; the reader is of no use after either."""
        self.asked += 1
        end = time.monotonic() + seconds
        try:
            self._pipe(self.process.stdin).write(orjson.dumps(request) + b"\n")
            self._pipe(self.process.stdin).flush()
        except BrokenPipeError:
            raise EOFError from None
        received = bytearray()
        handle = self._pipe(self.process.stdout).fileno()
        while not received.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([handle], [], [], left)[0]:
                raise TimeoutError
            piece = os.read(handle, 1 << 20)
            if not piece:
                raise EOFError
            received += piece
        return dict(orjson.loads(received))

    def _pipe(self, pipe: Any) -> Any:
        if pipe is None:
            raise EOFError
        return pipe

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Pool:
    """A few readers, made when they are needed."""

    def __init__(self) -> None:
        self.free: list[Reader] = []
        self.places = threading.BoundedSemaphore(READERS)
        self.lock = threading.Lock()

    def ask(self, request: dict[str, Any], seconds: float = SECONDS) -> dict[str, Any]:
        """The reader's answer. Raises Problem 503 while all are busy, 422 when it takes too long or too much memory."""
        if not self.places.acquire(timeout=WAIT_SECONDS):
            raise Problem(503, "reader_busy", "Many people are looking at data just now.", "Try again in a few seconds.")
        try:
            reply = self._ask(request, seconds) or self._ask(request, seconds)
        finally:
            self.places.release()
        return self._checked(reply or {"error": "too_large"})

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """None when the reader died; asked again, a fresh one takes its place."""
        with self.lock:
            reader = self.free.pop() if self.free else None
        reader = reader or Reader()
        try:
            reply = reader.ask(request, seconds)
        except EOFError:
            reader.close()
            return None
        except TimeoutError:
            reader.close()
            detail = f"Looking through this data took longer than {seconds:.0f} seconds."
            raise Problem(422, "too_slow", detail, "Narrow it by split or by an exact filter, or download the version.") from None
        if reader.asked >= REQUESTS:
            reader.close()
        else:
            with self.lock:
                self.free.append(reader)
        return reply

    @staticmethod
    def _checked(reply: dict[str, Any]) -> dict[str, Any]:
        error = reply.get("error")
        if error == "too_large":
            raise Problem(
                422, "too_large", "These rows are too large to be shown.", "Ask for fewer rows with `limit`, or download the version."
            )
        if error == "unknown_column":
            raise Problem(400, "unknown_column", f"There is no column `{reply.get('name')}`.")
        if error:
            raise Problem(
                503, "unreadable", "The stored rows could not be read just now.", "Try again; if it repeats, prepare the version again."
            )
        return reply

    def close(self) -> None:
        with self.lock:
            while self.free:
                self.free.pop().close()


pool = Pool()
atexit.register(pool.close)


def in_order(splits: Iterable[str]) -> list[str]:
    """Train, validation, test, then others by name."""
    return sorted(splits, key=lambda split: (SPLIT_ORDER.get(split, 9), split))


def splits_of(version: DatasetVersion) -> list[str]:
    """The splits that have rows to look at, in their order."""
    return in_order(version.shards)


def page(
    version: DatasetVersion, *, split: str | None, offset: int, limit: int, filters: list[Filter], q: str, only: Places | None = None
) -> dict[str, Any]:
    """{items: [{row, split, values}], total, next_offset}. split None = all, in order; only: these rows and no others. Images and
    sounds stand as true."""
    splits = [split] if split else splits_of(version)
    whole = [(name, ref) for name in splits for ref in version.shards[name]]
    total = sum(version.splits.get(name, 0) for name in splits)
    plain = not filters and not q and only is None
    if plain and offset >= total:
        return {"items": [], "total": total, "next_offset": None}
    shards, skipped = _needed(whole, offset, limit) if plain and not artifacts.is_local() else (_all(whole), 0)
    request = {
        "op": "rows",
        "shards": shards,
        "features": version.features,
        "offset": offset - skipped,
        "limit": limit,
        "filters": filters,
        "q": q,
        "only": only,
    }
    reply = pool.ask(request)
    total = total if plain else reply["total"]
    after = offset + len(reply["items"])
    return {"items": reply["items"], "total": total, "next_offset": after if reply["items"] and after < total else None}


def _all(whole: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{"path": str(on_disk(ref["uri"])), "split": split, "base": 0} for split, ref in whole]


def _needed(whole: list[tuple[str, dict[str, Any]]], offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
    """Of a remote store: only the shards that hold the page, and how many rows lie before them."""
    shards: list[dict[str, Any]] = []
    before, skipped, bases = 0, 0, dict.fromkeys([split for split, _ in whole], 0)
    for split, ref in whole:
        if before >= offset + limit:
            break
        rows = _rows(ref["uri"])
        if before + rows > offset:
            shards.append({"path": str(on_disk(ref["uri"])), "split": split, "base": bases[split]})
        else:
            skipped += rows
        before += rows
        bases[split] += rows
    return shards, skipped


@lru_cache(maxsize=10_000)
def _rows(uri: str) -> int:
    return int(pool.ask({"op": "count", "path": str(on_disk(uri))})["rows"])


def stored(uri: str, features: dict[str, str], *, offset: int, limit: int, filters: list[Filter]) -> dict[str, Any]:
    """The same of one stored Parquet file that is no dataset's."""
    shard = {"path": str(on_disk(uri)), "split": "", "base": 0}
    request = {"op": "rows", "shards": [shard], "features": features, "offset": offset, "limit": limit, "filters": filters, "q": ""}
    reply = pool.ask(request)
    after = offset + len(reply["items"])
    following = after if reply["items"] and after < reply["total"] else None
    return {"items": reply["items"], "total": reply["total"], "next_offset": following}


def texts(version: DatasetVersion, *, split: str, rows: list[int], column: str, length: int) -> list[str]:
    """What stands in one column of these rows of a split, at most `length` characters of each; empty for a row that is not there."""
    found, first = dict.fromkeys(rows, ""), 0
    for ref in version.shards[split]:
        count = _rows(ref["uri"])
        inside = [row for row in found if first <= row < first + count]
        if inside:
            local = [row - first for row in inside]
            reply = pool.ask({"op": "texts", "path": str(on_disk(ref["uri"])), "rows": local, "column": column, "length": length})
            found.update(zip(inside, reply["texts"], strict=True))
        first += count
    return [found[row] for row in rows]


PAIRS_ROWS, PAIRS_BYTES, PAIRS_SECONDS = 200_000, 64 * 1024 * 1024, 3.0


def pairs(version: DatasetVersion, inputs: list[str], label: str | None) -> dict[str, int]:
    """What these columns are like as inputs and answer (see `reader`); empty where that is too much to look through while a form waits."""
    shards = [(split, ref) for split in splits_of(version) for ref in version.shards[split]]
    if not shards or sum(version.splits.values()) > PAIRS_ROWS or sum(int(ref["size"]) for _split, ref in shards) > PAIRS_BYTES:
        return {}
    return _pairs(version.pk, tuple(inputs), label)


@lru_cache(maxsize=256)
def _pairs(pk: int, inputs: tuple[str, ...], label: str | None) -> dict[str, int]:
    """A version never changes, so its columns are looked through once."""
    version = DatasetVersion.objects.get(pk=pk)
    shards = _all([(split, ref) for split in splits_of(version) for ref in version.shards[split]])
    try:
        return pool.ask({"op": "pairs", "shards": shards, "inputs": list(inputs), "label": label}, PAIRS_SECONDS)
    except Problem as problem:
        if problem.status >= 500:
            raise  # busy or away just now: asked again the next time
        return {}


def cell_path(version: DatasetVersion, split: str, row: int, column: str) -> str:
    """Where a browser finds one image or sound: a path without host, the same for a while."""
    return "/files/" + artifacts.token({"c": [version.pk, split, row, column]}, steady=True)


def cell(version: DatasetVersion, *, split: str, row: int, column: str) -> tuple[bytes, str]:
    """The bytes of one image or sound, and the name it came with. Raises 404."""
    if split not in version.shards or version.features.get(column) not in ("image", "audio"):
        raise not_found("cell")
    for ref in version.shards[split]:
        rows = _rows(ref["uri"])
        if row < rows:
            reply = pool.ask({"op": "cell", "path": str(on_disk(ref["uri"])), "row": row, "column": column})
            if reply["data"] is None:
                raise not_found("cell")
            return base64.b64decode(reply["data"]), str(reply["name"] or "")
        row -= rows
    raise not_found("cell")


# Shards of a remote store ----------------------------------------------------------------------------------------------------

_fetching = threading.Lock()


def on_disk(uri: str) -> Path:
    """A stored shard as a local file, fetched into a bounded cache when the store is remote."""
    path = artifacts.local_path(uri)
    if path:
        return path
    folder = slipway_home() / "cache" / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    cached = folder / hashlib.sha256(uri.encode()).hexdigest()
    with _fetching:
        if cached.exists():
            os.utime(cached)
        else:
            _make_room(folder, artifacts.stat(uri) or 0)
            artifacts.fetch(uri, cached)
    return cached


def _make_room(folder: Path, size: int) -> None:
    """Drop the files that were used longest ago until `size` more bytes fit."""
    files = sorted(((f.stat().st_mtime, f.stat().st_size, f) for f in folder.iterdir()), key=lambda entry: entry[0])
    held = sum(entry[1] for entry in files)
    for _, bytes_, file in files:
        if held + size <= CACHE_BYTES:
            return
        file.unlink(missing_ok=True)
        held -= bytes_
