"""Stored bytes: keys ("uris"), signed links, streams. A local folder, or S3, GCS and Azure through obstore.

A key is a plain relative name made by the server, such as `ws/7/datasets/3/2/train-00000.parquet`; people never choose one.
`STORAGE_URL` says where the bytes lie: absent = `SLIPWAY_HOME/store`, `file:///folder`, `s3://bucket/prefix` (with the usual
`AWS_*` variables), `gs://…`, `az://…`. What is written becomes visible whole or not at all.
"""

import functools
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import obstore
from asgiref.sync import sync_to_async
from django.core import signing
from obstore.store import from_url
from pydantic import BaseModel, TypeAdapter

from workers.contract.events import UploadSlot
from workers.contract.home import door_url, secret, slipway_home
from workers.contract.names import MiB
from workers.contract.orders import FileRef, Work

CHUNK = MiB
LINK_SECONDS = 3600
PART = re.compile(r"[A-Za-z0-9_@+=(), .-]{1,200}")
MARKER = ".store-id"
STAGE = ".stage"

Method = Literal["GET", "PUT"]
Missing = FileNotFoundError
_work: TypeAdapter[Any] = TypeAdapter(Work)


class BadLink(Exception):
    """A link that was never ours, has been altered, or has run out."""


def checked(uri: str) -> str:
    """The key itself; ValueError when it could leave the store: `..`, absolute, backslash, an empty or hidden first part."""
    parts = uri.split("/")
    if len(uri) > 600 or parts[0].startswith(".") or any(p in ("", ".", "..") or not PART.fullmatch(p) for p in parts):
        raise ValueError(f"not a storage key: {uri[:80]!r}")
    return uri


def storage_url() -> str:
    return os.environ.get("STORAGE_URL") or f"file://{slipway_home() / 'store'}"


@functools.lru_cache(maxsize=4)
def _root(url: str) -> Path:
    """The folder of a local store, made with its marker when absent."""
    root = Path(urlsplit(url).path)
    (root / STAGE).mkdir(mode=0o700, parents=True, exist_ok=True)
    marker = root / MARKER
    if not marker.exists():
        aside = root / STAGE / secrets.token_hex(8)
        aside.write_text(secrets.token_hex(16))
        os.replace(aside, marker)
    return root


@functools.lru_cache(maxsize=4)
def _remote(url: str) -> Any:
    """The obstore client of a remote store."""
    endpoint = os.environ.get("AWS_ENDPOINT") or os.environ.get("AWS_ENDPOINT_URL") or ""
    options: Any = {"timeout": "300s", "connect_timeout": "10s"}
    if endpoint.startswith("http://"):
        options["allow_http"] = True
    return from_url(url, client_options=options)


def is_local() -> bool:
    return storage_url().startswith("file:")


def local_root() -> Path | None:
    """The folder of a local store, else None."""
    return _root(storage_url()) if is_local() else None


def local_path(uri: str) -> Path | None:
    """Where the bytes lie (or would lie) on this machine's disk; None when the store is remote."""
    root = local_root()
    return root / checked(uri) if root else None


# Links -------------------------------------------------------------------------------------------------------------------


def _signer() -> signing.Signer:
    return signing.Signer(key=secret("signing_key"), sep=".", salt="slipway.files", fallback_keys=[])


