"""Versions that jobs make: the model of a finished training, or a checkpoint of a stopped one."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from controlplane import catalog
from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.jobs.models import Attempt, Job
from controlplane.registry import files
from controlplane.registry.code import code_version
from controlplane.registry.evaluation import keep_own
from controlplane.registry.example import own_example
from controlplane.registry.models import Model, ModelVersion
from controlplane.registry.versions import finite, job_folder, locked_model, next_version, write_card
from workers.contract.events import End
from workers.contract.states import VersionState


@transaction.atomic
def training_ended(*, job: Job, end: End) -> ModelVersion | None:
    """The version a training job made: its model when it succeeded, its newest checkpoint when it was stopped with that wish.

    Said twice for the same attempt, it gives the same version. None when there is nothing to keep. Raises Problem 422 for files that
    may not be part of a model.
    """
    attempt = job.attempts.order_by("-number").first()
    made = ModelVersion.objects.filter(job=job, lineage__attempt=attempt.number if attempt else 0).filter(lineage__step=None).first()
    if made is not None:
        return made
    result = end.result or {}
    if result.get("files") and (end.outcome == "succeeded" or (end.outcome == "cancelled" and job.keep)):
        kept = files.checked(result["files"], below=job_folder(job))
        return _register(job=job, user=job.created_by, kept=kept, result=result, attempt=attempt)
    if end.outcome == "cancelled" and job.keep:
        for point in job.checkpoints.order_by("-step"):
            if files.inside(point.files, "model"):
                return _from_checkpoint(job=job, point=point, user=job.created_by, attempt=attempt, asked=False)
    return None


@transaction.atomic
def register_checkpoint(*, job: Job, step: int, user: Any) -> ModelVersion:
    """A stored checkpoint as a model version. Raises Problem 404 without such a checkpoint, 409 when it holds no whole model."""
    point = job.checkpoints.filter(step=step).first()
    if point is None:
        steps = ", ".join(str(known) for known in job.checkpoints.order_by("step").values_list("step", flat=True)[:50])
        raise Problem(
            404, "no_such_checkpoint", f"Job #{job.number} has no checkpoint of step {step}.", f"Its checkpoints: {steps or 'none'}."
        )
    if not files.inside(point.files, "model"):
        detail = f"The checkpoint of step {step} holds no model that could be served."
        raise Problem(409, "not_registrable", detail, "Resume the job and let it finish.")
    same = ModelVersion.objects.filter(job=job, lineage__step=step, lineage__attempt=point.attempt).first()
    return same or _from_checkpoint(job=job, point=point, user=user, attempt=None, asked=True)


def _from_checkpoint(*, job: Job, point: Any, user: Any, attempt: Attempt | None, asked: bool) -> ModelVersion:
    model = _model_of(job)
    found = files.checked(files.inside(point.files, "model"), below=job_folder(job))
    kept = files.keep(found, f"ws/{job.workspace_id}/models/{model.pk}/{model.last_version + 1}")
    result = {"metrics": point.metrics}
    number = attempt.number if attempt else point.attempt
    return _register(job=job, user=user, kept=kept, result=result, attempt=number, step=point.step if asked else None, at=point.step)


def _register(
    *,
    job: Job,
    user: Any,
    kept: list[dict[str, Any]],
    result: dict[str, Any],
    attempt: Any,
    step: int | None = None,
    at: int | None = None,
) -> ModelVersion:
    """Write the next version of the job's model. step: the checkpoint somebody asked for · at: the step its weights are of."""
    columns = job.work.get("columns") or {}
    example = own_example(job.workspace, job.dataset, columns, job.recipe.split("/")[0])
    model = _model_of(job)
    spec = catalog.recipe(job.recipe)
    params = job.work.get("params") or {}
    lineage = {
        "dataset": job.dataset or None,
        "columns": columns,
        "example": example,
        "base_model": (job.work.get("base_model") or {}).get("name") and _base(job),
        "job": str(job.number),
        "attempt": getattr(attempt, "number", attempt) or 0,
        "step": step,
        "at_step": at,
        "params": params,
        "seed": params.get("seed"),
        "recipe": job.recipe,
        "recipe_version": spec.version if spec else None,
        "code": code_version(),
        "versions": result.get("versions") or {},
    }
    version = next_version(
        model,
        state=VersionState.READY,
        task=job.recipe.split("/")[0],
        recipe=job.recipe,
        job=job,
        metrics=_metrics(job, result.get("metrics") or {}),
        lineage=lineage,
        config=files.read_json(kept, "config.json"),
        files=kept,
        size_bytes=sum(file["size"] for file in kept),
        created_by=user,
        ready_at=timezone.now(),
    )
    write_card(version, str(result.get("card") or ""))
    keep_own(version, result)
    record(action="model.register", target=("model", str(version)), workspace=job.workspace, data={"job": job.number, "step": at})
    return version


def _base(job: Job) -> str:
    """The base model as it was asked for, a version of this workspace with its number."""
    base = job.work["base_model"]
    return f"{base['name']}@{base['version']}" if base.get("version") else str(base["name"])


def _metrics(job: Job, held_out: dict[str, Any]) -> dict[str, float | None]:
    """Every metric of the job with its last value, and what the end of the training measured."""
    last = {key: value.get("last") for key, value in job.metrics.items()}
    return {**last, **{str(key)[:200]: finite(value) for key, value in held_out.items()}}


def _model_of(job: Job) -> Model:
    """The model a job adds a version to, locked."""
    return locked_model(job.workspace, job.request.get("model_name") or f"job-{job.number}", job.recipe.split("/")[0], job.created_by)
