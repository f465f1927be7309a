"""Recipe role → dataset column: as asked, else by name, else by type; what cannot be told apart is an error with its candidates."""

from collections.abc import Mapping
from typing import Any

from controlplane.errors import Problem, nearest
from workers.contract.recipe import Column, Spec

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
    """The mapping used. Raises Problem 422 naming every wrong role at once."""
    errors: list[dict[str, Any]] = []
    used: dict[str, str] = {}
    for role in asked:
        if role not in spec.columns:
            errors.append(
                {"loc": ["body", "columns", role], "msg": f"{spec.recipe} has no role {role!r}. {nearest(role, list(spec.columns))}"}
            )
    for role, name in asked.items():
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


def suggest(
    spec: type[Spec], features: Mapping[str, str], statistics: Mapping[str, Any], asked: Mapping[str, str | None]
) -> dict[str, str]:
    """What is asked, and the likeliest column for each role that several could take: a person sees the choice before starting, so a
    form may make it; the API does not. Raises Problem 422 where a role has no candidate or what is asked is wrong."""
    used = {role: name for role, name in asked.items() if name}
    while True:
        try:
            map_columns(spec, features, used)
            return used
        except Problem as problem:
            if not all(error.get("candidates") for error in problem.errors):
                raise
            error = problem.errors[0]
            role = str(error["loc"][-1])
            used[role] = likeliest(spec.columns[role], error["candidates"], statistics)


def likeliest(column: Column, names: list[str], statistics: Mapping[str, Any]) -> str:
    """Of columns of classes the evident label, else the one with the fewest classes, of two the later; of texts the longest."""
    known = statistics.get("columns") or {}
    if "category" in column.types:
        if statistics.get("label") in names:
            return str(statistics["label"])
        several = [name for name in names if int((known.get(name) or {}).get("distinct") or 0) > 1] or names
        return min(reversed(several), key=lambda name: int((known.get(name) or {}).get("distinct") or 0))
    return max(names, key=lambda name: float(((known.get(name) or {}).get("lengths") or {}).get("mean") or 0))


def wrong(column: Column, name: str, features: Mapping[str, str]) -> str | None:
    if name not in features:
        return f"The dataset has no column {name!r}. {nearest(name, list(features))}"
    if features[name] not in column.types:
        return f"Column {name!r} is {features[name]}; {column.title.en} must be {' or '.join(column.types)}."
    return None


def guess(role: str, column: Column, features: Mapping[str, str], used: dict[str, str], errors: list[dict[str, Any]]) -> None:
    """Fill one role that was not named: by exact name, by a usual name, then by the only column of a fitting type."""
    free = {n: t for n, t in features.items() if n not in used.values() and t in column.types}
    if role in free:
        used[role] = role
        return
    named = [n for n in free if n.lower() in ALIASES.get(role, ())]
    if len(named) == 1:
        used[role] = named[0]
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
