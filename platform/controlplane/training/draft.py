"""The New job form's state: what was sent, filled up with what works. Opening the form and pressing Start must succeed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane import catalog, forms
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem
from controlplane.jobs.models import Job
from controlplane.registry.models import ModelVersion
from controlplane.training.columns import map_columns
from workers.contract.recipe import Preset, Spec
from workers.contract.states import VersionState

PRESETS: tuple[Preset, ...] = ("quick", "balanced", "best")
NONE = "-"  # the value of "from scratch"


@dataclass
class Draft:
    """Everything the form shows. params: what the user changed, as typed under `p-…`."""

    spec: type[Spec]
    versions: list[DatasetVersion]
    version: DatasetVersion | None
    columns: dict[str, str]
    base_model: str
    bases: list[dict[str, Any]]
    preset: Preset
    device: str
    name: str
    model_name: str
    sent: dict[str, str]

    def body(self) -> dict[str, Any]:
        """The request the API would take."""
        params = forms.parse(self.spec, self.sent, self.preset)
        body: dict[str, Any] = {"recipe": self.spec.recipe, "dataset": str(self.version) if self.version else "", "preset": self.preset}
        chosen = {role: column for role, column in self.columns.items() if column}
        optional = {
            "columns": chosen,
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


def fits(spec: type[Spec], version: DatasetVersion) -> bool:
    """Whether the recipe reads this format and every role finds a column."""
    if version.format and version.format not in spec.formats:
        return False
    try:
        map_columns(spec, version.features, {})
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
    """[{value, title, note, size_bytes}]: from scratch where allowed, the catalogue, models of this workspace it can start from."""
    found: list[dict[str, Any]] = []
    if spec.base_models == "none":
        return found
    for model in catalog.base_models(spec):
        found.append(
            {
                "value": model["id"],
                "title": model.get("title") or model["id"],
                "note": model.get("license", ""),
                "size_bytes": model.get("size_bytes"),
            }
        )
    rows = ModelVersion.objects.filter(model__workspace=workspace, state=VersionState.READY, task__gt="").select_related("model")
    for version in rows.order_by("-created_at")[:100]:
        if not spec.base_architectures or version.config.get("model_type") in spec.base_architectures:
            found.append({"value": str(version), "title": str(version), "note": version.task, "size_bytes": version.size_bytes})
    return found


def draft(workspace: Any, sent: Mapping[str, str], source: Job | None = None) -> Draft:
    """From a sent form, or from the job to be cloned, or from nothing."""
    given = _of_job(source) | dict(sent) if source else dict(sent)
    versions = ready_versions(workspace)
    asked = given.get("dataset", "")
    version = next((v for v in versions if str(v) == asked), None) or next((v for v in versions if v.dataset.name == asked), None)
    spec = choose_recipe(given.get("recipe", ""), version or (versions[0] if versions else None))
    if version is None:
        version = next((v for v in versions if fits(spec, v)), versions[0] if versions else None)
    preset: Preset = next((p for p in PRESETS if p == given.get("preset")), "balanced")
    # Other settings belong to the other recipe or preset they were typed for.
    basis = given.get("basis", f"{spec.recipe}:{preset}")
    typed = {key: value for key, value in given.items() if key.startswith(forms.PREFIX)} if basis == f"{spec.recipe}:{preset}" else {}
    bases = bases_for(workspace, spec)
    allowed = {base["value"] for base in bases}
    base = given.get("hub_id", "").strip() or given.get("base_model", "")
    if base not in allowed and "/" not in base:
        base = bases[0]["value"] if spec.base_models == "required" and bases else NONE
    return Draft(
        spec=spec,
        versions=versions,
        version=version,
        columns={role: given.get(f"c-{role}", "") for role in spec.columns},
        base_model=base,
        bases=bases,
        preset=preset,
        device=given["device"] if given.get("device") in spec.devices else "cpu",
        name=given.get("name", ""),
        model_name=given.get("model_name", ""),
        sent=typed,
    )


def _of_job(job: Job) -> dict[str, str]:
    """An earlier job's request as this form would have sent it."""
    body = job.request
    out = {key: str(body[key]) for key in ("recipe", "dataset", "base_model", "preset", "name", "model_name") if body.get(key)}
    out |= {f"{forms.PREFIX}{key}": forms.shown(value) for key, value in (job.work.get("params") or {}).items()}
    out |= {f"c-{role}": column for role, column in (body.get("columns") or {}).items() if column}
    device = (body.get("resources") or {}).get("device")
    return out | ({"device": device} if device else {})
