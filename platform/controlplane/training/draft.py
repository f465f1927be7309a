"""The New job form's state: what was sent, filled up with what works. Opening the form and pressing Start must succeed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane import catalog, forms
from controlplane.data.models import DatasetVersion
from controlplane.data.schemas import columns_of
from controlplane.errors import Problem
from controlplane.jobs.models import Job
from controlplane.registry.models import ModelVersion
from controlplane.training.columns import suggest
from workers.contract.recipe import Preset, Spec
from workers.contract.states import VersionState

PRESETS: tuple[Preset, ...] = ("quick", "balanced", "best")
NONE = "-"  # the value of "from scratch"
DOMAINS = {  # beginning of a task's name → kind of data; everything else is text
    "image-": "image",
    "object-": "image",
    "audio-": "audio",
    "automatic-speech": "audio",
    "text-to-speech": "audio",
    "tabular-": "table",
    "time-series": "series",
}


@dataclass
class Draft:
    """Everything the form shows. sent: what the user changed, as typed under `p-…` · everything: all settings are shown, not only
    the few that matter most · guessed: columns chosen where several would fit · wrong: places of the JSON that name no setting."""

    spec: type[Spec]
    versions: list[DatasetVersion]
    version: DatasetVersion | None
    columns: dict[str, str]
    guessed: dict[str, str]
    unsure: dict[str, list[str]]
    base_model: str
    bases: list[dict[str, Any]]
    preset: Preset
    device: str
    name: str
    model_name: str
    sent: dict[str, str]
    everything: bool = False
    wrong: dict[str, str] = field(default_factory=dict)

    def mapping(self) -> dict[str, str]:
        """Role → column, empty for none, as far as it was chosen or had to be guessed; the rest is found by name and type."""
        return chosen(self.columns) | self.guessed

    def open_roles(self) -> dict[str, list[str]]:
        """Roles whose column was chosen among several by nobody yet."""
        return {role: names for role, names in self.unsure.items() if not self.columns.get(role)}

    def query(self) -> dict[str, str]:
        """The form's state as a page's address carries it: what was chosen, without what is found by itself."""
        given = {"dataset": str(self.version or ""), "recipe": self.spec.recipe, "preset": self.preset, "name": self.name}
        given |= {"base_model": "" if self.base_model == NONE else self.base_model, "device": "" if self.device == "cpu" else self.device}
        given |= {"model_name": self.model_name, "view": "all" if self.everything else ""}
        given |= {f"c-{role}": column for role, column in self.columns.items()}
        changed = [f"{forms.PREFIX}{name}" for name in forms.parse(self.spec, self.sent, self.preset)]
        return {key: value for key, value in given.items() if value} | {key: self.sent[key] for key in changed}

    def body(self) -> dict[str, Any]:
        """The request the API would take."""
        params = forms.parse(self.spec, self.sent, self.preset)
        body: dict[str, Any] = {"recipe": self.spec.recipe, "dataset": str(self.version) if self.version else "", "preset": self.preset}
        optional = {
            "columns": self.mapping(),
            "base_model": self.base_model if self.base_model != NONE else "",
            "params": params,
            "name": self.name,
            "model_name": self.model_name,
            "resources": {"device": self.device} if self.device != "cpu" else {},
        }
        return body | {key: value for key, value in optional.items() if value}


def ready_versions(workspace: Any) -> list[DatasetVersion]:
    """Ready versions, the newest of each dataset first, at most 200."""
    rows = DatasetVersion.objects.filter(dataset__workspace=workspace, state=VersionState.READY).select_related("dataset")
    return list(rows.defer("shards", "sources").order_by("-created_at")[:200])


def features(version: DatasetVersion) -> dict[str, str]:
    """Column → type in the order of the file."""
    return {name: version.features[name] for name in columns_of(version)}


def fits(spec: type[Spec], version: DatasetVersion) -> bool:
    """Whether the recipe reads this format and every role finds a column, or several."""
    if version.format and version.format not in spec.formats:
        return False
    try:
        suggest(spec, features(version), version.statistics, {})
    except Problem:
        return False
    return True


def choose_recipe(name: str, version: DatasetVersion | None) -> type[Spec]:
    """The asked recipe, else the first that fits the data; a baseline only when nothing else does."""
    known = catalog.recipes()
    if name in known:
        return known[name]
    fitting = [spec for spec in known.values() if version is None or fits(spec, version)] or list(known.values())
    return next((spec for spec in fitting if spec.method() != "majority"), fitting[0])


def bases_for(workspace: Any, spec: type[Spec]) -> list[dict[str, Any]]:
    """[{value, title, license, parameters, size_bytes}]: the catalogue, then models of this workspace it can start from."""
    found: list[dict[str, Any]] = []
    if spec.base_models == "none":
        return found
    for model in catalog.base_models(spec):
        known = {
            "title": model.get("title_i18n") or model["id"],
            **{key: model.get(key) for key in ("license", "parameters", "size_bytes")},
        }
        found.append({"value": model["id"], **known})
    rows = ModelVersion.objects.filter(model__workspace=workspace, state=VersionState.READY, task__gt="").select_related("model")
    for version in rows.order_by("-created_at")[:100]:
        if not spec.base_architectures or version.config.get("model_type") in spec.base_architectures:
            known = {"title": f"{version.model.name} v{version.version}", "license": None, "parameters": None}
            found.append({"value": str(version), "size_bytes": version.size_bytes, **known})
    return found


def draft(workspace: Any, sent: Mapping[str, str], source: Job | None = None) -> Draft:
    """From a sent form, or from the job to be cloned, or from nothing."""
    given = _set(_of_job(source) | dict(sent) if source else dict(sent))
    versions = ready_versions(workspace)
    spec, version = _pair(given, versions)
    preset: Preset = next((p for p in PRESETS if p == given.get("preset")), "balanced")
    typed, wrong = _typed(given, spec, preset)
    bases = bases_for(workspace, spec)
    known = version.features if version else {}
    columns = {
        role: name if (name := given.get(f"c-{role}", "")) in known or (name == NONE and not column.required) else ""
        for role, column in spec.columns.items()
    }
    guessed, unsure = _guessed(spec, version, columns)
    return Draft(
        spec=spec,
        versions=versions,
        version=version,
        columns=columns,
        guessed=guessed,
        unsure=unsure,
        base_model=_base(given, spec, bases),
        bases=bases,
        preset=preset,
        device=given["device"] if given.get("device") in spec.devices else "cpu",
        name=given.get("name", ""),
        model_name=given.get("model_name", ""),
        sent=typed,
        everything=given.get("view") == "all",
        wrong=wrong,
    )


def chosen(columns: Mapping[str, str]) -> dict[str, str]:
    """What the form says of columns as a request does: an optional role's NONE is an empty name."""
    return {role: "" if name == NONE else name for role, name in columns.items() if name}


