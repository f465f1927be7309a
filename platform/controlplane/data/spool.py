"""Part files: the bytes of uploads on their way in, appended under an exclusive lock and hashed while they flow.

One file per upload under `SLIPWAY_HOME/uploads`. What counts is the row's `offset`: bytes beyond it are cut off before the
next append, so that a process killed in the middle of a part loses nothing acknowledged and invents nothing.
"""

import fcntl
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controlplane import artifacts
from workers.contract.home import slipway_home
from workers.contract.names import MiB

RUNNING_HASHES = 512  # uploads whose sha256 is kept between parts; the others are read once more at the end

_hashes: OrderedDict[str, tuple[int, Any]] = OrderedDict()
_hashes_lock = threading.Lock()


class Busy(Exception):
    """Another request is appending to this upload."""


class Lost(Exception):
    """The part file is shorter than what was acknowledged: it lies on another host, or its disk was replaced."""


def folder() -> Path:
    """Where the parts lie."""
    place = slipway_home() / "uploads"
    if not place.is_dir():
        artifacts.make_folder(place)
    return place


def part_path(upload_id: str) -> Path:
    return folder() / artifacts.checked(upload_id)


class Part:
    """One upload's part file, locked. Positions are bytes from the file's start; not safe for two threads at once."""

    def __init__(self, upload_id: str, handle: int) -> None:
        self.upload_id, self.handle, self.path, self.end = upload_id, handle, part_path(upload_id), 0
        self.hash: Any = None  # sha256 of all bytes before `end`, None when they were not all seen

    def begin(self, offset: int) -> None:
        """Stand at `offset`, forgetting what lies beyond. Raises Lost."""
        if os.fstat(self.handle).st_size < offset:
            raise Lost(self.upload_id)
        os.ftruncate(self.handle, offset)
        self.end, self.hash = offset, _recall(self.upload_id, offset)

    def write(self, data: bytes | memoryview) -> None:
        """Append. Raises OSError (disk full); `end` then says how far it came."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self.handle, view, self.end)
            if self.hash is not None:
                self.hash.update(view[:done])
            self.end += done
            view = view[done:]

    def sync(self) -> int:
        """Bytes that will survive a power cut from now on."""
        os.fdatasync(self.handle)
        _remember(self.upload_id, self.end, self.hash)
        return self.end

    def sha256(self) -> str:
        """Hex digest of the whole file; read again only when not all bytes passed through this process."""
        if self.hash is None:
            self.hash = hashlib.sha256()
            position = 0
            while piece := os.pread(self.handle, 4 * MiB, position):
                self.hash.update(piece)
                position += len(piece)
        return str(self.hash.hexdigest())


@contextmanager
def locked(upload_id: str, *, create: bool = True) -> Iterator[Part]:
    """The part file under its lock. Raises Busy when another request holds it, FileNotFoundError when absent and not `create`."""
    path = part_path(upload_id)
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(upload_id) from None
        if not path.exists() or path.stat().st_ino != os.fstat(handle).st_ino:
            raise Busy(upload_id)  # it was finished or discarded between open and lock: the file is no longer ours to touch
        if create:
            artifacts.sync_folder(path.parent)
        yield Part(upload_id, handle)
    finally:
        os.close(handle)


def discard(upload_id: str) -> None:
    """Forget an upload's bytes."""
    part_path(upload_id).unlink(missing_ok=True)
    with _hashes_lock:
        _hashes.pop(upload_id, None)


def _recall(upload_id: str, offset: int) -> Any:
    if offset == 0:
        return hashlib.sha256()
    with _hashes_lock:
        at, state = _hashes.get(upload_id, (-1, None))
    return state.copy() if at == offset else None


def _remember(upload_id: str, offset: int, state: Any) -> None:
    with _hashes_lock:
        _hashes.pop(upload_id, None)
        if state is not None:
            _hashes[upload_id] = (offset, state.copy())
            while len(_hashes) > RUNNING_HASHES:
                _hashes.popitem(last=False)
