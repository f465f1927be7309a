"""CSV and TSV, read as text in Arrow batches. Types are not taken from Arrow, which looks at the first block only."""

import csv
import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv as arrow_csv

from workers.contract.names import LINE_MAX, MiB
from workers.prepare import apostrophes
from workers.prepare.dialect import Dialect
from workers.prepare.encoding import Text
from workers.prepare.problems import excerpt, refuse

BLOCK = 2 * MiB


class CsvTable:
    """A repeatable source of batches of strings. An empty field is null, a quoted empty one is an empty text."""

    untyped = True

    def __init__(self, text: Text, dialect: Dialect, kind: str) -> None:
        self.name, self.size, self.format = text.name, text.size, kind
        self._text, self._dialect, self._names = text, dialect, list(dialect.names)
        self._take_off = False

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in order. Raises UserError at the first row with another number of fields."""
        try:
            for batch in self._open():
                yield pa.record_batch([apostrophes.taken_off(column) for column in batch], self._names) if self._take_off else batch
        except pa.ArrowInvalid as error:
            self._explain(str(error))

    def take_off_apostrophes(self) -> bool:
        """From now on give cells without the apostrophe that keeps spreadsheets from running them; False where this file has none."""
        if not apostrophes.may_hold(self._text.path):
            return False
        kept = False
        for cells in [pa.array(self._names), *(column for batch in self.batches() for column in batch)]:
            if apostrophes.bare(cells):
                return False
            kept = kept or apostrophes.kept(cells)
        self._names = apostrophes.taken_off(pa.array(self._names)).to_pylist() if kept else self._names
        self._take_off = kept
        return kept

    def _open(self) -> arrow_csv.CSVStreamingReader:
        names = list(self._dialect.names)
        return arrow_csv.open_csv(
            str(self._text.path),
            read_options=arrow_csv.ReadOptions(block_size=BLOCK, column_names=names, skip_rows_after_names=self._dialect.skip),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=self._dialect.quote or False,
                double_quote=bool(self._dialect.quote),
                newlines_in_values=self._text.quotes and bool(self._dialect.quote),
            ),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,  # it has been checked
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def _explain(self, reason: str) -> None:
        """Find the line Arrow stumbled over: it tells rows, not lines, and neither when it works in parallel."""
        csv.field_size_limit(4 * LINE_MAX)
        expected, start = len(self._dialect.names), 1
        with self._text.open() as raw:
            lines = io.TextIOWrapper(raw, encoding="utf-8", newline="")
            mark, quote = self._dialect.delimiter, self._dialect.quote
            reader = csv.reader(lines, delimiter=mark, quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE)
            try:
                for row in reader:
                    if (row and len(row) != expected) or sum(map(len, row)) > BLOCK:
                        self._bad(start, f"has {len(row)} fields, expected {expected}", self._dialect.delimiter.join(row))
                    start = reader.line_num + 1
            except csv.Error:
                self._bad(start, "opens a quote that is never closed", "")
        self._bad(None, "", reason)

    def _bad(self, line: int | None, what: str, start: str) -> None:
        name = self._text.name
        message = f"line {line} of {name} {what}: {excerpt(start)}" if line else f"{name} is not regular: {excerpt(start)}"
        hint = f"put texts that hold {self._dialect.delimiter!r} or line breaks in double quotes, and double the quotes inside"
        refuse("bad_row", message, hint, file=name, row=line)
