"""Recipe role → dataset column: as asked, else by name, else by type; what cannot be told apart is an error with its candidates."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from controlplane.errors import Problem, nearest
from workers.contract.column_names import is_date, is_id, is_label, is_text, label_rank
from workers.contract.recipe import Column, Spec

UNIQUE = 0.95  # of the rows with another value each: an id
TOKEN, SPREAD = 40, 4  # characters of the longest code or date, and how much shorter the shortest may be
DATE = re.compile(r"\s*(\d{4}([-/.]\d{1,2}){2}|\d{1,2}([-/.]\d{1,2}){1}[-/.]\d{4}|\d{4}年\d{1,2}月)")

ALIASES: dict[str, tuple[str, ...]] = {
    "text": (
        "text",
        "sentence",
        "content",
        "review",
        "comment",
        "body",
        "document",
        "input",
        "question",
        "query",
        "文本",
        "内容",
        "评论",
        "句子",
    ),
    "label": (
        "label",
        "labels",
        "class",
        "target",
        "category",
        "sentiment",
        "stars",
        "rating",
        "y",
        "intent",
        "topic",
        "标签",
        "类别",
        "分类",
    ),
    "text_pair": ("text_pair", "sentence2", "text2", "hypothesis"),
    "image": ("image", "img", "picture", "photo", "图片"),
}


def map_columns(spec: type[Spec], features: Mapping[str, str], asked: Mapping[str, str | None]) -> dict[str, str]:
    """The mapping used. An empty name leaves an optional role out. Raises Problem 422 naming every wrong role at once."""
    errors: list[dict[str, Any]] = []
    used: dict[str, str] = {}
    for role in asked:
        if role not in spec.columns:
            errors.append(
                {"loc": ["body", "columns", role], "msg": f"{spec.recipe} has no role {role!r}. {nearest(role, list(spec.columns))}"}
            )
    for role, name in asked.items():
        if name == "" and role in spec.columns and not spec.columns[role].required:
            continue
        if name is not None and role in spec.columns:
            message = wrong(spec.columns[role], name, features)
            if message:
                errors.append({"loc": ["body", "columns", role], "msg": message})
            else:
                used[role] = name
    for role, column in spec.columns.items():
        if asked.get(role) is None:
            guess(role, column, features, used, errors)
    if errors:
        raise Problem(422, "columns", "These columns do not fit the recipe.", hint="Name them in `columns`.", errors=errors)
    return used


class Suggestion(NamedTuple):
    """columns: role → column, asked or chosen · unsure: roles that several columns could take as well → all of these, the chosen first."""

    columns: dict[str, str]
    unsure: dict[str, list[str]]


def suggest(spec: type[Spec], features: Mapping[str, str], statistics: Mapping[str, Any], asked: Mapping[str, str | None]) -> Suggestion:
    """What is asked, and the likeliest column for each other role: a person sees the choice before starting, so a form may make it; the
    API does not. Raises Problem 422 where a role has no candidate or what is asked is wrong."""
    used = {role: name for role, name in asked.items() if name is not None}
    unsure: dict[str, list[str]] = {}
    known = {role: evident(role, {n: t for n, t in features.items() if t in column.types}) for role, column in spec.columns.items()}
    for role, column in spec.columns.items():
        taken = [*used.values(), *(name for other, name in known.items() if other != role)]
        free = {n: t for n, t in features.items() if t in column.types and n not in taken}
        if role in used or not column.required or evident(role, free) or not free:
            continue
        found = _labels(free, statistics) if "boolean" in column.types else _texts(free, column, statistics)
        used[role] = found[0]
        if len(found) > 1:
            unsure[role] = found
    map_columns(spec, features, used)
    return Suggestion(used, unsure)


def _labels(free: Mapping[str, str], statistics: Mapping[str, Any]) -> list[str]:
    """Columns named like a label, the surest first; else those of classes, the evident label or the one with the fewest before the others,
    of two with as many the later."""
    fit = plausible(free, statistics)
    named = {name: rank for name in fit if (rank := label_rank(name))}
    if named:
        return sorted(named, key=named.__getitem__)
    kind = next(kind for kind in ("category", "boolean", "integer") if kind in fit.values())
    names = [name for name, type in fit.items() if type == kind][::-1]

    def order(name: str) -> tuple[bool, bool, int]:
        distinct = int(_known(statistics, name).get("distinct") or 0)
        return name != statistics.get("label"), distinct <= 1, distinct

    return sorted(names, key=order)


def _texts(free: Mapping[str, str], column: Column, statistics: Mapping[str, Any]) -> list[str]:
    """The column of the longest texts, then the others of its type."""
    fit = plausible(free, statistics)
    fit = {name: type for name, type in fit.items() if not is_label(name)} or fit

    def mean(name: str) -> float:
        return float((_known(statistics, name).get("lengths") or {}).get("mean") or 0)

    best = max(fit, key=lambda name: (is_text(name), mean(name), -column.types.index(fit[name])))
    same = [name for name, type in fit.items() if type == fit[best] and name != best]
    return [best, *sorted(same, key=mean, reverse=True)]


def plausible(free: Mapping[str, str], statistics: Mapping[str, Any]) -> Mapping[str, str]:
    """Without ids and dates, unless nothing else is left."""
    return {name: type for name, type in free.items() if not (like_id(name, statistics) or _like_date(name, statistics))} or free


def like_id(name: str, statistics: Mapping[str, Any]) -> bool:
    """Nearly every row has another value, and they are short and all about as long, or whole numbers; a name that says so is enough when
    nearly all differ."""
    known, rows = _known(statistics, name), int(statistics.get("rows") or 0)
    if not rows or int(known.get("distinct") or 0) < UNIQUE * max(1, rows - int(known.get("nulls") or 0)):
        return False
    return known.get("type") == "integer" or is_id(name) or _tokens(known)


def _tokens(known: Mapping[str, Any]) -> bool:
    """Values of about the same few characters: codes and dates, no sentences."""
    lengths = known.get("lengths") or {}
    most = int(lengths.get("max") or 0)
    return 0 < most <= TOKEN and most - int(lengths.get("min") or 0) <= SPREAD


def _like_date(name: str, statistics: Mapping[str, Any]) -> bool:
    """Dates that were read as texts: so named and so short, or all the values that are known are some."""
    known = _known(statistics, name)
    if known.get("type") not in ("text", "category"):
        return False
    values = [str(value) for value, _count in known.get("values") or known.get("top") or []]
    return all(map(DATE.match, values)) if values else is_date(name) and _tokens(known)


def _known(statistics: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The figures of a column, as far as there are any."""
    found: Mapping[str, Any] = (statistics.get("columns") or {}).get(name) or {}
    return found


