"""What pydantic says about a request, in our words: where, what, and the nearest known name for an unknown field."""

import types
from collections.abc import Iterable, Sequence
from typing import Any, Union, get_args, get_origin

from ninja.errors import ValidationErrorContext
from pydantic import BaseModel

from controlplane.errors import Problem, nearest


def explain(context: ValidationErrorContext[Any]) -> list[dict[str, Any]]:
    """pydantic's errors as [{loc, msg, type, hint}]. loc begins with body, query, path, form or file."""
    model = context.model
    source = model.__ninja_param_source__
    single = getattr(model, "__read_from_single_attr__", None)
    back = getattr(model, "__ninja_flatten_map_reverse__", {})
    found = []
    for error in context.pydantic_validation_error.errors(include_url=False, include_input=False):
        inner = tuple(error["loc"])
        shown = back.get(inner, inner)
        if source == "body" and single and shown[:1] == (single,):
            shown = shown[1:]
        one = {"loc": [source, *shown], "msg": error["msg"], "type": error["type"]}
        if error["type"] == "extra_forbidden":
            one["msg"] = f"unknown field `{inner[-1]}`"
            one["hint"] = nearest(str(inner[-1]), sorted(fields_at(model if isinstance(model, type) else type(model), inner[:-1])))
        found.append(one)
    return found


def problem(errors: Sequence[dict[str, Any]]) -> Problem:
    """All wrong places at once, as one 422 (400 for the query string's own grammar is decided before)."""
    first = errors[0] if errors else {"loc": [], "msg": "", "type": ""}
    unknown = first.get("type") == "extra_forbidden"
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0] if first["loc"] else "body")
    code = "unknown_field" if unknown else "invalid"
    detail = f"{first['msg']}" if unknown else f"`{place}`: {first['msg']}"
    more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
    shown = [{"loc": error["loc"], "msg": error["msg"]} | ({"hint": error["hint"]} if error.get("hint") else {}) for error in errors]
    return Problem(422, code, detail + more, str(first.get("hint", "")), errors=shown)


def from_pydantic(model: type[BaseModel], errors: Iterable[Any], loc: Sequence[str | int] = ("body",)) -> list[dict[str, Any]]:
    """The same words for errors of a model a room validated by itself, such as a recipe's params under ("body", "params")."""
    found = []
    for error in errors:
        one = {"loc": [*loc, *error["loc"]], "msg": error["msg"], "type": error["type"]}
        if error["type"] == "extra_forbidden":
            one["msg"] = f"unknown field `{error['loc'][-1]}`"
            one["hint"] = nearest(str(error["loc"][-1]), sorted(fields_at(model, tuple(error["loc"][:-1]))))
        found.append(one)
    return found


def fields_at(model: Any, loc: Sequence[str | int]) -> set[str]:
    """The names of the fields known at a place inside a model; empty when it is no model."""
    for candidate in _models(model):
        if not loc:
            return {field.alias or name for name, field in candidate.model_fields.items()}
        for name, field in candidate.model_fields.items():
            if loc[0] in {name, field.alias}:
                return fields_at(field.annotation, loc[1:])
    if loc and isinstance(loc[0], int):
        return fields_at(model, loc[1:])
    return set()


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models an annotation may hold: itself, members of a union, items of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in {Union, types.UnionType, list, dict, tuple}:
        return [found for part in get_args(annotation) for found in _models(part)]
    return []