def _guessed(spec: type[Spec], version: DatasetVersion | None, columns: dict[str, str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    if version is None:
        return {}, {}
    try:
        found = suggest(spec, features(version), version.statistics, chosen(columns))
        unsure = suggest(spec, features(version), version.statistics, {}).unsure
    except Problem:
        return {}, {}  # the checks say what does not fit
    return {role: name for role, name in found.columns.items() if not columns.get(role)}, unsure


def _set(given: dict[str, str]) -> dict[str, str]:
    """A pressed button's `key=value`, or `key` alone to take a value back, done to the form it was sent with."""
    key, equals, value = given.pop("set", "").partition("=")
    if equals:
        given[key] = value
        if key == "recipe":
            given.pop("domain", None)  # the recipe says what kind of data it is
    else:
        given.pop(key, None)
    return given


def _pair(given: Mapping[str, str], versions: list[DatasetVersion]) -> tuple[type[Spec], DatasetVersion | None]:
    """Recipe and dataset. Where they do not fit each other, the one that was not just chosen follows the other."""
    asked, domain, known = given.get("dataset", ""), given.get("domain", ""), catalog.recipes()
    version = next((v for v in versions if str(v) == asked), None) or next((v for v in versions if v.dataset.name == asked), None)
    recipe, before = given.get("recipe", ""), given.get("basis", "").partition(":")[0]
    if domain and recipe in known and domain != domain_of(known[recipe]):
        recipe = next((name for name, spec in known.items() if domain_of(spec) == domain and spec.method() != "majority"), recipe)
    if version and recipe in known and not fits(known[recipe], version):
        if recipe != before:
            version = next((v for v in versions if fits(known[recipe], v)), version)
        elif asked != given.get("on", asked):
            recipe = ""
    spec = choose_recipe(recipe, version or (versions[0] if versions else None))
    if version is None:
        version = next((v for v in versions if fits(spec, v)), versions[0] if versions else None)
    return spec, version


def _typed(given: Mapping[str, str], spec: type[Spec], preset: Preset) -> tuple[dict[str, str], dict[str, str]]:
    """What was typed into settings, and what the JSON says wrongly. Other settings belong to the recipe or preset they were typed for."""
    basis = f"{spec.recipe}:{preset}"
    if given.get("basis", basis) != basis:
        return {}, {}
    if not given.get("json"):
        return {key: value for key, value in given.items() if key.startswith(forms.PREFIX)}, {}
    try:
        values = json.loads(given["json"])
        known = {key: value for key, value in values.items() if key in spec.model_fields}
    except (ValueError, AttributeError, RecursionError):
        return {}, {"json": forms.not_json()}
    strange = {"json": forms.unknown([key for key in values if key not in known])} if len(known) < len(values) else {}
    return {f"{forms.PREFIX}{key}": forms.shown(value) for key, value in known.items()}, strange


def _base(given: Mapping[str, str], spec: type[Spec], bases: list[dict[str, Any]]) -> str:
    asked = given.get("hub_id", "").strip() or given.get("base_model", "")
    if asked in {base["value"] for base in bases} or ("/" in asked and spec.base_models != "none"):
        return asked
    return str(bases[0]["value"]) if spec.base_models == "required" and bases else NONE


def domain_of(spec: type[Spec]) -> str:
    """What kind of data a task reads: text | image | audio | table | series."""
    task = spec.task()
    return next((domain for begin, domain in DOMAINS.items() if task.startswith(begin)), "text")


def _of_job(job: Job) -> dict[str, str]:
    """An earlier job's request as this form would have sent it."""
    body = job.request
    out = {key: str(body[key]) for key in ("recipe", "dataset", "base_model", "preset", "name", "model_name") if body.get(key)}
    out |= {f"{forms.PREFIX}{key}": forms.shown(value) for key, value in (job.work.get("params") or {}).items()}
    out |= {f"c-{role}": column or NONE for role, column in (body.get("columns") or {}).items() if column is not None}
    device = (body.get("resources") or {}).get("device")
    return out | ({"device": device} if device else {})
