"""Reads our own Parquet shards with DuckDB, in a child process of its own: `python -m controlplane.data.reader`.

One JSON line in, one out. DuckDB may open the named files and nothing else: no extension, no network, no other path, a bound
on memory, a locked configuration; the process may write no file. The parent kills it when an answer takes too long.

  {"op": "rows", "shards": [{"path", "split", "base"}], "features": {column: type},
   "offset", "limit", "filters": [[column, op, value]], "q", "only": {split: [rows]} | null}
    -> {"items": [{"row", "split", "values"}], "total": rows that match in these shards}
  {"op": "texts", "path", "rows": [number], "column", "length"} -> {"texts": [text]}
  {"op": "pairs", "shards": [{"path", "split"}], "inputs": [column], "label": column | null}
    -> {"rows": with an input, "distinct": inputs, "codes": of one short word each, "conflicts": inputs with two labels,
        "leaked": rows outside test whose input is in test}
  {"op": "count", "path"} -> {"rows"} · {"op": "cell", "path", "row", "column"} -> {"data": base64 | null, "name"}
Images and audio are no values: true stands for one that is there, null for none.
"""

import base64
import json
import math
import resource
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

MEMORY = "384MB"
PROCESS_BYTES = 1536 * 1024 * 1024
ANSWER_BYTES = 8 * 1024 * 1024  # a page ends early beyond this; one row may be larger
MEDIA = ("image", "audio")
TEXTS = ("text", "category")
COMPARE = {"eq": "IS NOT DISTINCT FROM", "ne": "IS DISTINCT FROM", "lt": "<", "gt": ">"}
CODE = "[A-Za-z0-9_.:/#-]{1,40}"  # an id, a number, a date: one short word
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def connect(paths: list[str]) -> duckdb.DuckDBPyConnection:
    """An empty database that can see `paths` only."""
    connection = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "threads": "2"})
    allowed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    for setting in (
        "temp_directory = ''",
        f"allowed_paths = [{allowed}]",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Shard:
    """One Parquet file: its rows, and its columns by their true names (DuckDB renames those that differ in case only).

    numbered: a table expression with one parameter, the path; `at` is its further column, the row's number within the file.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: str) -> None:
        self.connection, self.path = connection, path
        shown = [row[0] for row in self.all("DESCRIBE SELECT * FROM read_parquet(?)", [path])]
        true = self.all("SELECT name, num_children FROM parquet_schema(?)", [path])
        self.columns = dict(zip(_top_level(true), shown, strict=True))
        self.rows = int(self.all("SELECT num_rows FROM parquet_file_metadata(?)", [path])[0][0])
        taken = {name.lower() for name in shown}
        self.at = quoted(next(name for name in ("at", "at_", "at__", *map(str, range(9999))) if name not in taken))
        self.numbered = f"(SELECT row_number() OVER () - 1 AS {self.at}, * FROM read_parquet(?))"  # noqa: S608

    def all(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, values).fetchall()

    def column(self, name: str) -> str:
        return quoted(self.columns[name])


def _top_level(schema: list[tuple[Any, ...]]) -> list[str]:
    """Names of the root's own children, from the flattened tree of `parquet_schema`."""
    names, depths = [], [int(schema[0][1])]
    for name, children in schema[1:]:
        while depths[-1] == 0:
            depths.pop()
        if len(depths) == 1:
            names.append(str(name))
        depths[-1] -= 1
        depths.append(int(children or 0))
    return names


def condition(shard: Shard, filters: list[list[Any]], q: str, features: dict[str, str]) -> tuple[str, list[Any]]:
    """SQL of the filters with its values, or an empty text. Names are quoted, values are bound."""
    parts, values = [], []
    for name, operator, value in filters:
        column = shard.column(name)
        if operator == "null":
            parts.append(f"{column} IS {'' if value else 'NOT '}NULL")
            continue
        if features[name] == "timestamp":
            column = f"epoch_us({column})"
        if operator == "contains":
            parts.append(f"contains(lower(CAST({column} AS VARCHAR)), lower(?))")
        else:
            parts.append(f"{column} {COMPARE[operator]} ?")
        values.append(value)
    if q:
        texts = [f"contains(lower(CAST({shard.column(c)} AS VARCHAR)), lower(?))" for c, kind in features.items() if kind in TEXTS]
        parts.append("(" + " OR ".join(texts or ["false"]) + ")")
        values += [q] * len(texts)
    return " AND ".join(parts), values


def among(shard: Shard, rows: list[int], base: int) -> str:
    """SQL that holds for these rows of a split, of which `base` lie before this shard."""
    here = [str(int(row) - base) for row in rows if base <= int(row) < base + shard.rows]
    return f"{shard.at} IN ({', '.join(here)})" if here else "false"


def wanted(shard: Shard, features: dict[str, str]) -> str:
    """The select list: media as a mark, times as microseconds, the rest as it is."""
    items = []
    for name in shard.columns:
        column, kind = shard.column(name), features.get(name)
        if kind in MEDIA:
            items.append(f"CASE WHEN {column} IS NULL THEN NULL ELSE true END")
        elif kind == "timestamp":
            items.append(f"epoch_us({column})")
        elif kind in TEXTS:
            items.append(f"CAST({column} AS VARCHAR)")
        else:
            items.append(column)
    return ", ".join(items)


def rows(request: dict[str, Any]) -> dict[str, Any]:
    """One page over several shards in their order."""
    features, skip, want = request["features"], int(request["offset"]), int(request["limit"])
    connection = connect([shard["path"] for shard in request["shards"]])
    items: list[dict[str, Any]] = []
    total, size, before = 0, 0, {shard["split"]: int(shard["base"]) for shard in reversed(request["shards"])}
    for entry in request["shards"]:
        shard, split = Shard(connection, entry["path"]), entry["split"]
        where, values = condition(shard, request["filters"], request["q"], features)
        if (only := request.get("only")) is not None:
            where = " AND ".join([*filter(None, [where]), among(shard, only.get(split, []), before[split])])
        matching = shard.rows
        if where:
            matching = int(shard.all(f"SELECT count(*) FROM {shard.numbered} WHERE {where}", [shard.path, *values])[0][0])  # noqa: S608
        if want > 0 and size < ANSWER_BYTES and skip < matching:
            for number, row in _page(shard, features, where, values, skip, want):
                shown = {name: plain(value, features.get(name, "")) for name, value in zip(shard.columns, row, strict=True)}
                items.append({"row": before[split] + number, "split": split, "values": shown})
                want -= 1
                size += len(json.dumps(shown))
                if size >= ANSWER_BYTES:
                    break
        skip = max(0, skip - matching)
        total += matching
        before[split] += shard.rows
    return {"items": items, "total": total}


def _page(
    shard: Shard, features: dict[str, str], where: str, values: list[Any], skip: int, want: int
) -> Iterator[tuple[int, tuple[Any, ...]]]:  # fmt: skip
    """(row within the shard, values) of the rows that match, in order."""
    select = wanted(shard, features)
    if not where:
        found = shard.connection.execute(f"SELECT {select} FROM read_parquet(?) LIMIT ? OFFSET ?", [shard.path, want, skip])  # noqa: S608
        number = skip
        while batch := found.fetchmany(16):
            for row in batch:
                yield number, row
                number += 1
        return
    sql = f"SELECT {shard.at}, {select} FROM {shard.numbered} WHERE {where} ORDER BY {shard.at} LIMIT ? OFFSET ?"  # noqa: S608
    found = shard.connection.execute(sql, [shard.path, *values, want, skip])
    while batch := found.fetchmany(16):
        for row in batch:
            yield int(row[0]), row[1:]


def plain(value: Any, kind: str) -> Any:
    """A value as JSON can carry it. Non-finite numbers are null; bytes that are no media are shown as base64."""
    if kind == "timestamp" and isinstance(value, int):
        return (EPOCH + timedelta(microseconds=value)).isoformat().replace("+00:00", "Z")
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(key): plain(item, "") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, "") for item in value]
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def count(request: dict[str, Any]) -> dict[str, Any]:
    return {"rows": Shard(connect([request["path"]]), request["path"]).rows}


