"""Figures about a dataset version, gathered while its shards are written.

{rows, label, columns: {name: {type, nulls, distinct, distinct_exact, …}}, splits: {split: {rows, classes: {column: {value: count}}}},
 media: of images or sounds, fixed: {fix: rows it dropped or masked}, findings: {finding: [[split, row]]} of the first rows of each,
 health: {duplicates, leakage, conflicts, conflict_rows, empty, rejected, rejected_files: the first names, small: [[class, rows, in test]],
   personal: {rows, kind: how many}, dropped_by, exact}}
· text and category: lengths {min, max, mean, median, edges: [21], counts: [20]} in characters
· integer and number: min, max, mean, std, histogram {edges: [21], counts: [20]} · timestamp: min, max (RFC 3339)
· category, and boolean and integer whose values are few: values [[value, count]] in order, top [[value, count]] (the 20 most frequent).
Keys of `classes` are the values as text; boolean ones are "true" and "false"; nulls are not counted. Figures that cannot be told are null.
"""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workers.contract.options import SPLITS
from workers.prepare.hashing import Distinct, Hashes, hash_array

BINS = 20
TOP = 20
LENGTH_EXACT = 65_536  # characters up to which every length is counted by itself
DISTINCT_CAP = 1_000_000  # hashes kept, over all columns


