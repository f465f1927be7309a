"""What would mislead a training: rows that come twice, training rows also in test, equal inputs with different labels, empty rows."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workers.contract.options import SPLITS, Fix
from workers.prepare.hashing import Hashes, combine, hash_array

CAP = 1_000_000  # rows kept; beyond it a share of the hash space is, and the counts are scaled up
LISTED = 100  # rows of each finding that are named
DROPS: dict[Fix, int] = {"drop_duplicates": 1, "drop_leaks": 2, "drop_conflicts": 4, "drop_empty": 8}  # fix → its bit in a row's flags
NAMED = 10  # files left out and classes too small that are named
SMALL = 5  # rows of a class; fewer can be neither learnt nor measured
_TEST = SPLITS.index("test")


class Rows(NamedTuple):
    """Some rows: hashes of inputs and label, split (an index into SPLITS), number within it, whether every input is empty."""

    inputs: Hashes
    labels: Hashes
    splits: NDArray[np.int8]
    numbers: NDArray[np.int64]
    empty: NDArray[np.bool_]

    def at(self, chosen: Any) -> "Rows":
        return Rows(*(part[chosen] for part in self))


def read(
    batch: pa.RecordBatch,
    inputs: list[str],
    label: str | None,
    hashes: dict[str, Hashes],
    splits: NDArray[np.int8],
    numbers: NDArray[np.int64],
) -> Rows:
    """The rows of a batch. hashes: of columns that have been hashed already."""

    def of(name: str) -> Hashes:
        return hashes[name] if name in hashes else hash_array(batch.column(name))

    found = np.zeros(batch.num_rows, np.uint64)
    for name in inputs:
        found = combine(found, of(name))
    labels = of(label) if label else np.zeros(batch.num_rows, np.uint64)
    return Rows(found, labels, splits, numbers, _empty(batch, inputs))


def _empty(batch: pa.RecordBatch, inputs: list[str]) -> NDArray[np.bool_]:
    """Rows of which every input is missing or blank."""
    left = np.full(batch.num_rows, bool(inputs))
    for name in inputs:
        if not left.any():
            break
        column = batch.column(name)
        blank = column.is_null()
        if pa.types.is_string(column.type):
            blank = pc.or_(blank, pc.equal(pc.utf8_trim_whitespace(column.fill_null("")), ""))
        left &= blank.to_numpy(zero_copy_only=False)
    return left


def judge(rows: Rows, labelled: bool) -> tuple[Rows, NDArray[np.uint8], NDArray[np.int64]]:
    """(the rows in the order of their inputs, the bits of DROPS for each, the number of its group of equal inputs).

    Of equal rows one stays, so that its place in test is the last to be given up: test before validation before train, then the first.
    """
    rows = rows.at(np.lexsort((rows.numbers, -rows.splits, rows.labels, rows.inputs)))
    fresh = np.ones(len(rows.inputs), np.bool_)
    fresh[1:] = rows.inputs[1:] != rows.inputs[:-1]
    other = fresh.copy()
    other[1:] |= rows.labels[1:] != rows.labels[:-1]
    group = np.cumsum(fresh) - 1
    tested = np.bincount(group, rows.splits == _TEST) > 0
    unclear = np.bincount(group, other) > 1
    flags = (~other).astype(np.uint8) * DROPS["drop_duplicates"]
    flags |= (tested[group] & (rows.splits != _TEST)).astype(np.uint8) * np.uint8(DROPS["drop_leaks"])
    if labelled:
        flags |= unclear[group].astype(np.uint8) * np.uint8(DROPS["drop_conflicts"])
    flags |= rows.empty.astype(np.uint8) * np.uint8(DROPS["drop_empty"])
    return rows, flags, group


class Health:
    """Fed every batch once; `report()` counts. label: the column whose value is the answer, None when there is none."""

    def __init__(self, label: str | None, inputs: list[str]) -> None:
        self._label, self._inputs = label, inputs
        self._level = self._waiting = 0
        self._pieces: list[Rows] = []
        self._judged: tuple[Rows, NDArray[np.uint8], NDArray[np.int64]] | None = None

    def feed(self, batch: pa.RecordBatch, hashes: dict[str, Hashes], splits: NDArray[np.int8], numbers: NDArray[np.int64]) -> None:
        """splits: indices into SPLITS, numbers: the place within the split, one of each for each row."""
        piece = read(batch, self._inputs, self._label, hashes, splits, numbers)
        piece = piece.at(self._sampled(piece)) if self._level else piece
        self._pieces.append(piece)
        self._waiting += len(piece.inputs)
        while self._waiting > CAP:
            self._level += 1
            self._pieces = [piece.at(self._sampled(piece)) for piece in self._pieces]
            self._waiting = sum(len(piece.inputs) for piece in self._pieces)

    def _sampled(self, piece: Rows) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = (piece.inputs & np.uint64((1 << self._level) - 1)) == 0
        return chosen

    def _judge(self) -> tuple[Rows, NDArray[np.uint8], NDArray[np.int64]]:
        if self._judged is None:
            whole = Rows(*(np.concatenate(parts) for parts in zip(*self._pieces, strict=True)))
            self._pieces = []
            self._judged = judge(whole, bool(self._label))
        return self._judged

    def report(self) -> dict[str, Any]:
        """duplicates: rows equal to another that stays · leakage: rows of train and validation whose inputs are in test ·
        conflicts: inputs that carry two labels, conflict_rows: their rows · empty: rows without any input ·
        dropped_by: [[fixes], rows that these and no others would drop] · exact: False when estimated from a sample."""
        if not self._inputs or not (self._pieces or self._judged):
            counts = dict.fromkeys(("duplicates", "leakage", "conflicts", "conflict_rows", "empty"), 0)
            return {**counts, "dropped_by": [], "exact": True}
        _rows, flags, group = self._judge()
        scale = 1 << self._level
        count = {fix: int((flags & bit > 0).sum()) * scale for fix, bit in DROPS.items()}
        sets = np.bincount(flags, minlength=16)
        return {
            "duplicates": count["drop_duplicates"],
            "leakage": count["drop_leaks"],
            "conflicts": len(np.unique(group[flags & DROPS["drop_conflicts"] > 0])) * scale,
            "conflict_rows": count["drop_conflicts"],
            "empty": count["drop_empty"],
            "dropped_by": [[[f for f, bit in DROPS.items() if bits & bit], int(sets[bits]) * scale] for bits in range(1, 16) if sets[bits]],
            "exact": self._level == 0,
        }

    def places(self) -> dict[str, list[tuple[str, int]]]:
        """Finding → (split, number) of its first rows, in order; the rows of a conflict stand together."""
        if not self._inputs or not (self._pieces or self._judged):
            return {}
        rows, flags, group = self._judge()
        place = rows.splits.astype(np.int64) * (1 << 56) + rows.numbers
        first = np.full(int(group[-1]) + 1 if len(group) else 0, np.iinfo(np.int64).max)
        np.minimum.at(first, group, place)
        found = {}
        for name, fix in (
            ("duplicates", "drop_duplicates"),
            ("leakage", "drop_leaks"),
            ("conflicts", "drop_conflicts"),
            ("empty", "drop_empty"),
        ):
            hit = np.flatnonzero(flags & DROPS[fix])  # type: ignore[index]
            by = (place[hit], first[group[hit]]) if name == "conflicts" else (place[hit],)
            chosen = hit[np.lexsort(by)][:LISTED]
            if len(chosen):
                found[name] = [
                    (str(SPLITS[split]), int(number)) for split, number in zip(rows.splits[chosen], rows.numbers[chosen], strict=True)
                ]
        return found


def small(statistics: dict[str, Any]) -> list[tuple[str, int, int]]:
    """(class, its rows, those in test) of the label's classes that have next to no rows, or none in test where there is one."""
    parts = {split: (part["classes"] or {}).get(statistics.get("label")) or {} for split, part in statistics["splits"].items()}
    rows = Counter[str]()
    for counts in parts.values():
        rows.update(counts)
    held = parts.get("test")
    found = [(name, count, (held or {}).get(name, 0)) for name, count in rows.items()]
    few = [(name, count, tested) for name, count, tested in found if count < SMALL or (held is not None and not tested)]
    return sorted(few, key=lambda each: each[1])[:NAMED]
