"""Which split each row goes to: exact sizes, the same for the same seed, without a list of the rows in memory.

Within a class (or the whole file when not stratified) the rows are numbered as they come, and a keyed permutation of 0 … n-1 shuffles the
numbers. Those below the test size go to test, the next to validation, the rest to train: so the counts are exact and a row's
place depends only on the seed, its class and its number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.contract.options import Split

Numbers = NDArray[np.int64]
_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_ROUNDS = 4


def shares(sizes: Numbers, fraction: float, free: Numbers, at_least_one: bool) -> Numbers:
    """How many rows of each class go to a split of this fraction: their sum is the rounded fraction of all rows where it can be.

    sizes: rows of each class; free: rows of each class still to be given; at_least_one: from every class with 3 rows or more.
    """
    exact = sizes * fraction
    taken = np.floor(exact + 1e-9).astype(np.int64)
    if at_least_one:
        taken = np.maximum(taken, (sizes >= 3).astype(np.int64))
    taken = np.where(sizes >= 3, np.minimum(taken, free - 1), 0) if at_least_one else np.minimum(taken, free)
    missing = int(np.floor(sizes.sum() * fraction + 0.5)) - int(taken.sum())
    for index in np.argsort(-(exact - taken), kind="stable"):
        if missing <= 0:
            break
        if taken[index] < free[index] - 1 and (sizes[index] >= 3 or not at_least_one) and exact[index] > taken[index]:
            taken[index] += 1
            missing -= 1
    return taken


@dataclass(frozen=True)
class Plan:
    """sizes: rows of each class; test, validation: how many of each go there; ordered: by place in the file, train first."""

    sizes: Numbers
    validation: Numbers
    test: Numbers
    seed: int
    ordered: bool = False

    def rows(self) -> dict[Split, int]:
        validation, test = int(self.validation.sum()), int(self.test.sum())
        return {"train": int(self.sizes.sum()) - validation - test, "validation": validation, "test": test}


def make(sizes: list[int], fractions: dict[Split, float], seed: int, method: str) -> Plan:
    """A plan over classes of these sizes. method: stratified random ordered (the last two know one class)."""
    counts = np.asarray(sizes, np.int64)
    every = method == "stratified" or int(counts.sum()) >= 3
    free = counts.copy()
    taken: dict[Split, Numbers] = {}
    for split in ("test", "validation"):
        part = fractions.get(split, 0.0)
        taken[split] = shares(counts, part, free, every) if part else np.zeros_like(counts)
        free = free - taken[split]
    return Plan(counts, taken["validation"], taken["test"], seed, method == "ordered")


class Assigner:
    """Gives rows their split, batch by batch in file order."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._next = np.zeros(len(plan.sizes), np.int64)
        self._keys = [_mixed(plan.seed * 8 + turn) for turn in range(2 * _ROUNDS)]
        bits = np.asarray([max(4, int(size - 1).bit_length()) if size else 4 for size in plan.sizes], np.uint64)
        self._masks = (np.uint64(1) << bits) - np.uint64(1)
        self._shifts = bits // np.uint64(2) + np.uint64(1)

    def assign(self, codes: Numbers) -> NDArray[np.int8]:
        """Indices into SPLITS for rows of the classes `codes`."""
        ranks = self._ranks(codes)
        sizes, test, validation = self._plan.sizes[codes], self._plan.test[codes], self._plan.validation[codes]
        if self._plan.ordered:
            train = sizes - test - validation
            return (np.where(ranks < train, 0, np.where(ranks < train + validation, 1, 2))).astype(np.int8)
        place = self._shuffled(ranks, codes, sizes)
        return np.where(place < test, 2, np.where(place < test + validation, 1, 0)).astype(np.int8)

    def _ranks(self, codes: Numbers) -> Numbers:
        """The running number of each row within its class."""
        order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes, minlength=len(self._next))
        starts = np.cumsum(counts) - counts
        ranks = np.empty(len(codes), np.int64)
        ranks[order] = np.arange(len(codes)) - starts[codes[order]]
        ranks += self._next[codes]
        self._next += counts
        return ranks

    def _shuffled(self, ranks: Numbers, codes: Numbers, sizes: Numbers) -> Numbers:
        """A bijection of 0 … size-1 for each class, by walking a bijection of the next power of two until it falls inside."""
        value = ranks.astype(np.uint64)
        outside = np.arange(len(value))
        while len(outside):
            chosen = codes[outside]
            mixed = self._mix(value[outside], chosen)
            value[outside] = mixed
            outside = outside[mixed >= sizes[outside].astype(np.uint64)]
        return value.astype(np.int64)

    def _mix(self, value: NDArray[np.uint64], codes: Numbers) -> NDArray[np.uint64]:
        """One bijection on the bits of each row's class: odd multiplications carry upwards, shifts carry down."""
        mask, shift = self._masks[codes], self._shifts[codes]
        salt = (codes.astype(np.uint64) * np.uint64(_GOLDEN)) >> np.uint64(17)
        for turn in range(_ROUNDS):
            factor, term = np.uint64(self._keys[2 * turn] | 1), np.uint64(self._keys[2 * turn + 1])
            value = (value * factor + (salt ^ term)) & mask
            value ^= value >> shift
        return value


def _mixed(number: int) -> int:
    """splitmix64: neighbouring seeds give unrelated keys."""
    state = (number + 1) * _GOLDEN & _MASK
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
    return state ^ state >> 31
