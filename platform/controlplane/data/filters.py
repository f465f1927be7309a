"""`filter=column:op:value` of the rows, read strictly: an unknown column, operator or value is a 400 that names what is known."""

import math
from datetime import UTC, datetime
from typing import Any

from controlplane.errors import Problem, nearest

OPERATORS = ("eq", "ne", "lt", "gt", "contains", "null")
SEARCHED = ("text", "category")
ONLY_NULL = ("image", "audio", "list", "struct")
Filter = tuple[str, str, Any]


def read_filters(texts: list[str], features: dict[str, str]) -> list[Filter]:
    """Each filter as (column, operator, value of the column's type); timestamps become microseconds since 1970. Raises 400."""
    if len(texts) > 20:
        raise _bad("too_many_filters", f"{len(texts)} filters were given; at most 20 are taken.")
    return [_read(text, features) for text in texts]


def _read(text: str, features: dict[str, str]) -> Filter:
    column = max((c for c in features if text.startswith(f"{c}:")), key=len, default=None)
    if column is None:
        name = text.split(":", 1)[0][:80]
        detail = f"There is no column `{name}`." if ":" in text else f"`{name}` is no filter."
        raise _bad("unknown_filter", detail, nearest(name, list(features)) or "A filter reads `column:op:value`.")
    operator, _, value = text[len(column) + 1 :].partition(":")
    if operator not in OPERATORS:
        raise _bad("unknown_filter", f"`{operator[:40]}` is no operator.", nearest(operator, OPERATORS))
    kind = features[column]
    if operator == "null":
        return column, operator, _boolean(value or "true", column)
    if kind in ONLY_NULL:
        raise _bad("unknown_filter", f"`{column}` is {kind}: it can only be filtered by `null`.")
    if operator == "contains" and kind not in SEARCHED:
        raise _bad("unknown_filter", f"`{column}` is {kind}: `contains` looks into text.", "Use eq, ne, lt or gt.")
    return column, operator, _value(value, kind, column)


def _value(text: str, kind: str, column: str) -> Any:
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            number = float(text)
            if not math.isfinite(number):
                raise ValueError(text)
            return number
        if kind == "timestamp":
            moment = datetime.fromisoformat(text)
            return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise _bad("bad_filter_value", f"`{text[:60]}` is no {kind}, which `{column}` is.") from None
    return _boolean(text, column) if kind == "boolean" else text


def _boolean(text: str, column: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise _bad("bad_filter_value", f"`{text[:60]}` for `{column}` must be true or false.")
    return text.lower() == "true"


def _bad(code: str, detail: str, hint: str = "") -> Problem:
    return Problem(400, code, detail, hint, [{"loc": ["query", "filter"], "msg": detail}])
