"""Which rows the chosen fixes drop, decided exactly before anything is written and in memory that hardly grows with the rows.

A pass over all rows sets their hashes down in files by the first bits of the inputs' hash, so that equal inputs share a file; each file is
then judged by itself. What stays in memory is a byte a row, and then a bit.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.contract.options import Fix
from workers.prepare.health import DROPS, Rows, judge, read
from workers.prepare.rows import Source

BUCKET_ROWS = 250_000
BUCKETS_MAX = 128  # files open at once
_RECORD = np.dtype([("inputs", "<u8"), ("labels", "<u8"), ("row", "<i8"), ("split", "i1"), ("empty", "?")])


class Drops:
    """One bit for each row in the order of the files. rows: fix → rows it is about; total: rows dropped by any."""

    def __init__(self, bits: NDArray[np.uint8] | None = None, rows: dict[Fix, int] | None = None, total: int = 0) -> None:
        self._bits, self.rows, self.total = bits, rows or {}, total
        self._at = 0

    def take(self, count: int) -> NDArray[np.bool_] | None:
        """Which of the next rows stay; None when all do."""
        start, self._at = self._at, self._at + count
        if self._bits is None:
            return None
        bits = np.unpackbits(self._bits[start // 8 : (self._at + 7) // 8])[start % 8 :][:count]
        return None if not bits.any() else bits == 0


def survey(source: Source, folder: Path, fixes: Sequence[Fix], total: int, meter: Callable[[int], None]) -> Drops:
    """Read all rows once and judge them. folder: for files that are removed again. total: how many rows there are."""
    chosen = {fix: bit for fix, bit in DROPS.items() if fix in fixes}
    count = next(power for power in (1 << k for k in range(8)) if power * BUCKET_ROWS >= total or power == BUCKETS_MAX)
    files = [folder / f"rows-{number:03d}" for number in range(count)]
    if not source.inputs:
        return Drops(rows=dict.fromkeys(chosen, 0))
    _set_down(source, files, meter)
    wanted, dropped = np.uint8(sum(chosen.values())), np.zeros(total, np.bool_)
    rows = dict.fromkeys(chosen, 0)
    for file in files:
        record = np.fromfile(file, _RECORD)
        file.unlink()
        if not len(record):
            continue
        found = Rows(record["inputs"], record["labels"], record["split"], record["row"], record["empty"])
        judged, flags, _group = judge(found, bool(source.label))
        dropped[judged.numbers[flags & wanted > 0]] = True
        for fix, bit in chosen.items():
            rows[fix] += int((flags & bit > 0).sum())
    return Drops(np.packbits(dropped), rows, int(dropped.sum()))


def _set_down(source: Source, files: list[Path], meter: Callable[[int], None]) -> None:
    shift, row = np.uint64(64 - (len(files).bit_length() - 1)), 0
    with ExitStack() as stack:
        handles = [stack.enter_context(open(file, "wb")) for file in files]
        for batch, splits in source.batches():
            found = read(batch, source.inputs, source.label, {}, splits, row + np.arange(batch.num_rows))
            record = np.empty(batch.num_rows, _RECORD)
            parts = (found.inputs, found.labels, found.numbers, found.splits, found.empty)
            for name, part in zip(_RECORD.names or (), parts, strict=True):
                record[name] = part
            bucket = (found.inputs >> shift).astype(np.int64) if len(files) > 1 else np.zeros(batch.num_rows, np.int64)
            for index in np.unique(bucket).tolist():
                record[bucket == index].tofile(handles[index])
            row += batch.num_rows
            meter(batch.num_rows)
