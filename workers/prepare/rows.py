"""The user's rows in their final types, each with its split, read as often as a pass needs them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workers.contract.column_names import is_id
from workers.contract.options import SPLITS
from workers.contract.personal import LEAST
from workers.prepare import personal
from workers.prepare.casting import arrow_type, cast
from workers.prepare.columns import Column
from workers.prepare.intake import Part
from workers.prepare.layout import Layout, label_of


class Source:
    """types: of the columns that are kept · label, inputs: which is the answer and which are looked at · personal: columns that may hold
    personal data · masks: whether it is masked; masked: the rows the last reading changed."""

    def __init__(self, parts: list[Part], columns: dict[str, Column], types: dict[str, str], layout: Layout, *, masks: bool) -> None:
        self._parts, self._columns, self._layout = parts, columns, layout
        self.types = {name: type for name, type in types.items() if name != layout.column}
        self.label = layout.label or label_of(columns, self.types)
        self.inputs = [name for name, type in self.types.items() if name != self.label and not (is_id(name) and type != "text")]
        self.schema = pa.schema([(name, arrow_type(columns[name], type)) for name, type in self.types.items()])
        self.personal, self.masks, self.masked = personal.columns(self.types, self.label), masks, 0

    def batches(self) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int8]]]:
        """Every batch with the split of its rows (indices into SPLITS), the same in every reading."""
        sorter, self.masked = self._layout.assigner(), 0
        for part in self._parts:
            offset = 0
            for batch in part.table.batches():
                marks = batch.column(self._layout.column).cast(pa.string()) if self._layout.column else None
                final = self._cast(batch, part.table.name, offset)
                splits = sorter.sort(final, marks, part.split)
                if self.masks:
                    final, changed = personal.masked(final, self.personal)
                    self.masked += changed
                yield final, splits
                offset += batch.num_rows

    def _cast(self, batch: pa.RecordBatch, file: str, offset: int) -> pa.RecordBatch:
        arrays = []
        for name, type in self.types.items():
            index = batch.schema.get_field_index(name)
            if index < 0:
                arrays.append(pa.nulls(batch.num_rows, self.schema.field(name).type))
            else:
                arrays.append(cast(batch.column(index), self._columns[name], type, file, offset))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def bounds(self) -> dict[str, tuple[float, float] | None]:
        """Least and greatest figure of each column; none where masking may take them away: they could be somebody's number."""
        found = {name: self._columns[name].bounds for name in self.types}
        hidden = {name for name in self.personal if (bound := found[name]) and bound[1] >= LEAST} if self.masks else set()
        return {name: None if name in hidden else bound for name, bound in found.items()}


class Numbering:
    """Counts rows within their splits."""

    def __init__(self) -> None:
        self._next = np.zeros(len(SPLITS), np.int64)

    def of(self, splits: NDArray[np.int8]) -> NDArray[np.int64]:
        numbers = np.empty(len(splits), np.int64)
        for index in range(len(SPLITS)):
            mine = splits == index
            count = int(mine.sum())
            numbers[mine] = self._next[index] + np.arange(count)
            self._next[index] += count
        return numbers
