"""What to train: a request checked against recipe, dataset and hosts, then one job. Page, API and dry run share every step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.text import slugify
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controlplane import catalog
from controlplane.data import services as data
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem, nearest
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job, Worker
from controlplane.registry import services as registry
from controlplane.registry.bringing import HUB_ID
from controlplane.registry.versions import check_name
from controlplane.training.columns import map_columns
from workers.contract.names import SLUG
from workers.contract.orders import ModelRef, Resources, TrainWork
from workers.contract.recipe import Preset, Spec

P = TypeVar("P")
C = TypeVar("C")


class TrainRequest(BaseModel):
    """The body of `POST …/jobs`."""

    model_config = ConfigDict(extra="forbid")

    kind: str = "train"
    recipe: str = Field(max_length=100)
    dataset: str = Field(max_length=100)
    columns: dict[str, str | None] | None = None
    base_model: str | None = Field(None, max_length=200)
    params: dict[str, Any] | None = None
    preset: Preset | None = None
    name: str | None = Field(None, max_length=200)
    model_name: str | None = Field(None, max_length=63, pattern=SLUG)
    resources: Resources | None = None
    priority: int = Field(0, ge=-10, le=10)


@dataclass(frozen=True)
class Plan:
    """A request that holds: everything a job needs, checked."""

    spec: type[Spec]
    params: Spec
    version: DatasetVersion
    columns: dict[str, str]
    base: ModelRef | None
    resources: Resources
    name: str
    model_name: str


def plan(*, workspace: Any, request: TrainRequest) -> Plan:
    """Check everything that can be known before anything is queued. Raises Problem 422 (or 404 in 422's shape) naming each place, 409 for a
    model's name that has another task."""
    if request.kind != "train":
        raise Problem(
            422, "kind", f"Jobs of kind {request.kind!r} are started by their own resources.", hint="Only `train` is posted here."
        )
    spec = catalog.recipe(request.recipe)
    if spec is None:
        raise at(["recipe"], "unknown_recipe", f"There is no recipe {request.recipe!r}.", nearest(request.recipe, list(catalog.recipes())))
    version = ready_dataset(workspace, request.dataset)
    if version.format and version.format not in spec.formats:
        raise at(
            ["dataset"], "wrong_format", f"{spec.recipe} cannot read {version.format} datasets.", f"It reads: {', '.join(spec.formats)}."
        )
    params, columns = together(
        lambda: complete(spec, request.preset, request.params or {}),
        lambda: map_columns(spec, version.features, request.columns or {}),
    )
    base = base_model(workspace, spec, request.base_model)
    resources = request.resources or Resources()
    check_resources(spec, resources)
    check_dataset(spec, params, version, columns)
    name = (request.name or "").strip() or f"{version.dataset.name}-{spec.method()}"
    model = model_name(request, name, version, spec)
    check_name(workspace, model, spec.recipe.split("/")[0])
    return Plan(spec, params, version, columns, base, resources, name, model)


def together(params: Callable[[], P], columns: Callable[[], C]) -> tuple[P, C]:
    """Both results; when both are wrong, one Problem that names every place."""
    try:
        settled = params()
    except Problem as wrong:
        try:
            columns()
        except Problem as also:
            wrong.errors += also.errors
        raise wrong from None
    return settled, columns()


def start_job(*, workspace: Any, user: Any, request: TrainRequest) -> Job:
    """Queue a training job; it starts at once where there is a place."""
    p = plan(workspace=workspace, request=request)
    work = TrainWork(
        recipe=p.spec.recipe,
        params=p.params.model_dump(mode="json"),
        columns=p.columns,
        dataset=data.ref(p.version),
        base_model=p.base,
    )
    asked = request.model_dump(mode="json", exclude_none=True) | {
        "model_name": p.model_name,
        "dataset": str(p.version),
        "columns": p.columns | {role: name for role, name in (request.columns or {}).items() if name == ""},
    }
    return jobs.create_job(
        workspace=workspace,
        user=user,
        kind="train",
        name=p.name,
        work=work,
        resources=p.resources,
        priority=request.priority,
        request=asked,
        recipe=p.spec.recipe,
        dataset=str(p.version),
        network="hub" if p.base and p.base.hub_id else "none",
    )


def clone_job(*, job: Job, user: Any, overrides: dict[str, Any]) -> Job:
    """A new job from an old one's request with some fields changed; `params` are merged, the rest replaced."""
    if job.kind != "train":
        raise Problem(422, "kind", "Only training jobs can be cloned.")
    allowed = set(TrainRequest.model_fields)
    body = {k: v for k, v in job.request.items() if k in allowed}
    params = {**(body.get("params") or {}), **(overrides.get("params") or {})}
    return start_job(workspace=job.workspace, user=user, request=parse({**body, **overrides, "params": params}))


def resume_job(*, job: Job, from_step: int | None, params: dict[str, Any] | None) -> Job:
    """The same job goes on as its next attempt, perhaps with other params (more epochs, say)."""
    full = None
    if params:
        spec = catalog.recipe(job.recipe)
        if spec is None:
            raise Problem(409, "unknown_recipe", f"The recipe {job.recipe!r} of this job is no longer here.")
        full = validated(spec, {**job.work.get("params", {}), **params}).model_dump(mode="json")
    return jobs.resume_job(job=job, from_step=from_step, params=full)


def parse(body: dict[str, Any]) -> TrainRequest:
    """A request from a form or a clone; the same errors as the API's."""
    try:
        return TrainRequest.model_validate(body)
    except ValidationError as error:
        raise from_validation(error, ["body"], list(TrainRequest.model_fields)) from None


def complete(spec: type[Spec], preset: Preset | None, params: dict[str, Any]) -> Spec:
    """Defaults, overridden by the preset, overridden by params."""
    return validated(spec, {**(spec.presets.get(preset, {}) if preset else {}), **params})


def validated(spec: type[Spec], params: dict[str, Any]) -> Spec:
    try:
        return spec.model_validate(params)
    except ValidationError as error:
        raise from_validation(error, ["body", "params"], list(spec.model_fields)) from None


def from_validation(error: ValidationError, base: list[str], known: list[str]) -> Problem:
    """pydantic's list of errors as one 422, an unknown name with its nearest known one."""
    errors = []
    for e in error.errors(include_url=False, include_context=False, include_input=False):
        message = e["msg"]
        if e["type"] == "extra_forbidden":
            message = f"Unknown field. {nearest(str(e['loc'][-1]), known)}".strip()
        errors.append({"loc": [*base, *map(str, e["loc"])], "msg": message})
    return Problem(422, "invalid_params", "Some values cannot be accepted.", hint="See `errors` for each place.", errors=errors)


def at(loc: list[str], code: str, message: str, hint: str = "") -> Problem:
    return Problem(422, code, message, hint=hint, errors=[{"loc": ["body", *loc], "msg": message}])


def ready_dataset(workspace: Any, reference: str) -> DatasetVersion:
    version = data.find_version(workspace, reference)
    if version.state != "ready":
        raise at(
            ["dataset"], "dataset_not_ready", f"Dataset {version} is {version.state}.", "Wait until it is ready, or choose another version."
        )
    return version


def base_model(workspace: Any, spec: type[Spec], reference: str | None) -> ModelRef | None:
    """`name@n` of this workspace, a catalogue id, or a hub id (with a slash)."""
    if reference is None:
        if spec.base_models == "required":
            raise at(["base_model"], "base_model_required", f"{spec.recipe} needs a base model.")
        return None
    if spec.base_models == "none":
        raise at(["base_model"], "no_base_model", f"{spec.recipe} does not take a base model.", "Leave `base_model` out.")
    if any(model["id"] == reference for model in catalog.base_models(spec)):
        return ModelRef(name=reference, catalog=reference)
    if "/" in reference and "@" not in reference:
        if not HUB_ID.fullmatch(reference):
            raise at(["base_model"], "bad_hub_id", f"`{reference[:100]}` is no hub id.", "It reads `owner/name`.")
        return ModelRef(name=reference, hub_id=reference)
    try:
        version = registry.find_version(workspace, reference)
    except Problem as problem:
        ids = [model["id"] for model in catalog.base_models(spec)]
        raise at(["base_model"], "unknown_base_model", problem.detail, problem.hint or nearest(reference, ids)) from None
    if version.state != "ready":
        raise at(["base_model"], "base_model_not_ready", f"Model {version} is {version.state}.", "Wait until it is ready.")
    architecture = version.config.get("model_type")
    if spec.base_architectures and architecture not in spec.base_architectures:
        known = ", ".join(spec.base_architectures)
        raise at(["base_model"], "wrong_architecture", f"{version} is a {architecture!r} model; {spec.recipe} can start from: {known}.")
    return registry.ref(version)


def check_resources(spec: type[Spec], resources: Resources) -> None:
    """A device kind that no host has ever had would wait for ever; several devices need a recipe that can use them."""
    if resources.device not in spec.devices:
        raise at(["resources", "device"], "wrong_device", f"{spec.recipe} runs on {' or '.join(spec.devices)}.")
    if resources.count > 1 or resources.nodes > 1:
        raise at(["resources", "count"], "one_device_only", f"{spec.recipe} trains on one device.", "Leave `count` and `nodes` at 1.")
    workers = list(Worker.objects.all())
    if workers and not any(d.get("kind") == resources.device for w in workers for d in w.devices):
        raise at(
            ["resources", "device"],
            "no_such_device",
            f"No worker has a {resources.device} device.",
            'Use `"device": "cpu"`, or add a GPU host.',
        )
    largest = max((w.memory_bytes for w in workers), default=0)
    if workers and resources.memory_bytes and resources.memory_bytes > largest:
        raise at(
            ["resources", "memory_bytes"],
            "will_not_fit",
            f"The largest worker has {largest} bytes of memory, {resources.memory_bytes} are asked.",
        )


def check_dataset(spec: type[Spec], params: Spec, version: DatasetVersion, columns: dict[str, str]) -> None:
    """The recipe's own view of the data: one class only, a split without rows, a class too small."""
    found = spec.check_dataset(params, columns, {**version.statistics, "splits": version.splits, "classes": version.classes})
    if found:
        first = found[0]
        errors = [{"loc": ["body", "dataset"], "msg": p["message"], "code": p["code"]} for p in found]
        raise Problem(422, first["code"], first["message"], hint=first.get("hint", ""), errors=errors)


def model_name(request: TrainRequest, name: str, version: DatasetVersion, spec: type[Spec]) -> str:
    """The model's name: as asked, else the slug of the job's name, else dataset and method."""
    fallback = f"{version.dataset.name}-{spec.method()}"
    found = request.model_name or (slugify(request.name or "")[:63].strip("-_").replace("_", "-") or fallback)
    return found[:63].strip("-")