def token(claims: dict[str, Any], *, seconds: float = LINK_SECONDS, steady: bool = False) -> str:
    """A signed `/files/` token carrying `claims`. steady: the same for the rest of the hour, so that browsers may cache by it."""
    until = time.time() + seconds
    if steady:
        until = (until // 3600 + 1) * 3600
    return _signer().sign_object({**claims, "e": int(until)})


def read_token(text: str) -> dict[str, Any]:
    """The claims of a token of ours that has not run out. Raises BadLink."""
    try:
        claims = _signer().unsign_object(text)
    except (signing.BadSignature, ValueError, UnicodeError) as error:
        raise BadLink("unknown link") from error
    if claims["e"] < time.time():
        raise BadLink("this link has run out; ask for a new one")
    return dict(claims)


def file_path(uri: str, *, filename: str | None = None, content_type: str | None = None, seconds: float = LINK_SECONDS) -> str:
    """The path (without host) of a signed download that goes through the control plane; what a browser is given."""
    claims = {"m": "GET", "u": checked(uri), "n": filename, "t": content_type}
    return "/files/" + token({k: v for k, v in claims.items() if v}, seconds=seconds)


def link(
    uri: str, *, method: Method = "GET", seconds: int = LINK_SECONDS, filename: str | None = None, content_type: str | None = None
) -> str:
    """A signed absolute URL for one file: presigned by a remote store, else (or with a filename to save under) our own `/files/`."""
    if method == "GET" and (is_local() or filename):
        return door_url() + file_path(uri, filename=filename, content_type=content_type, seconds=seconds)
    if is_local():
        return door_url() + "/files/" + token({"m": "PUT", "u": checked(uri)}, seconds=seconds)
    return obstore.sign(_remote(storage_url()), method, checked(uri), timedelta(seconds=seconds))


def fill(work: Any) -> Any:
    """A copy of an order's `Work` (or its dict) in which every FileRef has its `url`, and its `path` when the store is a local folder."""
    copy = _work.validate_python(work) if isinstance(work, dict) else work.model_copy(deep=True)
    for ref in _refs(copy):
        ref.url = link(ref.uri)
        path = local_path(ref.uri)
        ref.path = str(path) if path else None
    return copy


def _refs(value: Any) -> Iterator[FileRef]:
    if isinstance(value, FileRef):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _refs(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _refs(item)


def slot(uri: str, name: str | None = None) -> UploadSlot:
    """Where a worker puts one file. name: as it is called in its folder (default: the key's last part)."""
    path = local_path(uri)
    if path:
        make_folder(path.parent)
    return UploadSlot(name=name or uri.rsplit("/", 1)[-1], uri=uri, url=link(uri, method="PUT"), path=str(path) if path else None)


# Bytes -------------------------------------------------------------------------------------------------------------------


def _stage_folder() -> Path:
    folder = (local_root() or slipway_home()) / STAGE
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def stage() -> Path:
    """A new, private, absent path on the local store's file system (else in the home), to write aside before `put_file(…, move=True)`."""
    return _stage_folder() / secrets.token_hex(12)


def sweep(*, older_than: float) -> None:
    """Remove what was written aside before `older_than` (Unix seconds) and never renamed: its writer was killed."""
    for path in _stage_folder().iterdir():
        if path.stat().st_mtime < older_than:
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """`mkdir -p` whose new entries survive a power cut."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def put_file(uri: str, path: Path, *, move: bool = False) -> int:
    """Store the file at `path` under `uri`; bytes stored. move: the source is ours and may be renamed away."""
    size = path.stat().st_size
    target = local_path(uri)
    if target is None:
        obstore.put(_remote(storage_url()), checked(uri), path, chunk_size=8 * MiB, max_concurrency=4)
        if move:
            path.unlink(missing_ok=True)
        return size
    make_folder(target.parent)
    source = path
    if not move or path.stat().st_dev != target.parent.stat().st_dev:
        source = stage()
        shutil.copyfile(path, source)
    with source.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(source, target)
    sync_folder(target.parent)
    if move and source != path:
        path.unlink(missing_ok=True)
    return size


def put_bytes(uri: str, data: bytes) -> int:
    """Store a small object."""
    aside = stage()
    aside.write_bytes(data)
    return put_file(uri, aside, move=True)


def copy_all(pairs: list[tuple[str, str]]) -> None:
    """Let each second key name the same bytes as the first: hard links on a local store, copies made by a remote one."""
    folders = set()
    for source, target in pairs:
        old, new = local_path(source), local_path(target)
        if old is None or new is None:
            obstore.copy(_remote(storage_url()), checked(source), checked(target))
            continue
        make_folder(new.parent)
        try:
            os.link(old, new)
        except FileExistsError:
            continue
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise
            put_file(target, old)  # a file system without hard links
        folders.add(new.parent)
    for folder in folders:
        sync_folder(folder)


def stat(uri: str) -> int | None:
    """Size in bytes, None when there is no such file."""
    path = local_path(uri)
    try:
        return path.stat().st_size if path else int(obstore.head(_remote(storage_url()), checked(uri))["size"])
    except FileNotFoundError:
        return None


def read_bytes(uri: str, limit: int) -> bytes:
    """The whole of a small file. Raises FileNotFoundError, ValueError above `limit` bytes."""
    size = stat(uri)
    if size is None:
        raise FileNotFoundError(uri)
    if size > limit:
        raise ValueError(f"{uri} has {size} bytes, more than {limit}")
    return b"".join(iter_bytes(uri))


def iter_bytes(uri: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """The bytes from `start`, in pieces. Raises FileNotFoundError at the first one."""
    path = local_path(uri)
    if path is None:
        yield from (bytes(piece) for piece in _remote_get(uri, start, length).stream(min_chunk_size=CHUNK))
        return
    with path.open("rb") as file:
        file.seek(start)
        left = length if length is not None else 1 << 62
        while left > 0 and (piece := file.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece


async def open_stream(uri: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
    """`iter_bytes` for the event loop: reads happen in a thread, one piece ahead of nobody."""
    pieces = iter_bytes(uri, start, length)
    take = sync_to_async(lambda: next(pieces, None), thread_sensitive=False)
    while (piece := await take()) is not None:
        yield piece


def _remote_get(uri: str, start: int, length: int | None) -> Any:
    options: Any = {}
    if start or length is not None:
        options["range"] = {"offset": start} if length is None else [start, start + length]
    return obstore.get(_remote(storage_url()), checked(uri), options=options)


def fetch(uri: str, target: Path) -> None:
    """Copy a stored file to `target` on this disk, visible whole or not at all."""
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("xb") as file:
            for piece in iter_bytes(uri):
                file.write(piece)
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


def delete(uri: str) -> None:
    """Remove one file; an absent one is no error."""
    path = local_path(uri)
    try:
        path.unlink() if path else obstore.delete(_remote(storage_url()), checked(uri))
    except FileNotFoundError:
        pass


def delete_prefix(prefix: str) -> None:
    """Remove everything under `prefix/`."""
    path = local_path(prefix.rstrip("/"))
    if path:
        shutil.rmtree(path, ignore_errors=True)
        return
    store = _remote(storage_url())
    for batch in obstore.list(store, checked(prefix.rstrip("/")) + "/", chunk_size=500):
        obstore.delete(store, [item["path"] for item in batch])


def free_bytes() -> int | None:
    """Free space of a local store, else None."""
    root = local_root()
    return shutil.disk_usage(root).free if root else None


def check() -> str:
    """One line for `/ready`. Raises OSError (or obstore's error) when the store cannot be written to or reached."""
    free = free_bytes()
    if free is None:
        for _ in obstore.list(_remote(storage_url()), chunk_size=1):
            break
        return f"{storage_url().split('?')[0]} answers"
    aside = stage()
    aside.write_bytes(b"ready")
    aside.unlink()
    return f"local folder, {free / 1024 / MiB:.1f} GiB free"
