"""A classifier's answer to every row it was measured on: what the report is counted from, and kept as a file beside it.

`answers.parquet` has `row` (its place in the split), `actual`, `predicted` and `score` (the probability of the predicted class), the
surest first, so that the rows of one cell of the confusion matrix can be paged through. It holds no text of the dataset.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from workers.lib import metrics

FILE = "answers.parquet"
WORST = 20  # wrong answers a report names
CHUNK = 65_536  # rows written together


@dataclass
class Answers:
    """labels: class names by index · targets, guesses: (rows,) indices · scores: (rows,) of the guess · loss: summed over the rows."""

    labels: list[str]
    targets: NDArray[np.int64]
    guesses: NDArray[np.int64]
    scores: NDArray[np.float32]
    loss: float = 0.0

    @classmethod
    def of(cls, labels: list[str], targets: NDArray[np.int64]) -> "Answers":
        """Nothing said yet."""
        return cls(labels, targets, np.zeros(len(targets), np.int64), np.zeros(len(targets), np.float32))

    def report(self, numbers: NDArray[np.int64] | None = None) -> dict[str, Any]:
        """See `metrics.report`; with the rows' places (`numbers`) also `worst`, the wrong answers the model was surest of."""
        matrix = metrics.confusion(self.targets, self.guesses, len(self.labels))
        found = metrics.report(matrix, self.labels, self.loss / max(1, len(self.targets)))
        found["calibration_error"] = metrics.calibration_error(self.scores, self.guesses == self.targets)
        if numbers is not None:
            order = self._surest_first(numbers)
            wrong = order[self.guesses[order] != self.targets[order]][:WORST]
            found["worst"] = [self._line(int(at), numbers) for at in wrong]
        return found

    def _surest_first(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.lexsort((numbers, -self.scores))

    def _line(self, at: int, numbers: NDArray[np.int64]) -> dict[str, Any]:
        actual, predicted = self.labels[self.targets[at]], self.labels[self.guesses[at]]
        return {"row": int(numbers[at]), "actual": actual, "predicted": predicted, "score": float(self.scores[at])}

    def write(self, folder: Path, numbers: NDArray[np.int64]) -> None:
        """`answers.parquet` in `folder`, a chunk at a time."""
        names, order = pa.array(self.labels, pa.string()), self._surest_first(numbers)
        kind = pa.dictionary(pa.int32(), pa.string())
        schema = pa.schema([("row", pa.int64()), ("actual", kind), ("predicted", kind), ("score", pa.float32())])
        with parquet.ParquetWriter(folder / FILE, schema, compression="zstd") as writer:
            for start in range(0, len(order), CHUNK):
                part = order[start : start + CHUNK]
                actual, predicted = (
                    pa.DictionaryArray.from_arrays(pa.array(which[part].astype(np.int32)), names) for which in (self.targets, self.guesses)
                )
                columns = [pa.array(numbers[part]), actual, predicted, pa.array(self.scores[part])]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
