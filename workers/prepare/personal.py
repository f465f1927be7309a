"""Personal data in the columns of a batch: where it stands, and the batch with it masked. What counts as such is `contract.personal`'s."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workers.contract.options import SPLITS
from workers.contract.personal import KINDS, LEAST, PREFILTER, Kind, find, mask
from workers.prepare.health import LISTED

_LOOKED = ("text", "category", "integer", "list", "struct")
_MAYBE = re.compile(PREFILTER)


def columns(types: dict[str, str], label: str | None) -> list[str]:
    """The columns that may hold some; the label is the answer to be learnt, not a text."""
    return [name for name, type in types.items() if type in _LOOKED and name != label]


def find_in(array: pa.Array) -> Iterator[tuple[int, list[Kind]]]:
    """(row, kinds found) of the rows that have any."""
    for row, value in _candidates(array):
        kinds = [span.kind for text in _strings(value) for span in find(text)]
        if kinds:
            yield row, kinds


def masked(batch: pa.RecordBatch, names: list[str]) -> tuple[pa.RecordBatch, int]:
    """The batch with every finding in these columns masked, and how many rows that changed. A whole number becomes empty."""
    arrays, changed = list(batch.columns), np.zeros(batch.num_rows, np.bool_)
    for name in names:
        at = batch.schema.get_field_index(name)
        hits = dict(_masked_values(arrays[at]))
        if hits:
            mine = np.zeros(batch.num_rows, np.bool_)
            mine[list(hits)] = True
            new = pa.array([hits[row] for row in sorted(hits)], arrays[at].type)
            arrays[at] = _replaced(arrays[at], mine, new)
            changed |= mine
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema), int(changed.sum())


def _masked_values(array: pa.Array) -> Iterator[tuple[int, Any]]:
    for row, value in _candidates(array):
        found = _walk(value)
        if found != value:
            yield row, found


def _replaced(array: pa.Array, mine: NDArray[np.bool_], new: pa.Array) -> pa.Array:
    """The rows of `mine` taken from `new`, the others from `array`."""
    if pa.types.is_nested(array.type):  # which Arrow cannot replace in place
        index = np.arange(len(array))
        index[mine] = len(array) + np.arange(len(new))
        return pa.concat_arrays([array, new]).take(pa.array(index))
    return pc.replace_with_mask(array, pa.array(mine), new)


def _candidates(array: pa.Array) -> Iterator[tuple[int, Any]]:
    """The rows worth a closer look, found without making Python objects of the others."""
    if pa.types.is_string(array.type):
        chosen = pc.match_substring_regex(array, PREFILTER)
    elif pa.types.is_integer(array.type):
        chosen = pc.greater_equal(array, LEAST)
    else:
        yield from ((row, value) for row, value in enumerate(array.to_pylist()) if any(map(_MAYBE.search, _strings(value))))
        return
    rows = np.flatnonzero(chosen.fill_null(False).to_numpy(zero_copy_only=False))
    yield from zip(rows.tolist(), array.take(pa.array(rows)).to_pylist(), strict=True)


def _strings(value: Any) -> Iterator[str]:
    """The texts of a value, however deep; a large whole number as its figures."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and value >= LEAST:
        yield str(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _walk(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, int) and value >= LEAST:
        return None if find(str(value)) else value
    if isinstance(value, dict):
        return {key: _walk(item) for key, item in value.items()}
    return [_walk(item) for item in value] if isinstance(value, list) else value


class Personal:
    """Counts over all batches, and where the first of each kind stand."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._counts: Counter[Kind] = Counter()
        self._rows = 0
        self._places: dict[Kind, list[tuple[str, int]]] = {kind: [] for kind in KINDS}

    def feed(self, batch: pa.RecordBatch, splits: NDArray[np.int8], numbers: NDArray[np.int64]) -> None:
        """numbers: of each row within its split."""
        found: dict[int, list[Kind]] = {}
        for name in self._names:
            for row, kinds in find_in(batch.column(name)):
                found.setdefault(row, []).extend(kinds)
        self._rows += len(found)
        for row, kinds in sorted(found.items()):
            self._counts.update(kinds)
            for kind in set(kinds):
                if len(self._places[kind]) < LISTED:
                    self._places[kind].append((SPLITS[splits[row]], int(numbers[row])))

    def report(self) -> dict[str, int]:
        """{rows, and how many of each kind}; empty when there is none."""
        return {"rows": self._rows, **{kind: self._counts[kind] for kind in KINDS if self._counts[kind]}} if self._rows else {}

    def places(self) -> dict[str, list[tuple[str, int]]]:
        return {kind: places for kind, places in self._places.items() if places}
