"""Parquet, read in batches whose size follows the rows' weight. A footer that claims the impossible is refused before reading."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workers.contract.names import COLUMNS_MAX, MiB
from workers.prepare.dialect import check_names
from workers.prepare.problems import excerpt, refuse

BATCH = 4 * MiB
ROWS_PER_BYTE = 1000  # constant columns pack well, but not better than this
ROWS_FREE = 1_000_000


class ParquetTable:
    """A repeatable source of typed batches. class_names: columns that Hugging Face's metadata declares as ClassLabel."""

    untyped = False
    format = "parquet"

    def __init__(self, path: Path, name: str) -> None:
        self.name, self.size = name, path.stat().st_size
        self._path = path
        with self._open() as file:
            meta = file.metadata
            if meta.num_columns > COLUMNS_MAX:
                message = f"{name} has {meta.num_columns} columns; {COLUMNS_MAX} are allowed"
                refuse("too_many_columns", message, "keep the columns you need", file=name)
            if meta.num_rows > max(ROWS_FREE, self.size * ROWS_PER_BYTE):
                self._damaged(f"{self.size} bytes claim to hold {meta.num_rows} rows")
            schema = file.schema_arrow
            self._columns = [column for column in schema.names if not column.startswith("__index_level_")]
            check_names(schema.names, name)
            unpacked = sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups))
            self._rows = max(1, min(32_768, BATCH * max(meta.num_rows, 1) // max(unpacked, 1)))
        self.class_names = _class_names(schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in order. Raises UserError when a page cannot be decoded."""
        try:
            with self._open() as file:
                for batch in file.iter_batches(self._rows, columns=self._columns, use_threads=False):
                    batch.validate(full=True)
                    yield self._named(batch)
        except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
            self._damaged(str(error))

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._path, buffer_size=MiB, pre_buffer=False, thrift_string_size_limit=64 * MiB)
        except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
            self._damaged(str(error))

    def _named(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Integers that stand for named classes become their names."""
        for column, names in self.class_names.items():
            index = batch.schema.get_field_index(column)
            if index < 0 or not pa.types.is_integer(batch.schema.field(index).type):
                continue
            numbers = batch.column(index).cast(pa.int64())
            inside = pa.compute.and_(pa.compute.greater_equal(numbers, 0), pa.compute.less(numbers, len(names)))
            known = pa.compute.if_else(inside, numbers, pa.scalar(None, pa.int64()))
            batch = batch.set_column(index, column, pa.array(names, pa.string()).take(known))
        return batch

    def _damaged(self, reason: str) -> Any:
        refuse("damaged_file", f"{self.name} is not a whole Parquet file: {excerpt(reason)}", "write it again", file=self.name)


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Column -> class names from the metadata that the `datasets` library writes."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        found = {name: feature["names"] for name, feature in features.items() if feature.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, AttributeError, TypeError, RecursionError):
        return {}
    return {name: names for name, names in found.items() if isinstance(names, list) and all(isinstance(word, str) for word in names)}
