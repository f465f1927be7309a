"""JSON rows become Arrow columns: each batch is typed by what it holds, and types widen when a later batch says so."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from workers.contract.names import COLUMNS_MAX, MiB
from workers.prepare import json_source
from workers.prepare.detect import split_word
from workers.prepare.dialect import check_names
from workers.prepare.encoding import Text
from workers.prepare.json_source import Element
from workers.prepare.problems import refuse
from workers.prepare.spool import Spool, as_text, widen

BATCH_ROWS = 8192
BATCH_BYTES = 4 * MiB


class JsonTable:
    """A repeatable source of typed batches out of a spool. table: the key it stood under in its document."""

    untyped = False

    def __init__(self, name: str, size: int, kind: str, table: str | None, spools: list[Spool]) -> None:
        self.name, self.size, self.format, self.table = name, size, kind, table
        self._spools = spools

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in order."""
        if len(self._spools) == 1:
            yield from self._spools[0].read()
        else:
            yield from _side_by_side([spool.read() for spool in self._spools])


class Rows:
    """Collects objects and writes them to a spool in batches."""

    def __init__(self, spool: Spool, file: str) -> None:
        self.spool, self._file = spool, file
        self._types: dict[str, pa.DataType] = {}
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, row: dict[str, Any], size: int) -> None:
        self._rows.append(row)
        self._bytes += size
        if len(self._rows) >= BATCH_ROWS or self._bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        if not self._rows:
            return
        for row in self._rows:
            if row.keys() - self._types.keys():
                self._types.update((name, pa.null()) for name in row if name not in self._types)
        if len(self._types) > COLUMNS_MAX:
            check_names(list(self._types), self._file)
        arrays = []
        for name, known in self._types.items():
            array = column([row.get(name) for row in self._rows])
            self._types[name] = type = join(known, array.type)
            arrays.append(widen(array, type))
        self.spool.write(pa.RecordBatch.from_arrays(arrays, names=list(self._types)))
        self._rows, self._bytes = [], 0


def column(values: list[Any]) -> pa.Array:
    """JSON values as an Arrow array of the narrowest type that holds them; mixed ones as text."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {str}:
        return pa.array(values, pa.string())
    if kinds == {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if len(kinds) == 1:
        try:
            array = pa.array(values)
            if not _hollow(array.type):
                return array
        except (pa.ArrowException, OverflowError):
            pass
    return pa.array([as_text(value) for value in values], pa.string())


def _hollow(type: pa.DataType) -> bool:
    """Whether a struct without fields is in it, which Parquet cannot hold."""
    if pa.types.is_struct(type):
        return type.num_fields == 0 or any(_hollow(field.type) for field in type)
    return pa.types.is_list(type) and _hollow(type.value_type)


def join(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """The type that holds both; text when no other does."""
    if first == second:
        return first
    if pa.types.is_boolean(first) != pa.types.is_boolean(second) and not (pa.types.is_null(first) or pa.types.is_null(second)):
        return pa.string()
    try:
        schemas = [pa.schema([("x", first)]), pa.schema([("x", second)])]
        return pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    except pa.ArrowException:
        return pa.string()


def read_json(text: Text, kind: str, stem: Path) -> list[JsonTable]:
    """The tables of a JSON or JSON Lines file, spooled beside `stem`."""
    elements = json_source.lines(text) if kind == "jsonl" else json_source.Cutter(text).elements()
    first = next(iter(elements), None)
    if first is None:
        refuse("no_rows", f"{text.name} has no rows", "upload a file with rows", file=text.name)
    elements = _chain(first, elements)
    if first.table is not None and type(first.value) is not dict:
        return [_columns(text, elements, stem)]
    return _tables(text, kind, elements, stem)


def _chain(first: Element, others: Iterable[Element]) -> Iterator[Element]:
    yield first
    yield from others


def _tables(text: Text, kind: str, elements: Iterator[Element], stem: Path) -> list[JsonTable]:
    found: dict[str | None, Rows] = {}
    for element in elements:
        if type(element.value) is not dict:
            message = f"the value at line {element.line} of {text.name} is not an object"
            refuse("bad_json", message, "write every row as an object", file=text.name, row=element.line)
        if (rows := found.get(element.table)) is None:
            rows = found[element.table] = Rows(Spool(stem.with_name(f"{stem.name}-t{len(found)}")), text.name)
        rows.add(element.value, element.size)
    if len(found) > 1 and any(split_word(name or "") is None for name in found):
        names = ", ".join(repr(name) for name in found)
        refuse(
            "bad_json", f"{text.name} holds several tables: {names}", "name them train, validation and test, or keep one", file=text.name
        )
    for rows in found.values():
        rows.flush()
        check_names(rows.spool.schema.names, text.name)
    return [JsonTable(text.name, text.size // len(found), kind, name, [rows.spool]) for name, rows in found.items()]


def _columns(text: Text, elements: Iterator[Element], stem: Path) -> JsonTable:
    found: dict[str, Rows] = {}
    for element in elements:
        name = element.table or ""
        if (rows := found.get(name)) is None:
            rows = found[name] = Rows(Spool(stem.with_name(f"{stem.name}-c{len(found)}")), text.name)
            check_names(list(found), text.name)
        rows.add({name: element.value}, element.size)
    for rows in found.values():
        rows.flush()
    lengths = {name: rows.spool.rows for name, rows in found.items()}
    if len(set(lengths.values())) > 1:
        sizes = ", ".join(f"{name}: {length}" for name, length in list(lengths.items())[:8])
        refuse(
            "bad_json", f"the columns of {text.name} differ in length ({sizes})", "write one value a row in every column", file=text.name
        )
    return JsonTable(text.name, text.size, "json", None, [rows.spool for rows in found.values()])


def _side_by_side(columns: list[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Batches of single columns, cut to common lengths and joined."""
    held: list[pa.RecordBatch | None] = [next(column, None) for column in columns]
    while all(batch is not None for batch in held):
        ready = [batch for batch in held if batch is not None]
        length = min(batch.num_rows for batch in ready)
        names = [batch.schema.names[0] for batch in ready]
        yield pa.RecordBatch.from_arrays([batch.column(0).slice(0, length) for batch in ready], names=names)
        held = [b.slice(length) if b.num_rows > length else next(column, None) for b, column in zip(ready, columns, strict=True)]
