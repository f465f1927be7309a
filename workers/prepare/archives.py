"""ZIP and TAR files of strangers, walked through member by member. Nothing is ever extracted by its name.

Every member is checked before it is opened: its path, its kind (regular files only), its twin, its packing. Bytes are counted while they
inflate: declared sizes are claims. Refused as a whole: encrypted, nested, overlapping, too many, too large, unsafe or colliding names.
"""

import bz2
import gzip
import io
import lzma
import os
import re
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, NoReturn, cast

from workers.contract.names import ARCHIVE_ENTRIES_MAX, ARCHIVE_RATIO_MAX, ARCHIVE_UNPACKED_MAX, MiB
from workers.prepare import detect
from workers.prepare.problems import excerpt, refuse

CHUNK = 1 * MiB
FREE = 1 * MiB  # so much may inflate whatever the ratio: small files of zeros are no bomb
JUNK = re.compile(r"(^|/)(__MACOSX/|\.[^/]*$|\.[^/]*/|thumbs\.db$|desktop\.ini$|pax_global_header$)", re.IGNORECASE)
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    OSError,
    NotImplementedError,
    ValueError,
)


@dataclass
class Meter:
    """Bytes that came out of an archive against what went in."""

    name: str
    packed: int
    unpacked: int = 0

    def count(self, size: int) -> None:
        self.unpacked += size
        if self.unpacked > max(self.packed * ARCHIVE_RATIO_MAX, FREE) or self.unpacked > ARCHIVE_UNPACKED_MAX:
            limit = f"{ARCHIVE_RATIO_MAX} times its size or {ARCHIVE_UNPACKED_MAX} bytes"
            refuse(
                "too_large_unpacked", f"{self.name} unpacks to more than {limit}", "upload the files in several archives", file=self.name
            )


class Counted(io.RawIOBase):
    """A stream read through the meters of its archive and, if it has one, of itself. archive: to be named when it is damaged."""

    def __init__(self, file: IO[bytes], archive: str, *meters: Meter) -> None:
        self._file, self._archive, self._meters = file, archive, meters

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            piece = self._file.read(min(len(buffer), CHUNK))
        except _DAMAGED as error:
            _damaged(self._archive, error)
        for meter in self._meters:
            meter.count(len(piece))
        buffer[: len(piece)] = piece
        return len(piece)


@dataclass
class Member:
    """One regular file of an archive. name: its path as the archive tells it; file: to be read before the next member is asked for."""

    name: str
    size: int
    file: BinaryIO


def members(path: Path, name: str, kind: str) -> Iterator[Member]:
    """The members of an archive in its order. kind: as `detect.container` names it; a compressed file without a TAR in it has one."""
    size = path.stat().st_size
    try:
        if kind == "zip":
            yield from _zip(path, name, Meter(name, size))
        else:
            with open(path, "rb") as raw:
                yield from _tar(raw, name, kind, Meter(name, size))
    except _DAMAGED as error:
        _damaged(name, error)


def _damaged(name: str, error: Exception) -> NoReturn:
    """Refuse the archive, unless it is the disk that fails."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    refuse("damaged_file", f"{name} cannot be unpacked: {excerpt(str(error))}", "pack it again and upload it once more", file=name)


def _zip(path: Path, name: str, meter: Meter) -> Iterator[Member]:
    _count_entries(path, name)
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        _check_zip(infos, name)
        twins = Twins(name)
        for info, inner in zip(infos, _names_of(infos), strict=True):
            check_path(inner, name)
            if info.is_dir():
                continue
            twins.add(inner)
            with archive.open(info) as file:
                counted = Counted(file, name, meter, Meter(f"{inner} in {name}", info.compress_size))
                yield Member(inner, info.file_size, cast(BinaryIO, io.BufferedReader(counted, CHUNK)))


def _check_zip(infos: list[zipfile.ZipInfo], name: str) -> None:
    """Kind, packing and place of every entry, before any is opened."""
    end = -1
    for info in sorted(infos, key=lambda info: info.header_offset):
        mode = info.external_attr >> 16
        if info.flag_bits & 0x1:
            refuse("encrypted_archive", f"{info.filename} in {name} is encrypted", "pack it without a password", file=name)
        if mode and (mode & 0o170000) not in (0, 0o100000, 0o040000):
            refuse("unsafe_path", f"{excerpt(info.filename)} in {name} is a link or a device", "pack plain files only", file=name)
        if info.header_offset < end:
            refuse("too_large_unpacked", f"entries of {name} overlap: {excerpt(info.filename)}", "pack it again", file=name)
        end = info.header_offset + 30 + info.compress_size


def _count_entries(path: Path, name: str) -> None:
    """Refuse too many entries by walking the central directory itself; its own count is a claim."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 66_000))
        tail = file.read()
        if (place := tail.rfind(b"PK\x05\x06")) < 0 or len(tail) - place < 22:
            refuse("damaged_file", f"{name} has no end of archive: it is cut", "upload it once more", file=name)
        length, start = struct.unpack_from("<II", tail, place + 12)
        end = max(0, size - 66_000) + place
        if 0xFFFFFFFF in (length, start) and (wide := tail.rfind(b"PK\x06\x06", 0, place)) >= 0 and len(tail) - wide >= 56:
            length, start = struct.unpack_from("<QQ", tail, wide + 40)
            end = max(0, size - 66_000) + wide
        file.seek(max(0, end - length))
        _walk_directory(file, min(length, size), name)


