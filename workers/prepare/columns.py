"""What each column is, decided after the whole file has been seen once: type, values, how to read it."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from workers.contract.column_names import is_label, is_text
from workers.contract.names import CATEGORY_CHARS_MAX, CATEGORY_VALUES_MAX
from workers.prepare.detect import media
from workers.prepare.json_table import join
from workers.prepare.strings import OF_TYPE, TYPED, UNTYPED, Narrowing, parse

FEW = 20  # so few rows that a label column may hold a value once
SHORT, SHORT_MEAN = 64, 24  # characters of a category whose name says nothing
LABEL_TYPES = ("category", "boolean", "integer")


class Column:
    """One column over all files. kinds: native kinds met; values: split of the file -> value -> count, None beyond CATEGORY_VALUES_MAX."""

    def __init__(self, name: str, declared: str | None, untyped: bool) -> None:
        self.name, self.declared = name, declared
        self.kinds: set[str] = set()
        self.raw: pa.DataType = pa.null()
        self.values: dict[str | None, Counter[Any]] | None = {}
        self.rows = self.filled = self.longest = 0
        self.strings = Narrowing(UNTYPED if untyped else TYPED)
        self.classes: list[str] | None = None  # given by the file's metadata
        self._low: float | None = None
        self._high: float | None = None

    def feed(self, array: pa.Array, group: str | None) -> None:
        """Look at one batch of a file whose rows belong to the given split, or to none."""
        array = plain(array)
        kind = kind_of(array)
        self.rows += len(array)
        self.filled += len(array) - array.null_count
        if kind == "null" or array.null_count == len(array):
            return
        self.kinds.add(kind)
        if kind in ("string", "integer", "boolean"):
            array = self._count(array, group)
        if kind == "string":
            self._feed_strings(array)
        elif kind in ("list", "struct"):
            self.raw = join(self.raw, array.type)
        elif kind in ("integer", "number"):
            self._feed_numbers(array)

    def _count(self, array: pa.Array, group: str | None) -> pa.Array:
        """Count values while they are few; answers the distinct ones then, all otherwise."""
        if self.values is None:
            return array
        counted = pc.value_counts(array)
        distinct = counted.field("values")
        if len(distinct) > CATEGORY_VALUES_MAX + 1:
            self.values = None
            return array
        counter = self.values.setdefault(group, Counter())
        counter.update(dict(zip(distinct.to_pylist(), counted.field("counts").to_pylist(), strict=True)))
        if len(set().union(*self.values.values())) > CATEGORY_VALUES_MAX + 1:
            self.values = None
        return distinct

    def _feed_strings(self, array: pa.Array) -> None:
        lengths = pc.utf8_length(array)
        self.longest = max(self.longest, pc.max(lengths).as_py() or 0)
        self.strings.feed(array)

    def _feed_numbers(self, array: pa.Array) -> None:
        finite = array.filter(pc.is_finite(array)) if pa.types.is_floating(array.type) else array
        bounds = pc.min_max(finite)
        for word, pick in (("min", min), ("max", max)):
            found, kept = bounds[word].as_py(), self._low if word == "min" else self._high
            value = found if kept is None else kept if found is None else pick(kept, found)
            if word == "min":
                self._low = value
            else:
                self._high = value

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Least and greatest figure, of all that could be read as one."""
        lows = [value for value in (self._low, self.strings.low) if value is not None]
        highs = [value for value in (self._high, self.strings.high) if value is not None]
        return (float(min(lows)), float(max(highs))) if lows and highs else None

    def type(self, first_bytes: bytes = b"") -> str:
        """The column's type. first_bytes: of a binary value, to tell images from sounds."""
        if self.declared:
            return self.declared
        if self.kinds & {"media", "binary"}:
            return media(first_bytes) or "image"
        if self.kinds == {"integer", "number"}:
            return "number"
        if self.kinds - {"string"}:
            return next(iter(self.kinds)) if len(self.kinds) == 1 else self._mixed()
        look = self.look
        if look:
            return next(kind for kind, looks in OF_TYPE.items() if look in looks)
        return "category" if self._is_category() else "text"

    def _mixed(self) -> str:
        """Files disagree: strings of one may still read as what another holds natively."""
        natives = self.kinds - {"string"}
        look = self.look
        read = next((kind for kind, looks in OF_TYPE.items() if look in looks), None) if look else None
        if read and natives <= {read, "integer"} and (natives == {read} or read == "number"):
            return read
        return "text"

    @property
    def look(self) -> str | None:
        """How to read its strings, None for text."""
        if self.declared in OF_TYPE:
            looks = OF_TYPE[self.declared]
            return self.strings.look if self.strings.look in looks else looks[0]
        return None if self.declared else self.strings.look

    def _is_category(self) -> bool:
        if self.values is None or not self.filled or self.longest > CATEGORY_CHARS_MAX or self.name == "text":
            return False
        counts = sum(self.values.values(), Counter())
        counts.pop(None, None)
        repeated = len(counts) <= self.filled / 2
        if is_label(self.name):
            return repeated or self.filled <= FEW
        mean = sum(len(value) * count for value, count in counts.items()) / max(1, self.filled)
        return repeated and not is_text(self.name) and self.longest <= SHORT and mean <= SHORT_MEAN

    @property
    def few(self) -> bool:
        """Its values are few enough to be listed one by one, and come again."""
        if self.values is None:
            return False
        distinct = len(set().union(*self.values.values()))
        return distinct <= CATEGORY_VALUES_MAX + 1 and (distinct <= self.filled / 2 or distinct <= FEW)

    def counted(self, type: str) -> dict[str | None, Counter[Any]] | None:
        """Values as the type has them -> counts, for each split of the files; nulls under None."""
        if self.values is None or type not in LABEL_TYPES:
            return None
        return {group: _typed(counter, type, self.look) for group, counter in self.values.items()}


