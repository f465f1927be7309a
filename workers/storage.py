"""Storage URI ↔ local file, on the worker's side: links and shortcuts down, slots up. Nothing here knows a bucket or a key.

Down: the same path on this machine's disk if it is there, else a download into a cache by SHA-256, checked while it streams.
Up: aside, synced, renamed when the store is on this disk, else a PUT to a signed link.
"""

import contextlib
import fcntl
import hashlib
import http.client
import os
import secrets
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from workers.contract.events import UploadSlot
from workers.contract.home import door_url, slipway_home
from workers.contract.names import GiB, MiB
from workers.contract.orders import FileRef
from workers.door import Away
from workers.folder import sync_folder

PIECE = 1 * MiB
TRANSFER_SECONDS = 60.0  # without one byte
CACHE_BYTES = 20 * GiB
FREE_MARGIN = 64 * MiB


class Damaged(Exception):
    """The bytes are not those their SHA-256 or size promises."""


class Expired(Exception):
    """The signed link is no longer good; ask the door for a new one."""


class DiskFull(Exception):
    """Not enough room. needed, free: bytes."""

    def __init__(self, needed: int, free: int) -> None:
        super().__init__(f"disk full: {needed} bytes needed, {free} bytes free")
        self.needed, self.free = needed, free


def safe_name(name: str) -> PurePosixPath:
    """A relative name that stays inside its folder. Raises ValueError otherwise."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"unsafe file name {name!r}")
    return path


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_room(folder: Path, needed: int) -> None:
    """Raises DiskFull when `folder`'s disk has not `needed` bytes and a margin left."""
    free = shutil.disk_usage(folder).free
    if free < needed + FREE_MARGIN:
        raise DiskFull(needed, free)


def in_local_store(path: Path) -> bool:
    """Whether the path lies in a storage folder of this very disk: one of its parents bears the store's marker."""
    return any((parent / ".store-id").is_file() for parent in path.parents)


def local_path(ref: FileRef) -> Path | None:
    """The shortcut, if the file is really there with the size promised."""
    if not ref.path:
        return None
    path = Path(ref.path)
    with contextlib.suppress(OSError):
        if in_local_store(path) and path.is_file() and path.stat().st_size == ref.size:
            return path
    return None


def fetch(ref: FileRef, renew: Callable[[str], FileRef], scratch: Path) -> Path:
    """A local path with the file's bytes. renew: uri -> the ref with fresh links. scratch: for files without a SHA-256.

    Raises Damaged, DiskFull, Away (storage cannot be reached; try again).
    """
    shortcut = local_path(ref)
    if shortcut:
        return shortcut
    target = _cached(ref.sha256) if ref.sha256 else scratch / secrets.token_hex(8)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _one_at_a_time(target):
        if target.is_file() and target.stat().st_size == ref.size:
            os.utime(target)
            return target
        require_room(target.parent, ref.size)
        try:
            _download(ref, target)
        except Expired:
            _download(renew(ref.uri), target)
    return target


def _cached(sha256: str) -> Path:
    return slipway_home() / "cache" / "files" / sha256[:2] / sha256


@contextlib.contextmanager
def _one_at_a_time(target: Path) -> Iterator[None]:
    """Two jobs that want the same file download it once."""
    with open(target.with_name(target.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _connect(url: str) -> tuple[http.client.HTTPConnection, str]:
    """An open connection and the request target. A link without a host is the door's own."""
    parts = urllib.parse.urlsplit(urllib.parse.urljoin(door_url() + "/", url))
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Away("a storage link is neither http nor https")
    return kind(parts.hostname, parts.port, timeout=TRANSFER_SECONDS), parts.path + (f"?{parts.query}" if parts.query else "")


def _download(ref: FileRef, target: Path) -> None:
    """Stream to a file aside, hash on the way, rename when right."""
    if not ref.url:
        raise Away(f"no link for {ref.name}")
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    digest, size = hashlib.sha256(), 0
    connection, where = _connect(ref.url)
    try:
        connection.request("GET", where)
        response = connection.getresponse()
        _check(response.status)
        with open(aside, "wb") as file:
            while piece := response.read(PIECE):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
        if (ref.sha256 and digest.hexdigest() != ref.sha256) or (ref.size and size != ref.size):
            raise Damaged(f"{ref.name}: the stored bytes are not those its SHA-256 promises")
        os.replace(aside, target)
    except (OSError, http.client.HTTPException) as error:
        raise Away(f"{ref.name}: {error}") from error
    finally:
        connection.close()
        aside.unlink(missing_ok=True)


def _check(status: int) -> None:
    if status in {401, 403, 410}:
        raise Expired
    if not 200 <= status < 300:
        raise Away(f"storage answered {status}")


def store(source: Path, slot: UploadSlot) -> None:
    """Put `source` where the slot says. Raises DiskFull, Expired, Away; FileNotFoundError when `source` is gone."""
    path = Path(slot.path) if slot.path else None
    if path and in_local_store(path):
        _place(source, path)
    elif slot.url:
        _put(source, slot.url)
    else:
        raise Away(f"no slot for {slot.name} that this host can write")


def _place(source: Path, target: Path) -> None:
    """Copy aside on the target's disk, sync, rename, sync the folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    require_room(target.parent, source.stat().st_size)
    aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with open(source, "rb") as read, open(aside, "xb") as write:
            shutil.copyfileobj(read, write, PIECE)
            write.flush()
            os.fsync(write.fileno())
        os.replace(aside, target)
        sync_folder(target.parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Away(f"{target.name}: {error}") from error
    finally:
        aside.unlink(missing_ok=True)


def _put(source: Path, url: str) -> None:
    connection, where = _connect(url)
    try:
        with open(source, "rb") as file:
            connection.request("PUT", where, body=file, headers={"Content-Length": str(source.stat().st_size)})
            response = connection.getresponse()
            response.read()
        _check(response.status)
    except FileNotFoundError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise Away(f"{source.name}: {error}") from error
    finally:
        connection.close()


def link_folder(files: list[tuple[str, Path]], folder: Path) -> Path:
    """A folder in which each name leads to its file: what `from_pretrained` wants. Nothing is copied."""
    for name, path in files:
        link = folder / safe_name(name)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(path)
    return folder


def sweep_cache() -> None:
    """Let the files go that were used longest ago, until the cache fits its bound."""
    files = [path for path in (slipway_home() / "cache" / "files").glob("*/*") if not path.name.endswith(".lock")]
    entries = sorted(((path.stat().st_mtime, path.stat().st_size, path) for path in files), reverse=True)
    total = 0
    for used, size, path in entries:
        total += size
        if total > CACHE_BYTES and used < time.time() - 3600:
            path.unlink(missing_ok=True)
