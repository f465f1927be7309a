"""Text in any encoding becomes valid UTF-8 on disk; what is no text is refused with the offset of the byte that shows it.

The rule, in order: the encoding the user asked for; a byte order mark; UTF-8 when the whole file is valid UTF-8; GB18030 when UTF-8
fails within the first few characters, the whole file is valid GB18030 and its characters are those of common Chinese. Anything else is
`bad_encoding`: single-byte encodings look alike, so the user names them.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workers.contract.names import LINE_MAX
from workers.prepare.problems import excerpt, refuse

CHUNK = 4 * 1024 * 1024
SAMPLE = 1024 * 1024
MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
SURE_UTF8 = 8  # so many good characters beyond ASCII before the first bad byte: it is UTF-8 with damage
COMMON_CHINESE = 0.8  # share of characters that are in GB2312
_PAIRS = re.compile(r"[\x00-\x7f\U00010000-\U0010ffff]+")  # what GB18030 does not write as two bytes
_HINT = "choose the encoding it was saved in (such as gb18030, latin-1 or windows-1252), or save it as UTF-8"


@dataclass(frozen=True)
class Text:
    """A text file as valid UTF-8. name: the user's; start: bytes of a byte order mark to skip; size: bytes; quotes: it has a `"`."""

    name: str
    path: Path
    encoding: str
    start: int
    size: int
    quotes: bool

    def open(self) -> BinaryIO:
        file = open(self.path, "rb")  # noqa: SIM115 (the caller closes it)
        file.seek(self.start)
        return file

    def head(self, size: int) -> bytes:
        with self.open() as file:
            return file.read(size)


def as_utf8(path: Path, name: str, asked: str | None, spool: Path) -> Text:
    """Find the encoding of `path` and, unless it is UTF-8, write it anew to the file `spool`."""
    encoding = asked or _settle(path, name)
    start = 0
    if encoding in ("utf-8", "utf-8-sig", "ascii"):
        with open(path, "rb") as file:
            start = 3 if file.read(3) == MARKS[2][0] else 0
        if asked or start:
            _refuse_bad_utf8(path, name)
        quotes = _look_for_bytes(path, name)
    else:
        quotes = _transcode(path, name, encoding, spool)
        path = spool
    size = path.stat().st_size - start
    if size == 0:
        refuse("empty_file", f"{name} is empty", "upload a file with rows", file=name)
    return Text(name, path, {"utf-8-sig": "utf-8"}.get(encoding, encoding), start, size, quotes)


def _settle(path: Path, name: str) -> str:
    """The encoding by the rule above; `utf-8` has been checked to its last byte, one told by its mark has not."""
    with open(path, "rb") as file:
        head = file.read(SAMPLE)
    if not head:
        refuse("empty_file", f"{name} is empty", "upload a file with rows", file=name)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    if (nul := head.find(b"\0")) >= 0:
        _binary(name, nul)
    offset, good = _first_bad_byte(path)
    if offset is None:
        return "utf-8"
    if good < SURE_UTF8 and _is_gb18030(path):
        return "gb18030"
    refuse("bad_encoding", f"byte {offset} of {name} is not valid UTF-8", _HINT, file=name)


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _first_bad_byte(path: Path) -> tuple[int | None, int]:
    """(offset of the first byte that is not UTF-8, or None; characters beyond ASCII before it)."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    seen = beyond = 0
    for chunk in _chunks(path):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode("utf-8")
            return seen - pending + error.start, beyond + sum(char > "\x7f" for char in good)
        if not text.isascii():
            beyond += len(text) - len(text.encode("ascii", "ignore")) if beyond < SURE_UTF8 else 0
        seen += len(chunk)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return seen - len(decoder.getstate()[0]), beyond
    return None, beyond


def _is_gb18030(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("gb18030")()
    sample = ""
    try:
        for chunk in _ends(_chunks(path)):
            text = decoder.decode(chunk, final=not chunk)
            if len(sample) < SAMPLE:
                sample += _PAIRS.sub("", text)
    except UnicodeDecodeError:
        return False
    common = len(sample.encode("gb2312", "ignore")) // 2
    return bool(sample) and common / len(sample) >= COMMON_CHINESE


def _refuse_bad_utf8(path: Path, name: str) -> None:
    offset, _ = _first_bad_byte(path)
    if offset is not None:
        refuse("bad_encoding", f"byte {offset} of {name} is not valid UTF-8", _HINT, file=name)


def _look_for_bytes(path: Path, name: str) -> bool:
    """Refuse a NUL; answer whether there is a double quote."""
    seen, quotes = 0, False
    for chunk in _chunks(path):
        if (nul := chunk.find(b"\0")) >= 0:
            _binary(name, seen + nul)
        quotes = quotes or b'"' in chunk
        seen += len(chunk)
    return quotes


def _transcode(path: Path, name: str, encoding: str, spool: Path) -> bool:
    """Write `path` as UTF-8 to `spool`; answer whether there is a double quote."""
    decoder = codecs.getincrementaldecoder(encoding)()
    seen, quotes = 0, False
    with open(spool, "xb") as out:
        for chunk in _ends(_chunks(path)):
            before = decoder.getstate()[0]
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                pending = len(before) if isinstance(before, bytes) else 0
                place = max(seen - pending + error.start, 0)
                refuse("bad_encoding", f"byte {place} of {name} is not valid {encoding}", _HINT, file=name)
            if "\0" in text:
                _binary(name, seen)
            raw = text.encode("utf-8", "replace")
            quotes = quotes or b'"' in raw
            out.write(raw)
            seen += len(chunk)
    return quotes


def _ends(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks and a last empty one, at which decoders check that nothing is cut."""
    yield from chunks
    yield b""


def _binary(name: str, offset: int) -> None:
    refuse(
        "binary_in_text", f"{name} has a NUL byte at offset {offset}: it is not a text file", "upload text, or name its format", file=name
    )


def check_lines(text: Text) -> None:
    """Refuse a line longer than LINE_MAX bytes. Costs one look per half of that, as a longer line covers a whole such block."""
    block, seen = LINE_MAX // 2, 0
    with text.open() as file:
        while chunk := file.read(block):
            if len(chunk) == block and b"\n" not in chunk and b"\r" not in chunk:
                _measure_lines(text)
                return
            seen += len(chunk)


def _measure_lines(text: Text) -> None:
    """The exact check: the length of every line."""
    number = length = 0
    start = b""
    with text.open() as file:
        while chunk := file.read(CHUNK):
            pieces = chunk.split(b"\n" if b"\n" in chunk else b"\r")
            for index, piece in enumerate(pieces):
                if index:
                    number, length, start = number + 1, 0, b""
                start = start or piece[:400]
                length += len(piece)
                if length > LINE_MAX:
                    message = f"line {number + 1} of {text.name} is longer than {LINE_MAX} bytes: {excerpt(start)}"
                    refuse("line_too_long", message, "break the text into rows; a row may have 1 MiB", file=text.name, row=number + 1)
