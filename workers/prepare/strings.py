"""What a column of strings could be: integer, number, decimal-comma number, boolean, timestamp. Narrowed batch by batch, never widened."""

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

NULL_WORDS = pa.array(["", "NA", "N/A", "n/a", "na", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "none", "-", "?"])
_CODE = r"^\s*[+-]?(0[0-9xX]|\d{19,}$)"  # leading zeros and long digits are codes, not figures
_COMMA = r"^\s*[+-]?(\d{1,3}(\.\d{3})+|\d+)?(,\d+)?\s*$"
_THOUSANDS = r"^\s*[+-]?(\d{1,3}(,\d{3})+|\d{1,3})\s*$"
STAMP = pa.timestamp("us")
_ZONED = pa.timestamp("us", "UTC")


class BadNumber(Exception):
    """A figure beyond what a float holds, such as 1e999. Its text is the argument."""


class Look(NamedTuple):
    """A reading of strings. parse: strings -> array of the type, raising pa.ArrowInvalid; falls: readings to try when it fails."""

    type: str
    parse: Callable[[pa.Array], pa.Array]
    falls: tuple[str, ...] = ()


def clean(array: pa.Array) -> pa.Array:
    """Without white space around, and null where a word stands for a missing value."""
    trimmed = pc.utf8_trim_whitespace(array)
    return pc.if_else(pc.is_in(trimmed, value_set=NULL_WORDS), pa.scalar(None, pa.string()), trimmed)


def _integer(array: pa.Array) -> pa.Array:
    return array.cast(pa.int64())


def _number(array: pa.Array) -> pa.Array:
    found = array.cast(pa.float64())
    odd = pc.invert(pc.is_finite(found))
    if pc.any(odd).as_py():
        word = array.filter(odd)[0].as_py()
        if word.strip().lstrip("+-").lower() in ("nan", "inf", "infinity"):
            raise pa.ArrowInvalid(word)
        raise BadNumber(word)
    return found


def _comma(array: pa.Array) -> pa.Array:
    if not pc.all(pc.match_substring_regex(array, _COMMA)).as_py():
        raise pa.ArrowInvalid("not a number with a decimal comma")
    plain = pc.replace_substring(pc.replace_substring(array, ".", ""), ",", ".")
    return plain.cast(pa.float64())


def sure_comma(array: pa.Array) -> bool:
    """Some value that can only be a decimal comma: `2,5`, not `2,500`."""
    sure = pc.and_(pc.match_substring(array, ","), pc.invert(pc.match_substring_regex(array, _THOUSANDS)))
    return bool(pc.any(sure).as_py())


def _boolean(array: pa.Array) -> pa.Array:
    lower = pc.utf8_lower(array)
    if not pc.all(pc.is_in(lower.drop_null(), value_set=pa.array(["true", "false"]))).as_py():
        raise pa.ArrowInvalid("neither true nor false")
    return pc.if_else(pc.is_valid(array), pc.equal(lower, "true"), pa.scalar(None, pa.bool_()))


def _stamp(array: pa.Array) -> pa.Array:
    return array.cast(STAMP)


def _zoned(array: pa.Array) -> pa.Array:
    return array.cast(_ZONED).cast(pa.int64()).cast(STAMP)


def _slashed(array: pa.Array) -> pa.Array:
    return _stamp(pc.replace_substring_regex(array, r"^(\d{4})/(\d\d)/(\d\d)", r"\1-\2-\3"))


def _has_codes(array: pa.Array) -> bool:
    """Leading zeros, or more digits than an integer has."""
    return bool(pc.any(pc.match_substring_regex(array, _CODE)).as_py())


LOOKS: dict[str, Look] = {
    "integer": Look("integer", _integer, ("number", "comma")),
    "number": Look("number", _number),
    "comma": Look("number", _comma),
    "boolean": Look("boolean", _boolean),
    "stamp": Look("timestamp", _stamp),
    "zoned": Look("timestamp", _zoned),
    "slashed": Look("timestamp", _slashed),
}
UNTYPED = ("integer", "boolean", "stamp", "zoned", "slashed")
TYPED = ("stamp", "zoned", "slashed")
OF_TYPE = {"integer": ("integer",), "number": ("number", "comma"), "boolean": ("boolean",), "timestamp": ("stamp", "zoned", "slashed")}


def parse(array: pa.Array, look: str) -> pa.Array:
    """Strings as the type of `look`; tried as they are, then cleaned. Raises pa.ArrowInvalid or BadNumber."""
    try:
        return LOOKS[look].parse(array)
    except pa.ArrowInvalid:
        return LOOKS[look].parse(clean(array))


class Narrowing:
    """The readings of one column that still hold for every value seen."""

    def __init__(self, looks: tuple[str, ...]) -> None:
        self._alive = list(looks)
        self._sure = False
        self._seen = False  # a value that is no word for a missing one
        self.bad_number: str | None = None
        self.low: float | None = None
        self.high: float | None = None

    def feed(self, array: pa.Array) -> None:
        """Drop the readings that a value of `array` contradicts."""
        if array.null_count == len(array):
            return
        alive: list[str] = []
        for look in self._alive:
            for choice in (look, *LOOKS[look].falls):
                if self._holds(choice, array):
                    alive.append(choice)
                    break
        self._alive = alive

    def _holds(self, look: str, array: pa.Array) -> bool:
        try:
            found = parse(array, look)
            if look in ("integer", "number", "comma") and _has_codes(array):
                return False
        except pa.ArrowInvalid:
            return False
        except BadNumber as error:
            self.bad_number = self.bad_number or str(error)
            self._seen = True
            return True
        self._seen = self._seen or found.null_count < len(found)
        if look == "comma":
            self._sure = self._sure or sure_comma(clean(array))
        if LOOKS[look].type in ("integer", "number") and found.null_count < len(found):
            bounds = pc.min_max(found)
            low, high = bounds["min"].as_py(), bounds["max"].as_py()
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
        return True

    @property
    def look(self) -> str | None:
        """The reading to take, None for text."""
        if not self._alive or not self._seen or (self._alive[0] == "comma" and not self._sure):
            return None
        return self._alive[0]
