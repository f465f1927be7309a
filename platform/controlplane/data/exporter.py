"""Writes a dataset version as CSV or JSON lines to stdout, in a limited child process: `python -m controlplane.data.exporter`.

One JSON line on stdin: {"shards": [{"path", "split"}], "features": {column: type}, "format": "csv" | "jsonl"}. A column `split`
is added when there are several splits and no such column. Images and sounds are written as their names. CSV cells that a
spreadsheet would run as a formula (those that begin with = + - @ TAB CR and are no number) begin with an apostrophe.
"""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from controlplane.data.reader import MEDIA, Shard, connect, limit_process, plain, quoted

BATCH = 512
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: Any) -> Any:
    """A CSV cell that no spreadsheet runs."""
    if isinstance(value, str) and value.startswith(FORMULA) and not _is_number(value):
        return "'" + value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip() and text[1:2].isdigit()


def batches(request: dict[str, Any]) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """(split, column names, rows) in order."""
    connection = connect([shard["path"] for shard in request["shards"]])
    for entry in request["shards"]:
        shard = Shard(connection, entry["path"])
        found = connection.execute(f"SELECT {_columns(shard, request['features'])} FROM read_parquet(?)", [shard.path])  # noqa: S608
        while rows := found.fetchmany(BATCH):
            yield entry["split"], list(shard.columns), rows


def _columns(shard: Shard, features: dict[str, str]) -> str:
    items = []
    for name, shown in shard.columns.items():
        column, kind = quoted(shown), features.get(name)
        if kind in MEDIA:
            items.append(f"struct_extract({column}, 'path')")
        else:
            items.append(f"epoch_us({column})" if kind == "timestamp" else column)
    return ", ".join(items)


def export(request: dict[str, Any], write: Callable[[str], Any]) -> None:
    """Every row of every shard, in order."""
    features, as_csv = request["features"], request["format"] == "csv"
    several = len({shard["split"] for shard in request["shards"]}) > 1
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    begun = False
    for split, names, rows in batches(request):
        extra = several and "split" not in names
        if as_csv and not begun:
            writer.writerow([safe_cell(name) for name in [*names, *(["split"] if extra else [])]])
            begun = True
        for row in rows:
            values = [plain(value, features.get(name, "")) for name, value in zip(names, row, strict=True)]
            if as_csv:
                writer.writerow([safe_cell(value) for value in [*values, *([split] if extra else [])]])
            else:
                shown = dict(zip(names, values, strict=True)) | ({"split": split} if extra else {})
                buffer.write(json.dumps(shown, ensure_ascii=False, allow_nan=False) + "\n")
        write(buffer.getvalue())
        buffer.seek(0)
        buffer.truncate()


def main() -> None:
    limit_process()
    request = json.loads(sys.stdin.buffer.readline())
    export(request, lambda text: sys.stdout.buffer.write(text.encode("utf-8", "replace")))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
