"""From a recipe's spec to the fields of a form, and from a sent form back to params. The spec stays the only judge of values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workers.contract.recipe import Preset, Spec

PREFIX = "p-"
GROUPS: dict[str, str | Promise] = {
    "general": gettext_lazy("General"),
    "training": gettext_lazy("Training"),
    "optimiser": gettext_lazy("Optimiser"),
    "regularisation": gettext_lazy("Regularisation"),
    "model": gettext_lazy("Model"),
    "data": gettext_lazy("Data"),
    "hardware": gettext_lazy("Hardware"),
}


@dataclass
class Knob:
    """One field. kind: integer | number | boolean | choice | text | json · title, help, unit: {en, zh} · value, default: as typed."""

    name: str
    kind: str
    title: dict[str, str]
    help: dict[str, str]
    unit: dict[str, str] | None
    group: str
    simple: bool
    default: str
    value: str
    choices: list[tuple[str, str]]
    least: float | None
    most: float | None
    base: Any = None  # the default as JSON
    visible: bool = True
    wrong: str = ""

    @property
    def id(self) -> str:
        return f"{PREFIX}{self.name}"

    @property
    def changed(self) -> bool:
        return self.value != self.default

    @property
    def range(self) -> str:
        """The allowed values in words; empty when there is no bound on both sides."""
        if self.least is None or self.most is None:
            return ""
        return _("between %(low)s and %(high)s") % {"low": shown(self.least), "high": shown(self.most)}


@dataclass
class Group:
    name: str
    title: str | Promise
    knobs: list[Knob] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return sum(knob.changed for knob in self.knobs)

    @property
    def wrong(self) -> bool:
        return any(knob.wrong for knob in self.knobs)


def shown(value: Any) -> str:
    """A value as it stands in its field; `2e-05` is written 2e-5."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = f"{value:g}"
        mantissa, e, exponent = text.partition("e")
        return f"{mantissa}e{int(exponent)}" if e else text
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def defaults(spec: type[Spec], preset: Preset | None) -> dict[str, Any]:
    """Every param's value before the user says anything."""
    plain = {name: info.get_default(call_default_factory=True) for name, info in spec.model_fields.items()}
    return plain | (spec.presets.get(preset, {}) if preset else {})


def groups(
    spec: type[Spec], *, preset: Preset | None = None, sent: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None
) -> list[Group]:
    """The spec's groups in order, each with its fields. sent: what was typed (`p-epochs`), shown again; wrong: param → message."""
    schema = spec.model_json_schema()
    base = defaults(spec, preset)
    knobs = []
    for name, part in schema.get("properties", {}).items():
        default = shown(base.get(name))
        typed = sent.get(f"{PREFIX}{name}") if sent is not None else None
        knob = _knob(name, _resolved(part, schema), default, default if typed is None else typed, (wrong or {}).get(name, ""))
        knob.base = base.get(name)
        if knob.wrong and knob.range and knob.kind in ("integer", "number"):
            knob.wrong = _("It must be a number %(range)s.") % {"range": knob.range}
        knobs.append(knob)
    _hide(knobs, {name: part.get("visible_when") for name, part in schema.get("properties", {}).items()})
    found = {name: Group(name, title) for name, title in GROUPS.items()}
    for knob in knobs:
        found.setdefault(knob.group, Group(knob.group, knob.group)).knobs.append(knob)
    return [group for group in found.values() if group.knobs]


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A property with its $ref followed and its `null` alternative noted as `optional`."""
    if "$ref" in part:
        part = {**schema["$defs"][part["$ref"].rsplit("/", 1)[-1]], **{key: value for key, value in part.items() if key != "$ref"}}
    if "anyOf" in part:
        kinds = [_resolved(kind, schema) for kind in part["anyOf"] if kind.get("type") != "null"]
        part = {**(kinds[0] if len(kinds) == 1 else {}), **part, "optional": len(kinds) < len(part["anyOf"])}
    return part


def _knob(name: str, part: dict[str, Any], default: str, value: str, wrong: str) -> Knob:
    choices = [(shown(item), shown(item)) for item in part.get("enum", [])]
    if part.get("optional") and choices:
        choices.insert(0, ("", "–"))
    kind = (
        "choice"
        if choices
        else {"integer": "integer", "number": "number", "boolean": "boolean", "string": "text"}.get(part.get("type", ""), "json")
    )
    plain = {"en": part.get("title", name), "zh": part.get("title", name)}
    return Knob(
        name=name,
        kind=kind,
        title=part.get("title_i18n", plain),
        help=part.get("help_i18n", {"en": part.get("description", ""), "zh": part.get("description", "")}),
        unit=part.get("unit_i18n"),
        group=part.get("group", "general"),
        simple=bool(part.get("simple")),
        default=default,
        value=value,
        choices=choices,
        least=part.get("minimum", part.get("exclusiveMinimum")),
        most=part.get("maximum", part.get("exclusiveMaximum")),
        wrong=wrong,
    )


def _hide(knobs: list[Knob], conditions: dict[str, dict[str, Any] | None]) -> None:
    """Marks fields whose `visible_when` does not hold: every named field must have one of the values."""
    values = {knob.name: knob.value for knob in knobs}
    for knob in knobs:
        for other, wanted in (conditions.get(knob.name) or {}).items():
            allowed = [shown(item) for item in (wanted if isinstance(wanted, list) else [wanted])]
            knob.visible = knob.visible and values.get(other) in allowed


def not_json() -> str:
    return _("This is not JSON yet. Settings stay as they were.")


def unknown(names: list[str]) -> str:
    """Names that are no settings of this task."""
    return _("There is no setting named: %(names)s") % {"names": ", ".join(name[:40] for name in names[:5])}


def effective(found: list["Group"]) -> dict[str, Any]:
    """Every setting with the value it has now, as JSON."""
    return {knob.name: _read(knob, knob.base) for group in found for knob in group.knobs}


def parse(spec: type[Spec], sent: Mapping[str, str], preset: Preset | None = None) -> dict[str, Any]:
    """What the user changed, by param. A text that is no number stays a text: the spec's own judge names the place."""
    base = defaults(spec, preset)
    params: dict[str, Any] = {}
    for group in groups(spec, preset=preset, sent=sent):
        for knob in group.knobs:
            if knob.visible and knob.changed and f"{PREFIX}{knob.name}" in sent:
                params[knob.name] = _read(knob, base.get(knob.name))
    return params


def _read(knob: Knob, default: Any) -> Any:
    text = knob.value.strip()
    try:
        if not text and (default is None or knob.kind != "text"):
            return None
        if knob.kind == "integer":
            return int(text.replace(",", ""))
        if knob.kind == "number":
            return float(text)
        if knob.kind == "boolean":
            return text == "true"
        if knob.kind == "json":
            return json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text
