"""Which rows stay where the user put them, and which are shared out: the splits of a version, decided before anything is written."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workers.contract.column_names import label_rank
from workers.contract.options import SPLITS, PrepareOptions, Split, SplitRule
from workers.prepare import splits
from workers.prepare.columns import LABEL_TYPES, Column
from workers.prepare.detect import split_word
from workers.prepare.intake import Part
from workers.prepare.problems import excerpt, refuse
from workers.prepare.splits import Assigner, Plan
from workers.prepare.statistics import natural

HELD_OUT = 0.1
LABEL_VALUES_MAX = 100  # more integer values than this are a measurement, not classes
DEFAULT: dict[Split, float] = {"train": 1 - 2 * HELD_OUT, "validation": HELD_OUT, "test": HELD_OUT}


def label_of(columns: dict[str, Column], types: dict[str, str]) -> str | None:
    """The column that is evidently the label: one with a label's name, else the only category."""
    able = [name for name, type in types.items() if type in LABEL_TYPES and _few(columns[name], type)]
    named = {name: rank for name in able if (rank := label_rank(name))}
    if named:
        return min(named, key=named.__getitem__)
    categories = [name for name in able if types[name] == "category"]
    return categories[0] if len(categories) == 1 else None


def _few(column: Column, type: str) -> bool:
    values = column.values
    return values is not None and (type != "integer" or len(set().union(*values.values())) <= LABEL_VALUES_MAX)


@dataclass
class Layout:
    """column: names each row's split; plan: how the rows of parts in `cut` are shared out by `label`; every other part keeps its split."""

    column: str | None = None
    cut: frozenset[Split | None] = frozenset()
    plan: Plan | None = None
    label: str | None = None
    order: tuple[Any, ...] = ()
    method: str = "given"

    def assigner(self) -> "Sorter":
        return Sorter(self)


class Sorter:
    """Gives every row its split, in the order of the files."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._assigner = Assigner(layout.plan) if layout.plan else None
        self._values = pa.array(layout.order) if layout.order else None

    def sort(self, batch: pa.RecordBatch, marks: pa.Array | None, split: Split | None) -> NDArray[np.int8]:
        """Indices into SPLITS. marks: the split column's strings; split: of the part."""
        if marks is not None:
            indices = [SPLITS.index(split_word(value) or "train") for value in marks.to_pylist()]
            return np.asarray(indices, np.int8)
        if self._assigner is None or split not in self._layout.cut:
            return np.full(batch.num_rows, SPLITS.index(split or "train"), np.int8)
        if self._layout.label is None or self._values is None:
            codes = np.zeros(batch.num_rows, np.int64)
        else:
            column = batch.column(self._layout.label)
            found = pc.index_in(column, value_set=self._values.cast(column.type)).fill_null(len(self._values))
            codes = np.asarray(found.to_numpy(zero_copy_only=False), np.int64)
        return self._assigner.assign(codes)


def plan(
    parts: list[Part], rows: list[int], columns: dict[str, Column], types: dict[str, str], options: PrepareOptions, notes: list[str]
) -> Layout:
    """Decide. rows: of each part. Raises UserError `empty_split`, `class_too_small`, `bad_split`, `unknown_column`, `no_label_column`."""
    rule = options.split or SplitRule()
    if rule.column is not None:
        return _by_column(rule.column, columns)
    given = {part.split for part in parts if part.split}
    cut, fractions = _what_to_cut(given, {part.split for part in parts}, rule, notes)
    if not fractions or len(fractions) == 1:
        _check_given(parts, rows, given)
        return Layout(cut=frozenset())
    asked = rule.method
    label = rule.label or label_of(columns, types)
    if label is not None and label not in columns:
        refuse("unknown_column", f"there is no column {label!r} to stratify by", _names(columns), column=label)
    total = sum(count for part, count in zip(parts, rows, strict=True) if part.split in cut)
    counted = columns[label].counted(types[label]) if label else None
    if asked == "stratified" and counted is None:
        refuse("no_label_column", "no column tells the classes to stratify by", "name it: split.label, or ask for a random split")
    method = asked or ("stratified" if counted else "random")
    if method != "stratified" or not counted:
        layout = Layout(None, cut, splits.make([total], fractions, options.seed, method), method=method)
    else:
        layout = _stratified(cut, counted, label, total, fractions, options, bool(asked), notes)
    _check(layout, fractions, total, rule, notes)
    return layout


