"""Token rows: kept flat, so that memory is four bytes a token; grouped by length, so that little is padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

GROUP = 50  # batches that are sorted by length together


@dataclass(frozen=True)
class Rows:
    """Rows of tokens. tokens: (total,) int32 · starts: (rows + 1,) int64; row i is tokens[starts[i]:starts[i + 1]]."""

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "Rows":
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        tokens = np.fromiter((token for row in rows for token in row), np.int32, int(lengths.sum()))
        return cls(tokens, np.concatenate([[0], lengths.cumsum()]))

    @classmethod
    def join(cls, parts: Sequence["Rows"]) -> "Rows":
        """All rows of `parts`, in order."""
        lengths = np.concatenate([part.lengths for part in parts]) if parts else np.zeros(0, np.int64)
        tokens = np.concatenate([part.tokens for part in parts]) if parts else np.zeros(0, np.int32)
        return cls(tokens, np.concatenate([[0], lengths.cumsum()]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        return self.tokens[self.starts[row] : self.starts[row + 1]]


def grouped(lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Shuffled batches of rows of like length: sorted inside groups of 50 batches only, so that batches stay random from epoch to epoch."""
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), GROUP * batch_size):
        group = order[start : start + GROUP * batch_size]
        group = group[np.argsort(lengths[group], kind="stable")]
        batches += [group[at : at + batch_size] for at in range(0, len(group), batch_size)]
    return [batches[index] for index in random.permutation(len(batches))]


def width_of(longest: int) -> int:
    """The next multiple of 8, of 16 from 64 and of 32 from 128 on: each width that occurs costs time once and memory for good."""
    step = 8 if longest <= 64 else 16 if longest <= 128 else 32
    return -(-longest // step) * step


def padded(rows: Sequence[NDArray[np.int32]], pad: int, most: int, *, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, mask), both (rows, width) int64; width: the longest row, rounded up within `most`, so that few shapes occur
    (kernels are made per shape)."""
    longest = min(width_of(max(map(len, rows))), most)
    ids = np.full((len(rows), longest), pad, np.int64)
    mask = np.zeros((len(rows), longest), np.int64)
    for number, row in enumerate(rows):
        place = slice(longest - len(row), None) if left else slice(0, len(row))
        ids[number, place], mask[number, place] = row, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def pieces(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Rows for evaluation: sorted by length, each batch at most `budget` tokens after padding."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        count = max(1, budget // max(1, width_of(int(lengths[order[start]]))))
        yield order[start : start + count]
        start += count
