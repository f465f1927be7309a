"""How a delimited file is written: its delimiter, its quotes, whether it has a header. Guessed from a sample of whole lines."""

import csv
import re
from dataclasses import dataclass
from itertools import islice

from workers.contract.names import COLUMNS_MAX
from workers.prepare.encoding import Text
from workers.prepare.problems import refuse

SAMPLE = 256 * 1024
SAMPLE_ROWS = 500
DELIMITERS = (",", "\t", ";", "|")
_NUMBER = re.compile(r"\s*[+-]?(\d[\d.,' ]*|\.\d+)(e[+-]?\d+)?\s*%?\s*$", re.IGNORECASE)
_DATE = re.compile(r"\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T].*)?$")
_SENTENCE = re.compile(r"[.!?。！？，,;；]\s*\S|[.!?。！？]\s*$")


@dataclass(frozen=True)
class Dialect:
    """delimiter: one character; quote: `"` or None; header: the first row holds names; skip: rows before the first data row;
    names: of the columns, checked."""

    delimiter: str
    quote: str | None
    header: bool
    skip: int
    names: tuple[str, ...]


def detect(text: Text, kind: str, delimiter: str | None, header: bool | None) -> Dialect:
    """The dialect of a CSV or TSV file. delimiter, header: what the user said, which wins."""
    sample = _sample(text)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        refuse("bad_option", f"delimiter {delimiter!r} is not one character", "use , ; | or a tab", file=text.name)
    choices = (delimiter,) if delimiter else ("\t", *DELIMITERS[:1], *DELIMITERS[2:]) if kind == "tsv" else DELIMITERS
    mark, quote = _fields(sample, choices, text.quotes)
    rows = _rows(sample, mark, quote)
    if not rows:
        refuse("no_rows", f"{text.name} has no rows", "upload a file with rows", file=text.name)
    has_header = _has_header(rows) if header is None else header
    empty = _leading_empty_lines(sample)
    names = tuple(name.strip() for name in rows[0]) if has_header else tuple(f"column_{n}" for n in range(1, len(rows[0]) + 1))
    check_names(names, text.name)
    return Dialect(mark, quote, has_header, empty + has_header, names)


def check_names(names: tuple[str, ...] | list[str], file: str) -> None:
    """Refuse too many columns, one without a name, two of the same name."""
    if len(names) > COLUMNS_MAX:
        refuse("too_many_columns", f"{file} has {len(names)} columns; {COLUMNS_MAX} are allowed", "keep the columns you need", file=file)
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        if not name.strip():
            refuse(
                "unnamed_column",
                f"column {number} of {file} has no name",
                "name it in the header, or leave the column out",
                file=file,
                column=number,
            )
        if name in seen:
            refuse("duplicate_column", f"{file} has two columns named {name!r}", "rename one of them", file=file, column=name)
        seen.add(name)


def _sample(text: Text) -> str:
    """The start of the file, cut after its last whole line."""
    raw = text.head(SAMPLE)
    if len(raw) == SAMPLE and text.size > SAMPLE:
        raw = raw[: max(raw.rfind(b"\n"), raw.rfind(b"\r")) + 1] or raw
    return raw.decode("utf-8", "ignore")


def _rows(sample: str, delimiter: str, quote: str | None) -> list[list[str]]:
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", sample)
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE)
    csv.field_size_limit(2 * SAMPLE)
    try:
        return [row for row in islice(reader, SAMPLE_ROWS) if row]
    except csv.Error:
        return []


def _fields(sample: str, delimiters: tuple[str, ...], quotes: bool) -> tuple[str, str | None]:
    """The delimiter and quote under which most rows have as many fields as the first; more fields win a tie, then tidy quotes."""
    best: tuple[tuple[float, int, int], str, str | None] = ((-1.0, 0, 0), delimiters[0], '"')
    for quote in ('"', None) if quotes else ('"',):
        for mark in delimiters:
            rows = _rows(sample, mark, quote)
            if not rows:
                continue
            width = len(rows[0])
            agree = sum(len(row) == width for row in rows) / len(rows)
            tidy = 0 if quote is None else 1 if _is_tidy(sample, mark) else -1
            score = (round(agree, 1) if width > 1 else 0.0, width, tidy)
            if score > best[0]:
                best = (score, mark, quote)
    return best[1], best[2]


def _is_tidy(sample: str, delimiter: str) -> bool:
    """Quotes enclose whole fields. A sample that ends inside one is tidy."""
    try:
        for _ in islice(csv.reader(sample.splitlines(keepends=True), delimiter=delimiter, strict=True), SAMPLE_ROWS):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error)
    return True


def _has_header(rows: list[list[str]]) -> bool:
    """Names are short words, no figures, and do not come again below; with nothing against it the first row is a header."""
    first, others = rows[0], rows[1:]
    cells = [cell.strip() for cell in first]
    if any(_NUMBER.match(cell) or _DATE.match(cell) for cell in cells):
        return False
    if not others:
        return True
    below = list(zip(*(row for row in others if len(row) == len(first)), strict=False))
    for cell, values in zip(cells, below, strict=False):
        if values and all(_NUMBER.match(value) for value in values if value.strip()) and any(value.strip() for value in values):
            return True
        if cell and cell in (value.strip() for value in values):
            return False
    return not any(len(cell) > 64 or _SENTENCE.search(cell) for cell in cells)


def _leading_empty_lines(sample: str) -> int:
    count = 0
    for line in sample.splitlines():
        if line:
            break
        count += 1
    return count
