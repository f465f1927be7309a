"""The columns part of the New job form: for each role of the recipe the columns it can take, the one found for it among them."""

from typing import NamedTuple

from controlplane.data.schemas import columns_of
from controlplane.errors import Problem
from controlplane.frame.pages import said
from controlplane.training.columns import map_columns
from controlplane.training.draft import NONE, Draft


class Role(NamedTuple):
    """options: [(value, column, its type, chosen)] of the types the role takes; without a value what is found by itself, NONE for none."""

    name: str
    title: str
    required: bool
    options: list[tuple[str, str, str, bool]]


def mapped(plan: Draft) -> dict[str, str]:
    """Role → column as the job would have it, in the recipe's order; empty while the columns do not fit."""
    if plan.version is None:
        return {}
    try:
        found = map_columns(plan.spec, plan.version.features, plan.mapping())
    except Problem:
        return {}
    return {role: found[role] for role in plan.spec.columns if role in found}


def roles(plan: Draft) -> list[Role]:
    return [_role(plan, name, mapped(plan).get(name, "")) for name in plan.spec.columns] if plan.version else []


def _role(plan: Draft, name: str, used: str) -> Role:
    column, features, asked = plan.spec.columns[name], plan.version.features if plan.version else {}, plan.columns.get(name, "")
    fitting = [(each, features[each]) for each in (columns_of(plan.version) if plan.version else []) if features[each] in column.types]
    options = [("" if each == used and not asked else each, each, kind, each == (asked or used)) for each, kind in fitting]
    if not column.required:
        none = NONE if asked or used else ""
        options.insert(0, (none, "", "", asked == NONE or not used))
    elif not (asked or used):
        options.insert(0, ("", "", "", True))
    return Role(name, said(column.title), column.required, options)


def unused(plan: Draft) -> list[str]:
    """The columns no role takes, in the order of the file."""
    found = mapped(plan)
    return [name for name in columns_of(plan.version) if name not in found.values()] if plan.version and found else []
