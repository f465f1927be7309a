"""What can be wrong with a labelled dataset before anything is queued. Standard library only; used by the specs' `check_dataset`."""

from typing import Any

from workers.contract.recipe import Column
from workers.lib import labels

Problem = dict[str, Any]


def problem(code: str, message: str, hint: str, **loc: Any) -> Problem:
    return {"code": code, "message": message, "hint": hint, "loc": loc}


def splits(statistics: dict[str, Any]) -> list[Problem]:
    """`empty_split` for a training split without rows. A missing validation or test split is allowed: less is measured then."""
    rows = statistics.get("splits") or {}
    if rows and not rows.get("train"):
        return [problem("empty_split", "the split train has no rows", "Upload the dataset again with a share for train.", split="train")]
    empty = [name for name in ("validation", "test") if name in rows and not rows[name]]
    hint = "Bring more rows, or give the split a larger share."
    return [problem("empty_split", f"the split {name} has no rows", hint, split=name) for name in empty]


def label_type(column: str | None, role: Column, statistics: dict[str, Any]) -> list[Problem]:
    """`label_type` for a column whose type cannot be a label."""
    found = _column(column, statistics).get("type") or (statistics.get("features") or {}).get(column)
    if not found or found in role.types:
        return []
    hint = "Choose the column that holds the class, or type it as category in the dataset's options."
    return [problem("label_type", f"column {column} is of type {found}; a label is {' or '.join(role.types)}", hint, column=column)]


def classes(column: str | None, statistics: dict[str, Any]) -> list[Problem]:
    """`one_class`, and `class_too_small` for a class with a single row."""
    counts = _counts(column, statistics)
    names = counts or dict.fromkeys((statistics.get("classes") or {}).get(column or "", []), 2)
    if not names:
        return []
    if len(names) < 2:
        hint = "Bring rows of at least two classes, or choose another column."
        return [problem("one_class", f"column {column} has only the class “{next(iter(names))}”", hint, column=column)]
    small = [name for name, rows in names.items() if rows < 2]
    hint = "Bring more rows of it, join it with another class, or remove it."
    return [problem("class_too_small", f"the class “{name}” has a single row", hint, column=column, value=name) for name in small[:20]]


def _column(column: str | None, statistics: dict[str, Any]) -> dict[str, Any]:
    """The statistics of one column: {type, nulls, distinct, values?: [[value, rows]], …}."""
    entry = (statistics.get("columns") or {}).get(column)
    return entry if isinstance(entry, dict) else {}


def _counts(column: str | None, statistics: dict[str, Any]) -> dict[str, int]:
    """label -> rows over all splits, when the statistics hold every value."""
    pairs = _column(column, statistics).get("values") or []
    named = ((labels.name_of(value, []), rows) for value, rows in pairs)
    return {name: int(rows) for name, rows in named if name is not None}