def _walk_directory(file: BinaryIO, left: int, name: str) -> None:
    entries = 0
    while left >= 46:
        head = file.read(46)
        if len(head) < 46 or head[:4] != b"PK\x01\x02":
            return
        entries += 1
        if entries > ARCHIVE_ENTRIES_MAX:
            _too_many(name)
        extra = sum(struct.unpack_from("<HHH", head, 28))
        file.seek(extra, os.SEEK_CUR)
        left -= 46 + extra


def _too_many(name: str) -> None:
    refuse("too_many_files", f"{name} has more than {ARCHIVE_ENTRIES_MAX} entries", "upload the files in several archives", file=name)


def _tar(raw: BinaryIO, name: str, kind: str, meter: Meter) -> Iterator[Member]:
    openers: dict[str, Callable[[BinaryIO], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    stream = io.BufferedReader(Counted(openers[kind](raw) if kind in openers else raw, name, meter), CHUNK)
    if kind != "tar" and detect.container(stream.peek(512)[:512]) != "tar":
        inner = name.rsplit(".", 1)[0] if detect.ending(name) in detect.ARCHIVE_ENDINGS else name
        yield Member(inner, -1, cast(BinaryIO, stream))
        return
    twins, entries = Twins(name), 0
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as archive:
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep every header
            entries += 1
            if entries > ARCHIVE_ENTRIES_MAX:
                _too_many(name)
            path = check_path(info.name, name)
            if info.isdir():
                continue
            if not info.isreg() or info.issparse():
                refuse("unsafe_path", f"{excerpt(info.name)} in {name} is a link or a device", "pack plain files only", file=name)
            twins.add(path)
            file = archive.extractfile(info)
            if file is not None:
                yield Member(info.name, info.size, cast(BinaryIO, io.BufferedReader(Counted(file, name), CHUNK)))
    _check_end(raw, stream, kind)


def _check_end(raw: BinaryIO, stream: IO[bytes], kind: str) -> None:
    """tarfile takes a damaged header for the end: what follows must be zeros, and a plain TAR must end in them."""
    if kind == "tar":
        raw.seek(-512, os.SEEK_END)
        if raw.read(512).strip(b"\0"):
            raise tarfile.ReadError("it is cut, or a header is damaged")
    while piece := stream.read(CHUNK):
        if piece.strip(b"\0"):
            raise tarfile.ReadError("a header is damaged")


def check_path(path: str, name: str) -> str:
    """The path again, when it stays inside the archive: relative, without `..`, drive, backslash or NUL."""
    unsafe = path.startswith("/") or ".." in path.split("/") or "\\" in path or "\0" in path or re.match(r"[A-Za-z]:", path)
    if unsafe:
        refuse("unsafe_path", f"{excerpt(path)} in {name} leaves the archive", "pack it with plain relative paths", file=name)
    return path


def _names_of(infos: list[zipfile.ZipInfo]) -> list[str]:
    """ZIP entries' paths. Without the UTF-8 flag their bytes are what the packer's system uses: UTF-8 (macOS) or GBK (Chinese
    Windows), and one archive uses one encoding throughout."""
    foreign = [info.filename.encode("cp437") for info in infos if not info.flag_bits & 0x800 and not info.filename.isascii()]
    for encoding in ("utf-8", "gb18030", "cp437"):
        try:
            names = dict(zip(foreign, [raw.decode(encoding) for raw in foreign], strict=True))
        except UnicodeDecodeError:
            continue
        return [info.filename if info.flag_bits & 0x800 else _renamed(info.filename, names) for info in infos]
    return [info.filename for info in infos]


def _renamed(name: str, names: dict[bytes, str]) -> str:
    return name if name.isascii() else names[name.encode("cp437")]


class Twins:
    """Refuses a second member whose path is the same to a reader: in another case, or another Unicode form."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen: dict[str, str] = {}

    def add(self, path: str) -> None:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        first = self._seen.setdefault(key, path)
        if first is not path:
            message = f"{self._name} has both {excerpt(first)} and {excerpt(path)}, which are one name on many systems"
            refuse("name_collision", message, "rename one of them", file=self._name)


def refuse_member(name: str, head: bytes, archive: str) -> None:
    """Stop at archives in archives and at files that could carry code."""
    kind = detect.ending(name)
    if kind in detect.UNSAFE_ENDINGS:
        refuse("unsafe_format", f"{excerpt(name)} in {archive} may carry code", "leave it out: only data is read", file=name)
    if kind in detect.ARCHIVE_ENDINGS or detect.container(head):
        refuse("nested_archive", f"{excerpt(name)} in {archive} is an archive itself", "pack the files it holds", file=name)


def save(member: Member, target: Path, limit: int, archive: str) -> None:
    """Copy a member to a file of our own naming, which must not exist yet. limit: bytes."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    written = 0
    with os.fdopen(handle, "wb") as out:
        while piece := member.file.read(CHUNK):
            written += len(piece)
            if written > limit:
                refuse(
                    "too_large_unpacked", f"{excerpt(member.name)} in {archive} is over {limit} bytes", "split the file", file=member.name
                )
            out.write(piece)
