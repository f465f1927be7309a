"""What every new version needs, wherever it comes from: its model, its number, its card; and how it is named in references."""

import re
from typing import Any

from controlplane.errors import Problem, nearest
from controlplane.jobs.models import Job
from controlplane.registry import card, files
from controlplane.registry.models import Model, ModelVersion
from workers.contract.events import End
from workers.contract.orders import FileRef, ModelRef
from workers.contract.states import VersionState

REFERENCE = re.compile(r"([a-z0-9-]{1,63})(?:@([1-9][0-9]{0,8}))?")


def locked_model(workspace: Any, name: str, task: str, user: Any) -> Model:
    """The model of this name, made when absent, its row locked. Raises Problem 409 when it is for another task."""
    model, made = Model.objects.get_or_create(workspace=workspace, name=name, defaults={"task": task, "created_by": user})
    refuse_other_task(model, task, "name")
    return model if made else Model.objects.select_for_update().get(pk=model.pk)


def check_name(workspace: Any, name: str, task: str) -> None:
    """Whether a version for this task may get this name. Raises Problem 409 `other_task`."""
    if model := Model.objects.filter(workspace=workspace, name=name).first():
        refuse_other_task(model, task, "model_name")


def refuse_other_task(model: Model, task: str, field: str) -> None:
    if model.task != task:
        detail = f"The model `{model.name}` is for {model.task}; a version for {task} cannot be added to it."
        raise Problem(409, "other_task", detail, f"Choose another `{field}`.", [{"loc": ["body", field], "msg": detail}])


def next_version(model: Model, **fields: Any) -> ModelVersion:
    """The next version of a locked model."""
    model.last_version += 1
    model.save(update_fields=["last_version"])
    return ModelVersion.objects.create(model=model, version=model.last_version, **fields)


def write_card(version: ModelVersion, own: str) -> None:
    """Write a version's card. own: what the recipe or the brought model says of itself."""
    version.card = card.write(
        reference=str(version),
        task=version.task,
        lineage=version.lineage,
        metrics=version.metrics,
        chat_template=version.task == "text-generation" and files.has_chat_template(version.files),
        recipe=version.recipe,
        own=own[:100_000],
    )
    version.save(update_fields=["card"])


def job_folder(job: Job) -> str:
    """Below which keys a job stores its files."""
    return f"ws/{job.workspace_id}/jobs/{job.pk}/"


def finite(value: Any) -> float | None:
    """A number JSON can carry, else None."""
    return float(value) if isinstance(value, int | float) and abs(value) != float("inf") and value == value else None


def last_error(end: End, work: str) -> dict[str, Any]:
    """Why a job's work (`import`, `evaluation`) came to nothing."""
    if end.error:
        return {"hint": "", "loc": {}, **end.error}
    if end.outcome == "cancelled":
        return {"code": "cancelled", "message": f"The {work} was stopped.", "hint": "Start it again.", "loc": {}}
    return {"code": "crashed", "message": f"The {work} ended without a word.", "hint": "See the job's log.", "loc": {}}


def ref(version: ModelVersion) -> ModelRef:
    """A version as an order carries it."""
    return ModelRef(name=version.model.name, version=version.version, files=[FileRef.model_validate(file) for file in version.files])


def find_version(workspace: Any, reference: str) -> ModelVersion:
    """`name@3`, or `name` for its newest ready version. Raises Problem 422 naming what there is instead."""
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise _unknown(f"`{reference[:80]}` is no reference to a model.", "Write `name@3`, or `name` for its newest ready version.")
    name, number = match.groups()
    versions = ModelVersion.objects.filter(model__workspace=workspace, model__name=name).select_related("model__workspace", "job")
    if number is not None:
        version = versions.filter(version=int(number)).first()
    else:
        version = versions.filter(state=VersionState.READY).order_by("-version").first()
    if version is not None:
        return version
    known = list(Model.objects.filter(workspace=workspace).values_list("name", flat=True)[:1000])
    if name not in known:
        raise _unknown(f"There is no model `{name}` in this workspace.", nearest(name, known))
    numbers = ", ".join(str(each) for each in versions.order_by("version").values_list("version", flat=True)[:20])
    missing = "no version that is ready" if number is None else f"no version {number}"
    raise _unknown(f"`{name}` has {missing}.", f"Its versions: {numbers or 'none yet'}.")


def require_ready(version: ModelVersion) -> None:
    """Problem 409 unless the version can be used."""
    if version.state != VersionState.READY:
        raise Problem(409, "model_not_ready", f"The model {version} is {version.state}.", "Wait until it is ready, or choose another.")


def wrong(field: str, code: str, message: str, hint: str = "") -> Problem:
    """Problem 422 about one field of the body."""
    return Problem(422, code, message, hint, errors=[{"loc": ["body", field], "msg": message}])


def _unknown(detail: str, hint: str) -> Problem:
    return Problem(422, "unknown_model", detail, hint, [{"loc": ["body", "model"], "msg": detail}])