def evident(role: str, free: Mapping[str, str]) -> str | None:
    """The column that has the role's name, or alone a usual one for it."""
    if role in free:
        return role
    named = [n for n in free if n.lower() in ALIASES.get(role, ())]
    return named[0] if len(named) == 1 else None


def wrong(column: Column, name: str, features: Mapping[str, str]) -> str | None:
    if name not in features:
        return f"The dataset has no column {name!r}. {nearest(name, list(features))}"
    if features[name] not in column.types:
        return f"Column {name!r} is {features[name]}; {column.title.en} must be {' or '.join(column.types)}."
    return None


def guess(role: str, column: Column, features: Mapping[str, str], used: dict[str, str], errors: list[dict[str, Any]]) -> None:
    """Fill one role that was not named: by exact name, by a usual name, then by the only column of a fitting type."""
    free = {n: t for n, t in features.items() if n not in used.values() and t in column.types}
    if named := evident(role, free):
        used[role] = named
        return
    if not column.required:
        return
    for kind in column.types:
        fitting = [n for n, t in free.items() if t == kind]
        if len(fitting) == 1:
            used[role] = fitting[0]
            return
        if fitting:
            errors.append({"loc": ["body", "columns", role], "msg": f"Several columns could be {column.title.en}.", "candidates": fitting})
            return
    errors.append(
        {
            "loc": ["body", "columns", role],
            "msg": f"No column can be {column.title.en}: it must be {' or '.join(column.types)}.",
            "candidates": [],
        }
    )
