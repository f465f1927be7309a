"""One JSON value of a stranger, decoded strictly: no duplicate keys, no NaN, no number beyond what it can hold, no deep nesting.

The fast path is one call of orjson and two counts; only a value that looks odd is looked at again, slowly, to name what is wrong.
"""

import json
import re
from typing import Any, NoReturn

import orjson

from workers.contract.names import JSON_DEPTH_MAX
from workers.prepare.problems import excerpt, refuse

_KEY = re.compile(rb'"[ \t\r\n]*:')
_OPEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_LONG = re.compile(rb"(?<![\d.eE+])-?\d{19,}(?![\d.eE])")
_INT_MAX = 2**63 - 1


def decode(raw: bytes, file: str, line: int) -> Any:
    """The value of `raw`. line: where it begins, for the message. Raises UserError."""
    if raw.count(b"[") + raw.count(b"{") > JSON_DEPTH_MAX:
        check_depth(raw, file, line)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _explain(raw, str(error), file, line)
    large: list[float] = []
    if type(value) is dict or type(value) is list:
        found, distinct = raw.count(b'":'), _keys(value, large)
        plain = found == distinct and found == raw.count(b":")  # every colon ends a key
        if not plain and len(_KEY.findall(raw)) != distinct:
            _check_duplicates(raw, file, line)
    elif type(value) is int or type(value) is float:
        _keys([value], large)
    if large:
        _check_large(raw, file, line)
    return value


def check_depth(raw: bytes, file: str, line: int) -> None:
    """Refuse nesting beyond JSON_DEPTH_MAX, without recursion."""
    depth = 0
    for match in _OPEN.finditer(raw):
        mark = match[0][:1]
        if mark in b"[{":
            depth += 1
            if depth > JSON_DEPTH_MAX:
                message = f"line {line} of {file} is nested deeper than {JSON_DEPTH_MAX} levels"
                refuse("too_deep", message, "flatten it, or store the inner part as text", file=file, row=line)
        elif mark in b"]}":
            depth -= 1


def _keys(value: Any, large: list[float]) -> int:
    """Keys in all objects of `value`; numbers beyond 64 bits are put into `large` on the way."""
    count, children = (len(value), value.values()) if type(value) is dict else (0, value)
    for child in children:
        kind = type(child)
        if kind is dict or kind is list:
            count += _keys(child, large)
        elif (kind is int or kind is float) and not -_INT_MAX <= child <= _INT_MAX:
            large.append(child)
    return count


def _check_large(raw: bytes, file: str, line: int) -> None:
    """Refuse whole numbers of more digits than 64 bits hold: as floats they would lose their last ones."""
    for match in _OPEN.finditer(raw):
        if match[0][:1] == b'"':
            raw = raw.replace(match[0], b'""', 1)
    if digits := _LONG.search(raw):
        _bad_number(digits[0].decode(), file, line)


def _check_duplicates(raw: bytes, file: str, line: int) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            message = f"line {line} of {file} has the key {twice!r} twice"
            refuse("duplicate_key", message, "keep one of the two", file=file, row=line, column=twice)
        return found

    json.loads(raw, object_pairs_hook=unique)


def _explain(raw: bytes, reason: str, file: str, line: int) -> NoReturn:
    """Tell a number JSON does not know from text that is no JSON. Raises MemoryError when that is what stopped the decoder."""
    if "memory" in reason.lower():
        raise MemoryError(reason)

    def constant(word: str) -> NoReturn:
        _bad_number(word, file, line)

    try:
        json.loads(raw, parse_constant=constant)
    except (ValueError, RecursionError):
        pass
    if "number" in reason and "infin" in reason:
        _bad_number("a number too large", file, line)
    message = f"line {line} of {file} is not valid JSON ({reason.split(': line')[0]}): {excerpt(raw)}"
    refuse("bad_json", message, "write it with a JSON library, UTF-8, one value a line for JSONL", file=file, row=line)


def _bad_number(word: str, file: str, line: int) -> NoReturn:
    message = f"line {line} of {file} has {word}, which is no number a table can hold"
    refuse("bad_number", message, "use null for a missing number, and text for long identifiers", file=file, row=line)
