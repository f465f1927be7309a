"""From the files a user brought to tables that can be read: containers opened, formats and encodings found, names turned into splits."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from workers.contract.digest import content_digest
from workers.contract.names import ARCHIVE_MEMBER_MAX, MEDIA_BYTES_MAX
from workers.contract.options import PrepareOptions, Split
from workers.contract.orders import FileRef
from workers.prepare import archives, detect, dialect, text_folders
from workers.prepare.archives import Member
from workers.prepare.csv_table import CsvTable
from workers.prepare.encoding import Text, as_utf8, check_lines
from workers.prepare.json_table import read_json
from workers.prepare.media import Collection
from workers.prepare.parquet_table import ParquetTable
from workers.prepare.problems import refuse
from workers.prepare.shards import sha256
from workers.prepare.text_table import TextTable

SAY_SECONDS = 2.0
_NOTES = ("readme", "license", "licence", "notice", "changelog", "authors", "citation")


class Table(Protocol):
    """A source of rows that can be read more than once. untyped: all its columns are strings whose types are to be found."""

    name: str
    size: int
    untyped: bool

    @property
    def format(self) -> str: ...
    def batches(self) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True)
class Part:
    """A table and the split its name speaks of."""

    table: Table
    split: Split | None


@dataclass
class Intake:
    """What the files hold. notes: sentences for the log; sha256: of the uploaded bytes."""

    parts: list[Part] = field(default_factory=list)
    media: Collection | None = None
    notes: list[str] = field(default_factory=list)
    sha256: str = ""


class _Reader:
    def __init__(self, folder: Path, options: PrepareOptions, say: Callable[[str], None]) -> None:
        self._folder, self._options, self._say = folder, options, say
        self._count, self._said = 0, time.monotonic()
        self._saved: list[tuple[Path, str]] = []  # (a file of our own naming or the user's, the user's name of it)
        self._media = Collection(folder)
        self._notes: list[str] = []
        self._number = 0

    def take(self, path: Path, name: str) -> None:
        """One file as it was uploaded."""
        head = detect.read_head(path)
        if not head:
            refuse("empty_file", f"{name} is empty", "upload a file with rows", file=name)
        kind = detect.container(head)
        if kind:
            detect.refuse_packed(kind, name)
            self._unpack(path, name, kind)
        elif self._options.format in (None, "images", "audio") and _is_media(head, name):
            with open(path, "rb") as file:
                self._keep_media(name, file.read(MEDIA_BYTES_MAX + 1))
        else:
            self._saved.append((path, name))

    def _unpack(self, path: Path, name: str, kind: str) -> None:
        for member in archives.members(path, name, kind):
            if archives.JUNK.search(member.name):
                continue
            if member.name == "[Content_Types].xml":
                refuse("unsupported_format", f"{name} is an Office document", "save the sheet as CSV", file=name)
            self._count += 1
            if time.monotonic() - self._said > SAY_SECONDS:
                self._said = time.monotonic()
                self._say(f"{self._count} files of {name} read")
            head = member.file.peek(512)[:512]  # type: ignore[attr-defined]
            archives.refuse_member(member.name, head, name)
            self._sort(member, head, name)

    def _sort(self, member: Member, head: bytes, archive: str) -> None:
        suffix = detect.ending(member.name)
        if _is_media(head, member.name):
            self._keep_media(member.name, member.file.read(MEDIA_BYTES_MAX + 1))
        elif Path(member.name).stem.lower() in _NOTES:
            self._notes.append(f"{member.name} is left out")
        elif suffix in detect.TABLE_ENDINGS or suffix in detect.TEXT_ENDINGS or member.size < 0 or head[:4] == b"PAR1":
            target = self._new_path("member")
            archives.save(member, target, ARCHIVE_MEMBER_MAX, archive)
            self._saved.append((target, member.name))
        else:
            self._media.reject(member.name, "unsupported_format", "it is neither a table nor an image nor a sound")

    def _keep_media(self, name: str, data: bytes) -> None:
        if len(data) > MEDIA_BYTES_MAX:
            self._media.reject(name, "too_large", f"it is over {MEDIA_BYTES_MAX} bytes")
        else:
            self._media.add(name, data)

    def _new_path(self, stem: str) -> Path:
        self._number += 1
        return self._folder / f"{stem}-{self._number:06d}"

    def finish(self, name: str) -> Intake:
        """Open the tables. name: of the upload, for messages."""
        media = self._media.tables(name)
        if media:
            for _, table in self._saved:
                self._media.reject(table, "mixed_files", "tables beside images or sounds are not read")
            return Intake([Part(table, table.split) for table in media], self._media, self._notes)
        if self._options.format in (None, "txt") and text_folders.are_classes([file for _, file in self._saved]):
            classes = text_folders.read(self._saved, name, self._options.encoding, self._new_path("text"))
            return Intake([Part(table, table.split) for table in classes], None, self._notes)
        tables = [(table, file) for path, file in self._saved for table in self._open(path, file)]
        if not tables:
            listed = ", ".join(row["file"] for row in self._media.rejected[:3])
            message = f"{name} holds nothing that can be read" + (f" ({listed})" if listed else "")
            refuse("unsupported_format", message, "pack CSV, TSV, JSON, JSONL, Parquet or TXT files, or images in class folders", file=name)
        named = len(tables) > 1
        parts = [Part(table, self._split(table, file) if named else None) for table, file in tables]
        return Intake(parts, self._media if self._media.rejected else None, self._notes)

    def _split(self, table: Table, file: str) -> Split | None:
        inner: str | None = getattr(table, "table", None)
        folders = file.split("/")[:-1]
        words = (word for folder in folders if (word := detect.split_word(folder)))
        return (detect.split_word(inner) if inner else None) or detect.split_of(file) or next(words, None)

    def _open(self, path: Path, name: str) -> list[Table]:
        asked = self._options.format
        if path.stat().st_size == 0:
            refuse("empty_file", f"{name} is empty", "upload a file with rows", file=name)
        head = detect.read_head(path)
        if asked == "parquet" or (asked is None and (head[:4] == b"PAR1" or detect.ending(name) == ".parquet")):
            return [ParquetTable(path, name)]
        text = as_utf8(path, name, self._options.encoding, self._new_path("text"))
        start = text.head(detect.HEAD)
        if not start.strip():
            refuse("no_rows", f"{name} has no rows", "upload a file with rows", file=name)
        kind = asked or detect.text_format(start.decode("utf-8", "ignore"), name, complete=text.size <= detect.HEAD)
        return self._read_text(text, kind)

    def _read_text(self, text: Text, kind: str) -> list[Table]:
        if kind in ("images", "audio"):
            refuse("content_mismatch", f"{text.name} is text, not {kind}", "pack the files in class folders as ZIP or TAR", file=text.name)
        if kind == "json":
            return list(read_json(text, kind, self._new_path("json")))
        if kind == "txt" and self._options.delimiter not in (None, "\n", "line", "lines"):
            return [TextTable(text, self._options.delimiter)]
        check_lines(text)
        if kind == "jsonl":
            return list(read_json(text, kind, self._new_path("json")))
        if kind == "txt":
            return [TextTable(text, None)]
        form = dialect.detect(text, kind, self._options.delimiter, self._options.header)
        mark = {"\t": "tab"}.get(form.delimiter, form.delimiter)
        header = "a header" if form.header else "no header"
        self._notes.append(f"{text.name}: {kind}, {text.encoding}, delimiter {mark}, {header}, {len(form.names)} columns")
        table = CsvTable(text, form, kind)
        if table.take_off_apostrophes():
            self._notes.append(f"{text.name}: apostrophes before = + - @ were taken off: they keep spreadsheets from running a cell")
        return [table]


def _is_media(head: bytes, name: str) -> bool:
    return bool(detect.media(head)) or detect.ending(name) in (*detect.IMAGE_ENDINGS, *detect.AUDIO_ENDINGS)


def read(files: list[FileRef], folder: Path, options: PrepareOptions, say: Callable[[str], None]) -> Intake:
    """Open every file. folder: for what is set down on the way; say: told how far it is. Raises UserError with the file's name."""
    reader = _Reader(folder, options, say)
    digests = []
    for file in files:
        if file.path is None:
            refuse("missing_file", f"{file.name} has not been brought here", "upload it once more", file=file.name)
        path = Path(file.path)
        digest = sha256(path)
        if file.sha256 and file.sha256 != digest:
            refuse("damaged_file", f"{file.name} is not what was uploaded: its sha256 differs", "upload it once more", file=file.name)
        digests.append((file.name, digest))
        reader.take(path, file.name)
    found = reader.finish(files[0].name if len(files) == 1 else f"{len(files)} files")
    found.sha256 = content_digest(digests)
    return found
