"""What the playground lets a person set, read from the request schema that the recipe declares."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from workers.contract.recipe import Spec

# OpenAI's routes know these under names of their own; what they do not know cannot be set there.
OPENAI = {"temperature": "temperature", "top_p": "top_p", "max_new_tokens": "max_tokens", "seed": "seed", "stop": "stop"}
START = {"temperature": 0.8, "top_p": 0.95, "max_tokens": 128}  # as the platform's own models are asked by default
TOP = {"temperature": 2.0}  # OpenAI's own bound
FINE = 10  # a number with both bounds and a span up to this is dragged, others are typed
LABELS: Mapping[str, str | Promise] = {
    "temperature": _("Temperature"),
    "top_p": _("Top-p"),
    "top_k": _("Top k"),
    "max_tokens": _("Max tokens"),
    "seed": _("Seed"),
    "stop": _("Stop at"),
    "system": _("System prompt"),
    "function_to_apply": _("Scores by"),
    "repetition_penalty": _("Repetition penalty"),
}
HINTS: Mapping[str, str | Promise] = {"seed": _("Random"), "stop": _("One text per line")}


def fields(spec: type[Spec] | None, *, openai: bool, chat: bool) -> list[dict[str, Any]]:
    """[{name, label, kind, low, high, step, value, options, hint}]; kind: range | number | choice | lines | text."""
    found = [_system()] if chat else []
    if spec is None:
        return found
    for name, schema in _parameters(spec):
        shown = OPENAI.get(name) if openai else name
        field = _field(shown, schema) if shown else None
        if field:
            found.append(field)
    order = ["range", "number", "choice", "lines", "text"]
    return sorted(found, key=lambda field: order.index(field["kind"]))


def _system() -> dict[str, Any]:
    return {"name": "system", "label": LABELS["system"], "kind": "text", "value": "", "hint": ""}


def _parameters(spec: type[Spec]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The properties of the request's `parameters`, each with its one schema that is not null."""
    schema = spec.request.model_json_schema()
    definitions = schema.get("$defs", {})
    parameters = _plain((schema.get("properties") or {}).get("parameters") or {}, definitions)
    for name, each in (parameters.get("properties") or {}).items():
        yield name, {**_plain(each, definitions), "default": each.get("default")}


def _plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    for choice in schema.get("anyOf", [schema]):
        if "$ref" in choice:
            return dict(definitions.get(str(choice["$ref"]).rsplit("/", 1)[-1], {}))
        if choice.get("type") != "null":
            return dict(choice)
    return {}


def _field(name: str, schema: dict[str, Any]) -> dict[str, Any] | None:
    kind = schema.get("type")
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), TOP.get(name, schema.get("maximum"))
    field: dict[str, Any] = {"name": name, "label": LABELS.get(name, name), "low": low, "high": high, "hint": HINTS.get(name, "")}
    value = START.get(name)  # what is left empty is left to the model
    if schema.get("default") is not None and not field["hint"]:
        field["hint"] = str(schema["default"])
    if schema.get("enum"):
        return {**field, "kind": "choice", "options": schema["enum"], "value": ""}
    if kind == "number":
        dragged = low is not None and high is not None and high - low <= FINE
        return {**field, "kind": "range" if dragged else "number", "step": 0.05 if dragged else "any", "value": value}
    if kind == "integer":
        return {**field, "kind": "number", "step": 1, "value": value}
    if kind == "array" and (schema.get("items") or {}).get("type") == "string":
        return {**field, "kind": "lines", "value": ""}
    return None
