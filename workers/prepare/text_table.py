"""Plain text: one row a line, or one row between delimiters; the column is `text`."""

import codecs
from collections.abc import Iterator

import pyarrow as pa

from workers.contract.names import LINE_MAX, MiB
from workers.prepare.encoding import Text
from workers.prepare.problems import excerpt, refuse

BLOCK = 4 * MiB
NAMES = {"line": "\n", "lines": "\n", "paragraph": "\n\n", "blank_line": "\n\n"}


class TextTable:
    """A repeatable source of one string column. White space around a row is cut off; empty rows are skipped."""

    untyped = False
    format = "txt"

    def __init__(self, text: Text, delimiter: str | None) -> None:
        self.name, self.size = text.name, text.size
        self._text = text
        self._delimiter = NAMES.get(delimiter or "line", delimiter or "\n").replace("\\n", "\n")

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in order. Raises UserError when a row is over LINE_MAX bytes."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        rest, held = "", False
        with self._text.open() as file:
            while chunk := file.read(BLOCK):
                text = ("\r" if held else "") + decoder.decode(chunk)
                held = text.endswith("\r")  # its line feed may stand in the next block
                text = (text[:-1] if held else text).replace("\r\n", "\n").replace("\r", "\n")
                *rows, rest = (rest + text).split(self._delimiter)
                if len(rest) > LINE_MAX:
                    refuse("line_too_long", f"a row of {self.name} is longer than {LINE_MAX} bytes: {excerpt(rest)}", file=self.name)
                if rows:
                    yield _batch(rows)
        if rest.strip():
            yield _batch([rest])


def _batch(rows: list[str]) -> pa.RecordBatch:
    kept = [row for row in map(str.strip, rows) if row]
    return pa.RecordBatch.from_pydict({"text": pa.array(kept, pa.string())})
