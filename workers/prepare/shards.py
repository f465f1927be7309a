"""Parquet shards: zstd, at most SHARD_BYTES each, row groups small enough to page through."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workers.contract.names import ROW_GROUP_BYTES, ROW_GROUP_ROWS, SHARD_BYTES
from workers.contract.orders import FileRef

_LEVEL = 1


class ShardWriter:
    """The shards of one split, written in row order."""

    def __init__(self, folder: Path, split: str, schema: pa.Schema) -> None:
        self._folder, self._split, self._schema = folder, split, schema
        self._paths: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._file: pa.NativeFile | None = None
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self.written = 0  # rows

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows; whole row groups go to disk."""
        while batch.num_rows:
            weight = max(1, batch.nbytes // batch.num_rows)
            room = max(1, min(ROW_GROUP_ROWS - self._rows, (ROW_GROUP_BYTES - self._bytes) // weight))
            part = batch.slice(0, room)
            self._held.append(part)
            self._rows += part.num_rows
            self._bytes += weight * part.num_rows
            if self._rows >= ROW_GROUP_ROWS or self._bytes + weight > ROW_GROUP_BYTES:
                self._flush()
            batch = batch.slice(part.num_rows)

    def _flush(self) -> None:
        if not self._held:
            return
        if self._file is not None and self._file.tell() + self._bytes > SHARD_BYTES:
            self._end()
        if self._writer is None:
            self._begin()
        group = pa.Table.from_batches(self._held, self._schema)
        self._writer.write_table(group, row_group_size=group.num_rows)  # type: ignore[union-attr]
        self.written += group.num_rows
        self._held, self._rows, self._bytes = [], 0, 0

    def _begin(self) -> None:
        path = self._folder / f"{self._split}-{len(self._paths):05d}.parquet"
        self._paths.append(path)
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd", compression_level=_LEVEL, write_page_index=True)

    def _end(self) -> None:
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.close()
        self._writer = self._file = None

    def close(self) -> list[FileRef]:
        """Finish; the shards with size and sha256, names relative to the folder."""
        self._flush()
        self._end()
        return [FileRef(name=path.name, uri="", size=path.stat().st_size, sha256=sha256(path), path=str(path)) for path in self._paths]


def sha256(path: Path) -> str:
    """Of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
