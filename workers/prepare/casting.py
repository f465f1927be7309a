"""Raw arrays become the column's final type. What does not fit is refused with its row; nothing is dropped silently."""

from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from workers.prepare.columns import Column, kind_of, plain
from workers.prepare.problems import excerpt, refuse
from workers.prepare.spool import as_text, widen
from workers.prepare.strings import STAMP, BadNumber, parse

MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
ARROW = {
    "text": pa.string(),
    "category": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": STAMP,
    "image": MEDIA,
    "audio": MEDIA,
}


def arrow_type(column: Column, type: str) -> pa.DataType:
    """How the column is stored: text and category string, integer int64, number float64, timestamp UTC microseconds without zone,
    image and audio struct<bytes, path>, list and struct as they came."""
    found = ARROW.get(type, column.raw)
    return pa.list_(pa.string()) if type == "list" and pa.types.is_null(found) else found


def cast(array: pa.Array, column: Column, type: str, file: str, offset: int) -> pa.Array:
    """`array` as the final type. offset: rows of the file before it, for the message. Raises UserError `bad_value` or `bad_number`."""
    array = plain(array)
    target = arrow_type(column, type)
    if array.type == target and type not in ("category", "number"):
        return array
    if array.null_count == len(array):
        return pa.nulls(len(array), target)
    try:
        return _cast(array, column, type, target)
    except BadNumber as error:
        row = offset + 1 + (pc.index(array, str(error)).as_py() if pa.types.is_string(array.type) else 0)
        message = f"row {row} of {file} has {error} in {column.name!r}, which is no number a table can hold"
        refuse("bad_number", message, "leave it empty, or declare the column as text", file=file, row=row, column=column.name)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        _name_culprit(array, column, type, target, file, offset)


def _cast(array: pa.Array, column: Column, type: str, target: pa.DataType) -> pa.Array:
    kind = kind_of(array)
    if type == "category" and kind == "string":
        trimmed = pc.utf8_trim_whitespace(array)
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    if type in ("text", "category"):
        return _text(array, kind)
    if type in ("image", "audio"):
        return _media(array, kind)
    if kind == "string":
        return parse(array, column.look) if column.look and type not in ("list", "struct") else _no(type)
    if type == "number":
        found = array.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_finite(found), found, pa.scalar(None, pa.float64()))
    if type == "integer" and kind == "number":
        return array.cast(pa.int64())  # safe: a fraction is refused
    if type == "timestamp":
        return _no(type) if kind != "timestamp" else _utc(array)
    return widen(array, target) if kind == type else array.cast(target)


def _utc(array: pa.Array) -> pa.Array:
    """UTC without zone: DuckDB needs no further package to read it."""
    if pa.types.is_timestamp(array.type) and array.type.tz:
        array = array.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
    return array.cast(STAMP, safe=False)


def _text(array: pa.Array, kind: str) -> pa.Array:
    if kind in ("list", "struct", "media", "number"):
        return pa.array([_plain_text(value) for value in array.to_pylist()], pa.string())
    return array.cast(pa.string())


def _plain_text(value: object) -> str | None:
    return f"{value:g}" if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else as_text(value)


def _media(array: pa.Array, kind: str) -> pa.Array:
    if kind == "binary":
        return pa.StructArray.from_arrays(
            [array.cast(pa.binary()), pa.nulls(len(array), pa.string())], fields=list(MEDIA), mask=array.is_null()
        )
    if kind != "media":
        return _no("image or sound")
    names = [field.name for field in array.type]
    path = array.field("path").cast(pa.string()) if "path" in names else pa.nulls(len(array), pa.string())
    return pa.StructArray.from_arrays([array.field("bytes").cast(pa.binary()), path], fields=list(MEDIA), mask=array.is_null())


def _no(type: str) -> NoReturn:
    raise ValueError(f"not a {type}")


def _name_culprit(array: pa.Array, column: Column, type: str, target: pa.DataType, file: str, offset: int) -> NoReturn:
    """Find the first value that does not fit, by halves."""
    start, end = 0, len(array)
    while end - start > 1:
        middle = (start + end) // 2
        try:
            _cast(array.slice(start, middle - start), column, type, target)
            start = middle
        except (pa.ArrowException, ValueError, TypeError, OverflowError, BadNumber):
            end = middle
    row = offset + start + 1
    message = f"row {row} of {file} has {excerpt(str(array[start].as_py()))} in {column.name!r}, which is no {type}"
    refuse("bad_value", message, "correct it, or choose another type for the column", file=file, row=row, column=column.name)