class ColumnFigures:
    """One column. values: its distinct values are few and counted; bounds: least and greatest figure, known from the first pass."""

    def __init__(self, type: str, values: bool, bounds: tuple[float, float] | None, cap: int) -> None:
        self.type, self._few, self._bounds = type, values, bounds
        self.nulls = self.rows = 0
        self.by_split: dict[int, Counter[Any]] = {}
        self._distinct = Distinct(cap)
        self._lengths = np.zeros(1, np.int64)  # grows to the longest value
        self._longest = self._chars = 0
        self._bins = np.zeros(BINS, np.int64)
        self._sum = self._squares = 0.0
        self._least: Any = None
        self._most: Any = None

    def feed(self, array: pa.Array, splits: NDArray[np.int8]) -> Hashes | None:
        """Take a batch in; answers the hashes of its values when it had to make them."""
        self.rows += len(array)
        self.nulls += array.null_count
        if self._few:
            self._count(array, splits)
        if self.type in ("text", "category"):
            self._measure(pc.utf8_length(array))
        elif self.type in ("integer", "number"):
            self._figures(array)
        elif self.type == "timestamp":
            self._range(array)
        if self._few or self.type in ("list", "struct"):
            return None
        hashes = hash_array(array)
        self._distinct.add(hashes[np.asarray(array.is_valid().to_numpy(zero_copy_only=False))] if array.null_count else hashes)
        return hashes

    def _count(self, array: pa.Array, splits: NDArray[np.int8]) -> None:
        for index in np.flatnonzero(np.bincount(splits)).tolist():
            mine = array if (splits == index).all() else array.filter(pa.array(splits == index))
            counted = pc.value_counts(mine.drop_null())
            pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
            self.by_split.setdefault(index, Counter()).update(dict(pairs))

    def _measure(self, lengths: pa.Array) -> None:
        numbers = np.asarray(lengths.drop_null().to_numpy(zero_copy_only=False), np.int64)
        if len(numbers):
            self._longest = max(self._longest, int(numbers.max()))
            self._chars += int(numbers.sum())
            counts = np.bincount(np.minimum(numbers, LENGTH_EXACT), minlength=len(self._lengths))
            counts[: len(self._lengths)] += self._lengths
            self._lengths = counts

    def _figures(self, array: pa.Array) -> None:
        numbers = np.asarray(array.drop_null().to_numpy(zero_copy_only=False), np.float64)
        if not len(numbers):
            return
        self._range(array)
        self._sum += float(numbers.sum())
        self._squares += float((numbers * numbers).sum())
        if self._bounds and np.isfinite(self._bounds).all() and np.isfinite(self._bounds[1] - self._bounds[0]):
            self._bins += np.histogram(numbers, BINS, self._bounds)[0]

    def _range(self, array: pa.Array) -> None:
        bounds = pc.min_max(array)
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        if low is not None:
            self._least = low if self._least is None else min(self._least, low)
            self._most = high if self._most is None else max(self._most, high)

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": self.type, "nulls": self.nulls}
        values = sum(self.by_split.values(), Counter())
        if self._few:
            found |= {"distinct": len(values), "distinct_exact": True}
            found["values"] = [[value, values[value]] for value in sorted(values, key=natural)]
            found["top"] = [list(pair) for pair in values.most_common(TOP)]
        elif self.type not in ("list", "struct"):
            found["distinct"], found["distinct_exact"] = self._distinct.count()
        if self.type in ("text", "category"):
            found["lengths"] = self._length_report()
        elif self.type in ("integer", "number"):
            found |= self._figure_report()
        elif self.type == "timestamp":
            found |= {"min": _iso(self._least), "max": _iso(self._most)}
        return found

    def _length_report(self) -> dict[str, Any] | None:
        count = int(self._lengths.sum())
        if not count:
            return None
        present = np.flatnonzero(self._lengths)
        low = int(present[0])
        reach = np.cumsum(self._lengths)
        median = float(np.searchsorted(reach, (count + 1) // 2) + np.searchsorted(reach, count // 2 + 1)) / 2
        edges = np.linspace(low, max(self._longest, low + 1), BINS + 1)
        counts = np.histogram(np.minimum(present, edges[-1]), edges, weights=self._lengths[present])[0]
        mean = self._chars / count
        spread = {"edges": edges.tolist(), "counts": counts.astype(int).tolist()}
        return {"min": low, "max": self._longest, "mean": mean, "median": median, **spread}

    def _figure_report(self) -> dict[str, Any]:
        count = self.rows - self.nulls
        if not count:
            return {"min": None, "max": None, "mean": None, "std": None, "histogram": None}
        mean = self._sum / count
        spread = max(0.0, self._squares / count - mean * mean)
        histogram = None
        if self._bounds and self._bins.any():
            edges = np.histogram_bin_edges(np.empty(0), BINS, self._bounds)
            histogram = {"edges": edges.tolist(), "counts": self._bins.tolist()}
        figures = {"mean": _finite(mean), "std": _finite(spread**0.5), "histogram": histogram}
        return {"min": _finite(self._least), "max": _finite(self._most), **figures}


class Figures:
    """All columns of a version."""

    def __init__(self, types: dict[str, str], few: set[str], bounds: dict[str, tuple[float, float] | None]) -> None:
        cap = max(1000, DISTINCT_CAP // max(1, len(types) - len(few)))
        self.columns = {name: ColumnFigures(type, name in few, bounds.get(name), cap) for name, type in types.items()}
        self.rows = np.zeros(len(SPLITS), np.int64)

    def feed(self, batch: pa.RecordBatch, splits: NDArray[np.int8]) -> dict[str, Hashes]:
        """Take a batch of final types in; answers the hashes made on the way, by column."""
        self.rows += np.bincount(splits, minlength=len(SPLITS))
        found = {name: figures.feed(batch.column(name), splits) for name, figures in self.columns.items()}
        return {name: hashes for name, hashes in found.items() if hashes is not None}

    def report(self) -> dict[str, Any]:
        splits = {}
        for index, name in enumerate(SPLITS):
            if self.rows[index]:
                counted = {column: figures.by_split[index] for column, figures in self.columns.items() if index in figures.by_split}
                classes = {
                    column: {_key(value): values[value] for value in sorted(values, key=natural)} for column, values in counted.items()
                }
                splits[name] = {"rows": int(self.rows[index]), "classes": classes}
        return {
            "rows": int(self.rows.sum()),
            "columns": {name: figures.report() for name, figures in self.columns.items()},
            "splits": splits,
        }


def natural(value: Any) -> tuple[int, float, str]:
    """Order of values: figures by size, texts that are figures too, then by letters."""
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (0, float(value), "") if value.isdecimal() and value.isascii() and len(value) < 16 else (1, 0.0, value)


def _key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _finite(value: Any) -> Any:
    return value if value is not None and np.isfinite(value) else None


def _iso(value: Any) -> str | None:
    return value.isoformat() + "Z" if value is not None else None
