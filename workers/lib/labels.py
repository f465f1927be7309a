"""Class labels: from cells of a category, boolean, integer or short text column to indices. No ML library."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from workers.contract.recipe import Run, UserError

CLASSES_MAX = 10_000


def name_of(value: Any, classes: list[str]) -> str | None:
    """The label of one cell: its category's name, `true`/`false`, or the number as people write it. None: no label."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and classes and str(value) not in classes and 0 <= value < len(classes):
        return classes[value]
    return str(value)


def _order(name: str) -> tuple[int, float, str]:
    """Numbers by value, before words."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def names_of(run: Run, counts: Counter[str]) -> list[str]:
    """The labels in order: the column's categories that occur in training, else what occurs, numbers by value.

    Raises UserError `one_class` or `too_many_classes`.
    """
    found = [name for name in run.classes if counts[name]] if run.classes else sorted(counts, key=_order)
    column = run.columns.get("label", "label")
    if len(found) < 2:
        seen = f"only “{found[0]}”" if found else "no label at all"
        raise UserError(
            "one_class", f"column {column} has {seen} in the training split", "Bring rows of at least two classes.", {"column": column}
        )
    if len(found) > CLASSES_MAX:
        raise UserError(
            "too_many_classes",
            f"column {column} has {len(found)} different labels",
            "Choose the column that holds the class, not an id or a free text.",
            {"column": column},
        )
    return found


def in_training(run: Run) -> list[str]:
    """The labels of the training split, in order. Reads that one column. Raises UserError `one_class`, `too_many_classes`."""
    import pyarrow.parquet as parquet

    counts, column = Counter[str](), run.columns["label"]
    for shard in run.shards("train"):
        with parquet.ParquetFile(shard, memory_map=True) as file:
            for batch in file.iter_batches(columns=[column]):
                counts.update(name for name in (name_of(value, run.classes) for value in batch.column(0).to_pylist()) if name is not None)
    return names_of(run, counts)


def indices(values: Iterable[Any], names: list[str], classes: list[str]) -> list[int]:
    """The index of each cell's label; -1 where there is none or training has not seen it."""
    index = {name: number for number, name in enumerate(names)}
    return [index.get(name_of(value, classes) or "", -1) for value in values]