def _typed(counter: Counter[Any], type: str, look: str | None) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for value, count in counter.items():
        if isinstance(value, str):
            value = parse(pa.array([value]), look)[0].as_py() if look and type != "category" else value.strip() or None
        elif value is not None and type == "category":
            value = str(value)
        found[value] += count
    return found


def plain(array: pa.Array) -> pa.Array:
    """The array without dictionary, large or view encodings, maps as lists."""
    type = array.type
    if pa.types.is_dictionary(type):
        return plain(array.cast(type.value_type))
    if pa.types.is_large_string(type) or pa.types.is_string_view(type):
        return array.cast(pa.string())
    if pa.types.is_large_list(type) or pa.types.is_fixed_size_list(type):
        return array.cast(pa.list_(type.value_type))
    if pa.types.is_map(type):
        return array.cast(pa.list_(pa.struct([("key", type.key_type), ("value", type.item_type)])))
    if pa.types.is_time(type) or pa.types.is_duration(type):
        return array.cast(pa.int64() if pa.types.is_duration(type) else pa.string())
    return array


def kind_of(array: pa.Array) -> str:
    """The native kind of an array: null string integer number boolean timestamp binary media list struct."""
    type = array.type
    checks = {
        "null": pa.types.is_null,
        "string": pa.types.is_string,
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "timestamp": pa.types.is_temporal,
        "list": pa.types.is_list,
    }
    for kind, is_kind in checks.items():
        if is_kind(type):
            return kind
    if pa.types.is_floating(type) or pa.types.is_decimal(type):
        return "number"
    if pa.types.is_struct(type):
        names = {field.name for field in type}
        is_media = "bytes" in names and names <= {"bytes", "path"} and _is_binary(type.field("bytes").type)
        return "media" if is_media else "struct"
    return "binary" if _is_binary(type) else "string"


def _is_binary(type: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type) or pa.types.is_large_binary(type) or pa.types.is_fixed_size_binary(type))
