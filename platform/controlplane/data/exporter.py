"""Writes a dataset version as CSV or JSON lines to stdout, in a limited child process: `python -m controlplane.data.exporter`.

One JSON line on stdin: {"shards": [{"path", "split"}], "features": {column: type}, "format": "csv" | "jsonl"}. A column `split`
is added when there are several splits and no such column. Images and sounds are written as their names. CSV cells that a
spreadsheet would run as a formula (those that begin with = + - @ TAB CR and are no number) begin with an apostrophe, which is taken
off again when such a file is prepared. An empty text is quoted, an absent value is not.
"""

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from controlplane.data.reader import MEDIA, Shard, connect, limit_process, plain, quoted

BATCH = 512
FORMULA = re.compile(r"'*[=+\-@\t\r]")  # one that has an apostrophe gets another, so that one can be taken off
NUMBER = re.compile(r"[+-][0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
QUOTED = re.compile(r'[",\r\n]|^\s|\s$|^$')


def cell(value: Any) -> str:
    """A CSV cell that no spreadsheet runs and that is read as what it was."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    text = "'" + value if FORMULA.match(value) and not NUMBER.fullmatch(value) else value
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def line(values: Iterable[Any]) -> str:
    """A row; one empty cell alone would be an empty line, which is no row."""
    return (",".join(map(cell, values)) or '""') + "\r\n"


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
    begun = False
    for split, names, rows in batches(request):
        extra = several and "split" not in names
        if as_csv and not begun:
            buffer.write(line([*names, *(["split"] if extra else [])]))
            begun = True
        for row in rows:
            values = [plain(value, features.get(name, "")) for name, value in zip(names, row, strict=True)]
            if as_csv:
                buffer.write(line([*values, *([split] if extra else [])]))
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
