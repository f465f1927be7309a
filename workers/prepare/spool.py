"""Rows set down in the run folder between the first look and the final types: Arrow segments, one for each raw schema.

Schemas only ever widen, so the last one holds all; reading conforms earlier segments to it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

_WRITE = pa.ipc.IpcWriteOptions(compression="lz4")


class Spool:
    """A list of batches on disk. write() in order, then read() as often as needed. rows: how many there are."""

    def __init__(self, stem: Path) -> None:
        self._stem = stem
        self._segments: list[Path] = []
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self.schema = pa.schema([])
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch. Its schema becomes the spool's."""
        if self._writer is None or batch.schema != self.schema:
            self.close()
            path = self._stem.with_name(f"{self._stem.name}-{len(self._segments):05d}.arrow")
            self._segments.append(path)
            self.schema = batch.schema
            self._writer = pa.ipc.new_stream(pa.OSFile(str(path), "wb"), batch.schema, options=_WRITE)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def read(self) -> Iterator[pa.RecordBatch]:
        """All batches, in the last schema."""
        self.close()
        for path in self._segments:
            with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as reader:
                for batch in reader:
                    yield batch if batch.schema == self.schema else conform(batch, self.schema)


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The same rows under a wider schema: absent columns are null, mixed types become JSON text."""
    columns = []
    for field in schema:
        index = batch.schema.get_field_index(field.name)
        columns.append(pa.nulls(batch.num_rows, field.type) if index < 0 else widen(batch.column(index), field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def widen(array: pa.Array, type: pa.DataType) -> pa.Array:
    """`array` as the wider `type`."""
    if array.type == type:
        return array
    if pa.types.is_string(type) and not pa.types.is_null(array.type):
        return pa.array([as_text(value) for value in array.to_pylist()], type)
    try:
        return array.cast(type, safe=False)
    except pa.ArrowException:
        return pa.array(array.to_pylist(), type)


def as_text(value: Any) -> str | None:
    """A value of mixed type as text: strings stay, everything else is its JSON."""
    return value if value is None or isinstance(value, str) else orjson.dumps(value, default=str).decode()
