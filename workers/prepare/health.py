"""What would mislead a training: rows that come twice, training rows that are also in test, equal inputs with different labels."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workers.contract.options import SPLITS
from workers.prepare.hashing import Hashes, combine, distinct, hash_array

CAP = 1_000_000  # rows kept; beyond it a share of the hash space is, and the counts are scaled up


class Health:
    """Fed every batch once; `report()` counts. label: the column whose value is the answer, None when there is none."""

    def __init__(self, label: str | None, inputs: list[str]) -> None:
        self._label, self._inputs = label, inputs
        self._level = self._waiting = 0
        self._pieces: list[tuple[Hashes, Hashes, NDArray[np.int8]]] = []

    def feed(self, batch: pa.RecordBatch, hashes: dict[str, Hashes], splits: NDArray[np.int8]) -> None:
        """splits: indices into SPLITS, one for each row. hashes: of columns that have been hashed already."""

        def of(name: str) -> Hashes:
            return hashes[name] if name in hashes else hash_array(batch.column(name))

        inputs = np.zeros(batch.num_rows, np.uint64)
        for name in self._inputs:
            inputs = combine(inputs, of(name))
        labels = of(self._label) if self._label else np.zeros(batch.num_rows, np.uint64)
        self._keep(inputs, labels, splits)

    def _keep(self, inputs: Hashes, labels: Hashes, splits: NDArray[np.int8]) -> None:
        chosen = (inputs & np.uint64((1 << self._level) - 1)) == 0
        self._pieces.append((inputs[chosen], labels[chosen], splits[chosen]))
        self._waiting += int(chosen.sum())
        while self._waiting > CAP:
            self._level += 1
            mask = np.uint64((1 << self._level) - 1)
            self._pieces = [tuple(part[(piece[0] & mask) == 0] for part in piece) for piece in self._pieces]  # type: ignore[misc]
            self._waiting = sum(len(piece[0]) for piece in self._pieces)

    def report(self) -> dict[str, Any]:
        """duplicates: rows equal to an earlier one · leakage: rows of train and validation whose inputs are in test ·
        conflicts: inputs that carry two labels · exact: False when estimated from a sample."""
        if not self._pieces or not self._inputs:
            return {"duplicates": 0, "leakage": 0, "conflicts": 0, "exact": True}
        inputs, labels, splits = (np.concatenate([piece[part] for piece in self._pieces]) for part in range(3))
        distinct_rows = len(distinct(combine(inputs, labels)))
        test = SPLITS.index("test")
        leaked = _also_in(inputs[splits != test], inputs[splits == test])
        scale = 1 << self._level
        return {
            "duplicates": (len(inputs) - distinct_rows) * scale,
            "leakage": leaked * scale,
            "conflicts": _conflicts(inputs, labels) * scale if self._label else 0,
            "exact": self._level == 0,
        }


def _also_in(these: Hashes, those: Hashes) -> int:
    """How many of `these` are among `those`."""
    if not len(those):
        return 0
    known = distinct(those)
    place = np.minimum(np.searchsorted(known, these), len(known) - 1)
    return int((known[place] == these).sum())


def _conflicts(inputs: Hashes, labels: Hashes) -> int:
    """Inputs that stand with more than one label."""
    order = np.lexsort((labels, inputs))
    first, second = inputs[order], labels[order]
    same = first[1:] == first[:-1]
    return len(distinct(first[1:][same & (second[1:] != second[:-1])]))