def _by_column(name: str, columns: dict[str, Column]) -> Layout:
    if name not in columns:
        refuse("unknown_column", f"there is no column {name!r} to take the splits from", _names(columns), column=name)
    values = columns[name].values or {}
    words = sum(values.values(), Counter())
    strange = [str(word) for word in words if not isinstance(word, str) or split_word(word) is None]
    if strange or not words:
        what = f"has {excerpt(strange[0])}" if strange else "has too many values or none"
        refuse("bad_split", f"the split column {name!r} {what}", "its values are train, validation and test", column=name)
    if not any(split_word(word) == "train" for word in words):
        refuse("empty_split", f"the split column {name!r} puts no row into train", "mark rows as train", column=name)
    return Layout(column=name, method="column")


def _what_to_cut(
    given: set[Split], present: set[Split | None], rule: SplitRule, notes: list[str]
) -> tuple[frozenset[Split | None], dict[Split, float]]:
    """(splits of parts whose rows are shared out, into which fractions). None stands for parts whose name says nothing."""
    asked = rule.fractions
    if given <= {"train"}:
        return frozenset({None, "train"}), asked or DEFAULT
    if asked and (set(asked) - {"train"}) & given:
        notes.append("the split that was asked for covers all files: their names do not count")
        return frozenset({None, *SPLITS}), asked
    if "train" not in given and None not in present:
        return frozenset(), {}
    missing = [split for split in SPLITS[1:] if split not in given]
    if missing and not asked:
        notes.append(f"no {' and no '.join(missing)} file: {HELD_OUT:.0%} of the training rows held out")
    held: dict[Split, float] = {"train": 1 - HELD_OUT * len(missing), **dict.fromkeys(missing, HELD_OUT)}
    return frozenset({None, "train"}), asked or held


def _check_given(parts: list[Part], rows: list[int], given: set[Split]) -> None:
    for split in given:
        if not any(count for part, count in zip(parts, rows, strict=True) if part.split == split):
            refuse("empty_split", f"the files of {split} have no rows", "upload a file with rows, or leave it out")


def _stratified(
    cut: frozenset[Split | None],
    counted: dict[str | None, Counter[Any]],
    label: str | None,
    total: int,
    fractions: dict[Split, float],
    options: PrepareOptions,
    asked: bool,
    notes: list[str],
) -> Layout:
    counts = sum((counter for group, counter in counted.items() if group in cut), Counter())
    counts.pop(None, None)
    order = sorted(counts, key=natural)
    small = [value for value in order if counts[value] < len(fractions)]
    if small and asked:
        message = f"class {excerpt(str(small[0]))} of {label!r} has {counts[small[0]]} rows, too few for {len(fractions)} splits"
        refuse("class_too_small", message, "add rows of that class, or ask for a random split", column=label)
    if small:
        notes.append(f"{len(small)} classes have fewer than {len(fractions)} rows and stay in train, such as {excerpt(str(small[0]))}")
    sizes = [counts[value] for value in order]
    made = splits.make([*sizes, total - sum(sizes)], fractions, options.seed, "stratified")
    return Layout(None, cut, made, label, tuple(order), "stratified")


def _check(layout: Layout, fractions: dict[Split, float], total: int, rule: SplitRule, notes: list[str]) -> None:
    """A split that was asked for and stays empty is an error; one we would have made by ourselves is a note."""
    if layout.plan is None:
        return
    rows = layout.plan.rows()
    for split, part in fractions.items():
        rounded = int(total * part + 0.5)
        if rule.fractions and (rounded == 0 or rows[split] == 0):
            refuse("empty_split", f"{part:.0%} of {total} rows leaves none for {split}", "add rows, or ask for a larger part")
        if rows[split] == 0:
            notes.append(f"{total} rows are too few for a {split} split")
    shown = ", ".join(f"{name} {count}" for name, count in rows.items() if count)
    by = f" by {layout.label}" if layout.label else ""
    notes.append(f"{layout.method} split{by}: {shown}")


def _names(columns: dict[str, Column]) -> str:
    return "the columns are " + ", ".join(list(columns)[:20])