def texts(request: dict[str, Any]) -> dict[str, Any]:
    """One column of some rows as text, each cut."""
    shard = Shard(connect([request["path"]]), request["path"])
    sql = f"SELECT left(CAST({shard.column(request['column'])} AS VARCHAR), ?) FROM read_parquet(?) LIMIT 1 OFFSET ?"  # noqa: S608
    found = [shard.all(sql, [int(request["length"]), request["path"], int(row)]) for row in request["rows"]]
    return {"texts": [str(line[0][0] or "") if line else "" for line in found]}


def cell(request: dict[str, Any]) -> dict[str, Any]:
    """One image or sound of one row."""
    shard = Shard(connect([request["path"]]), request["path"])
    sql = f"SELECT {shard.column(request['column'])} FROM read_parquet(?) LIMIT 1 OFFSET ?"  # noqa: S608
    found = shard.all(sql, [request["path"], int(request["row"])])
    value = found[0][0] if found else None
    data, name = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    return {"data": base64.b64encode(data).decode() if isinstance(data, bytes) else None, "name": name}


def pairs(request: dict[str, Any]) -> dict[str, Any]:
    """What some columns as inputs and one as the answer are like together, over all shards."""
    connection = connect([shard["path"] for shard in request["shards"]])
    parts, values = [], []
    for entry in request["shards"]:
        shard = Shard(connection, entry["path"])
        inputs = [f"trim(coalesce(CAST({shard.column(name)} AS VARCHAR), ''))" for name in request["inputs"]]
        answer_ = f"CAST({shard.column(request['label'])} AS VARCHAR)" if request["label"] else "NULL"
        shown = f"hash({', '.join(inputs)}) AS h, regexp_full_match({inputs[0]}, ?) AS code, {answer_} AS y, ? = 'test' AS held"
        parts.append(f"SELECT {shown} FROM read_parquet(?) WHERE {inputs[0]} <> ''")  # noqa: S608
        values += [CODE, entry["split"], entry["path"]]
    each = "SELECT count(*) AS n, count(*) FILTER (held) AS held, count(*) FILTER (code) AS codes, count(DISTINCT y) AS labels"
    grouped = f"{each} FROM ({' UNION ALL '.join(parts)}) GROUP BY h"
    sums = "sum(n), count(*), sum(codes), count(*) FILTER (labels > 1), sum(n - held) FILTER (held > 0)"
    found = connection.execute(f"SELECT {sums} FROM ({grouped})", values).fetchall()[0]  # noqa: S608
    return dict(zip(("rows", "distinct", "codes", "conflicts", "leaked"), (int(value or 0) for value in found), strict=True))


OPERATIONS = {"rows": rows, "count": count, "texts": texts, "cell": cell, "pairs": pairs}


def answer(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        return OPERATIONS[request["op"]](request)
    except (duckdb.OutOfMemoryException, MemoryError):
        return {"error": "too_large"}
    except KeyError as error:
        return {"error": "unknown_column", "name": str(error.args[0])[:80]}
    except (duckdb.Error, OverflowError) as error:
        print(f"reader: {type(error).__name__}: {str(error)[:500]}", file=sys.stderr, flush=True)
        return {"error": "unreadable"}


def limit_process() -> None:
    """Bounds on this process: memory, open files, no core dump, no file written."""
    for kind, bound in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_DATA, PROCESS_BYTES),
        (resource.RLIMIT_NOFILE, 256),
    ):
        hard = resource.getrlimit(kind)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (bound, bound))


def main() -> None:
    limit_process()
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(answer(line), allow_nan=False) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
