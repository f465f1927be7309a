"""Two streaming passes over the user's rows: the first finds what every column is, the second writes shards and counts.

Memory holds a few batches, the values of columns that have few, and bounded samples; it does not grow with the files.
"""

import time
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from workers.contract.names import COLUMNS_MAX
from workers.contract.options import SPLITS, PrepareOptions
from workers.contract.orders import PrepareWork
from workers.events import EventWriter
from workers.prepare import intake
from workers.prepare.columns import LABEL_TYPES, Column, kind_of, plain
from workers.prepare.fixes import Drops, survey
from workers.prepare.health import DROPS, NAMED, Health, small
from workers.prepare.intake import Intake, Part
from workers.prepare.layout import plan
from workers.prepare.personal import Personal
from workers.prepare.problems import excerpt, refuse
from workers.prepare.rows import Numbering, Source
from workers.prepare.shards import ShardWriter
from workers.prepare.statistics import Figures, natural
from workers.prepare.text_folders import TextFolders

SHARDS = "shards"
SPOOL = "spool"


class Meter:
    """Progress in percent, at most one event a second."""

    def __init__(self, events: EventWriter) -> None:
        self._events, self._began, self._last = events, time.monotonic(), 0.0

    def counted(self, total: int, low: float, high: float) -> Callable[[int], None]:
        """Told of rows as they are done, it goes from one share to the other."""
        done = 0

        def more(rows: int) -> None:
            nonlocal done
            done += rows
            self.at(low + (high - low) * done / max(1, total))

        return more

    def at(self, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= 1:
            self._last = now
            eta = (now - self._began) * (1 - share) / share if share > 0.02 else None
            self._events.progress(int(share * 100), 100, None, eta)


def options_of(raw: dict[str, Any]) -> PrepareOptions:
    """The user's options, checked. Raises UserError `unknown_option` or `bad_option` naming the field."""
    try:
        return PrepareOptions.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "options"
        if first["type"] == "extra_forbidden":
            near = get_close_matches(name, PrepareOptions.model_fields, 1)
            hint = f"did you mean {near[0]}?" if near else "the options are " + ", ".join(PrepareOptions.model_fields)
            refuse("unknown_option", f"there is no option {name!r}", hint, column=name)
        refuse("bad_option", f"option {name}: {first['msg']}", "correct it, or leave it out to have it guessed", column=name)


def prepare(work: PrepareWork, folder: Path, events: EventWriter) -> dict[str, Any]:
    """Read the files of an order into shards under the run folder; the answer is the result of its End."""
    options = options_of(work.options)
    (folder / SPOOL).mkdir(exist_ok=True)
    (folder / SHARDS).mkdir(exist_ok=True)
    found = intake.read(work.files, folder / SPOOL, options, events.log)
    meter = Meter(events)
    columns, rows = _look(found.parts, options, meter)
    types = _types(found, columns, options)
    layout = plan(found.parts, rows, columns, types, options, found.notes)
    for note in found.notes:
        events.log(note)
    if found.media and found.media.rejected_count:
        count, first = found.media.rejected_count, found.media.rejected[0]
        events.log(f"{count} file{'s' * (count > 1)} rejected; {excerpt(first['file'])}: {first['message']}", "warning")
    events.log("columns: " + ", ".join(f"{name} {type}" for name, type in list(types.items())[:50]))
    chosen = options.fixes or []
    source = Source(found.parts, columns, types, layout, masks="mask_personal" in chosen)
    total, steps = sum(rows), 2 if set(chosen) & set(DROPS) else 1
    drops = Drops()
    if steps == 2:
        drops = survey(source, folder / SPOOL, chosen, total, meter.counted(total, 0.5, 0.75))
        events.log(f"{drops.total} of {total} rows dropped: " + ", ".join(f"{fix} {count}" for fix, count in drops.rows.items()))
    writer = _Writer(folder / SHARDS, source, columns, drops)
    writer.run(meter.counted(total, 1 - 0.5 / steps, 1))
    return writer.result(found)


def _look(parts: list[Part], options: PrepareOptions, meter: Meter) -> tuple[dict[str, Column], list[int]]:
    """The first pass: columns, and the rows of each part."""
    columns: dict[str, Column] = {}
    rows: list[int] = []
    total, seen = max(1, sum(part.table.size for part in parts)), 0
    for part in parts:
        before, count = set(columns), 0
        here: set[str] = set()
        for batch in part.table.batches():
            for name in batch.schema.names:
                if name not in columns:
                    columns[name] = Column(name, options.columns.get(name), part.table.untyped)
                columns[name].feed(batch.column(name), part.split)
            here.update(batch.schema.names)
            count += batch.num_rows
            seen += batch.nbytes
            meter.at(min(0.5, 0.5 * seen / total))
        if count == 0:
            refuse("no_rows", f"{part.table.name} has no rows, only a header", "upload a file with rows", file=part.table.name)
        if before:
            _same_columns(before, here, part)
        rows.append(count)
    if len(columns) > COLUMNS_MAX:
        refuse("too_many_columns", f"{len(columns)} columns; {COLUMNS_MAX} are allowed", "keep the columns you need")
    return columns, rows


def _same_columns(before: set[str], here: set[str], part: Part) -> None:
    missing, more = sorted(before - here), sorted(here - before)
    if part.table.format in ("json", "jsonl") and not (more and missing):
        return  # a JSON row may leave keys out
    if missing or more:
        what = f"lacks {missing[0]!r}" if missing else f"also has {more[0]!r}"
        message = f"{part.table.name} has other columns than the files before it: it {what}"
        refuse("schema_mismatch", message, "give all files the same columns", file=part.table.name, column=(missing or more)[0])


def _types(found: Intake, columns: dict[str, Column], options: PrepareOptions) -> dict[str, str]:
    for name in options.columns:
        if name not in columns:
            refuse("unknown_column", f"there is no column {name!r}", "the columns are " + ", ".join(list(columns)[:20]), column=name)
    firsts = _first_bytes(found.parts, columns)
    types = {name: column.type(firsts.get(name, b"")) for name, column in columns.items()}
    for part in found.parts:
        for name, classes in getattr(part.table, "class_names", {}).items():
            if columns[name].kinds <= {"string"} and not columns[name].declared:
                types[name], columns[name].classes = "category", classes
        if part.table.format == "txt" and "text" not in options.columns:
            types["text"] = "text"
        if (
            (part.table.format in ("images", "audio") or isinstance(part.table, TextFolders))
            and "label" in types
            and not columns["label"].declared
        ):
            types["label"] = "category"
    for name, type in types.items():
        if type == "category" and columns[name].values is None:
            message = f"{name!r} has too many different values for a category"
            refuse("too_many_categories", message, "declare it as text", column=name)
        strings = columns[name].strings
        if type == "number" and strings.bad_number is not None:
            message = f"column {name!r} has {strings.bad_number}, which is no number a table can hold"
            refuse("bad_number", message, "leave it empty, or declare the column as text", column=name)
    return types


def _first_bytes(parts: list[Part], columns: dict[str, Column]) -> dict[str, bytes]:
    """The first value of every binary column."""
    wanted = {name for name, column in columns.items() if column.kinds & {"media", "binary"}}
    found: dict[str, bytes] = {}
    for part in parts if wanted else []:
        for batch in part.table.batches():
            for name in wanted - found.keys():
                if name in batch.schema.names:
                    array = plain(batch.column(name))
                    data = (array.field("bytes") if kind_of(array) == "media" else array).drop_null()
                    if len(data):
                        found[name] = data[0].as_py()[:512]
            if wanted <= found.keys():
                return found
    return found


class _Writer:
    """The second pass, or the third where rows are dropped."""

    def __init__(self, folder: Path, source: Source, columns: dict[str, Column], drops: Drops) -> None:
        self._columns, self._source, self._drops = columns, source, drops
        types = source.types
        few = {name for name, type in types.items() if type == "category" or (type in LABEL_TYPES and columns[name].few)}
        self._figures = Figures(types, few, source.bounds())
        self._health = Health(source.label, source.inputs)
        self._personal = Personal(source.personal)
        self._writers = [ShardWriter(folder, split, source.schema) for split in SPLITS]
        self._numbers = Numbering()

    def run(self, meter: Callable[[int], None]) -> None:
        for batch, splits in self._source.batches():
            meter(batch.num_rows)
            keep = self._drops.take(batch.num_rows)
            if keep is not None:
                batch, splits = batch.filter(pa.array(keep)), splits[keep]
            numbers = self._numbers.of(splits)
            self._health.feed(batch, self._figures.feed(batch, splits), splits, numbers)
            self._personal.feed(batch, splits, numbers)
            self._write(batch, splits)

    def _write(self, batch: pa.RecordBatch, splits: NDArray[np.int8]) -> None:
        for index in np.flatnonzero(np.bincount(splits)).tolist():
            mine = splits == index
            self._writers[index].write(batch if mine.all() else batch.filter(pa.array(mine)))

    def result(self, found: Intake) -> dict[str, Any]:
        """Close the shards and put the answer together."""
        closed = {split: writer.close() for split, writer in zip(SPLITS, self._writers, strict=True)}
        shards = {split: files for split, files in closed.items() if files}
        if self._drops.total and "train" not in shards:
            refuse("empty_split", "the fixes leave no row in train", "choose fewer of them, or bring more rows")
        health = self._health.report() | {"personal": self._personal.report()}
        statistics = self._figures.report() | {"label": self._source.label, "health": health}
        statistics["findings"] = self._health.places() | self._personal.places()
        if fixed := self._drops.rows | ({"mask_personal": self._source.masked} if self._source.masks else {}):
            statistics["fixed"] = fixed
        media = found.media
        if media and found.parts[0].table.format in ("images", "audio"):
            statistics["media"] = media.report()
        statistics["health"]["rejected"] = media.rejected_count if media else 0
        statistics["health"]["rejected_files"] = [row["file"] for row in media.rejected[:NAMED]] if media else []
        statistics["health"]["small"] = small(statistics)
        return {
            "format": found.parts[0].table.format,
            "features": self._source.types,
            "classes": {name: self._classes(name) for name, type in self._source.types.items() if type == "category"},
            "splits": {split: self._rows(split) for split in shards},
            "shards": {split: [file.model_dump(exclude={"url"}) for file in files] for split, files in shards.items()},
            "statistics": statistics,
            "sha256": found.sha256,
            "rejected": media.rejected if media else [],
        }

    def _rows(self, split: str) -> int:
        return self._writers[SPLITS.index(split)].written  # type: ignore[arg-type]

    def _classes(self, name: str) -> list[str]:
        given = self._columns[name].classes
        seen = set().union(*self._figures.columns[name].by_split.values())
        return given if given is not None else sorted(seen, key=natural)
