"""The verbs of the registry. Versions made by jobs, brought by people and measured have modules of their own; the rest is here."""

from django.db import transaction

from controlplane import artifacts
from controlplane.audit.services import record
from controlplane.data import services as data
from controlplane.data.models import Dataset
from controlplane.errors import Problem
from controlplane.jobs.models import Job
from controlplane.jobs.services import cancel_job
from controlplane.registry.answers import answers
from controlplane.registry.bringing import bring_model, import_ended
from controlplane.registry.cards import edit_card
from controlplane.registry.evaluation import evaluate, evaluation_ended
from controlplane.registry.making import register_checkpoint, training_ended
from controlplane.registry.models import Model, ModelVersion
from controlplane.registry.prediction import predict, prediction_ended
from controlplane.registry.quality import set_quality_limit
from controlplane.registry.variants import LIVE_REVISIONS, delete_variant, find_variant, optimisation_ended, optimize, served, serving
from controlplane.registry.versions import find_version, ref, require_ready
from workers.contract.states import FINAL

__all__ = [
    "LIVE_REVISIONS",
    "answers",
    "bring_model",
    "delete_model",
    "delete_variant",
    "delete_version",
    "edit_card",
    "evaluate",
    "evaluation_ended",
    "find_variant",
    "find_version",
    "import_ended",
    "optimisation_ended",
    "optimize",
    "predict",
    "prediction_ended",
    "ref",
    "register_checkpoint",
    "require_ready",
    "served",
    "serving",
    "set_quality_limit",
    "training_ended",
    "used_by",
]


def used_by(version: ModelVersion) -> list[str]:
    """What would break without this version: endpoints that serve it, and unfinished jobs that read it."""
    revisions = version.revisions.filter(state__in=LIVE_REVISIONS).select_related("endpoint")
    found = sorted({f"endpoint {revision.endpoint.name}" for revision in revisions})
    jobs = Job.objects.filter(workspace=version.model.workspace).exclude(state__in=list(FINAL)).exclude(kind="serve")
    for job in jobs.only("number", "work", "kind"):
        named = job.work.get("base_model") or job.work.get("model") or {}
        if named.get("name") == version.model.name and named.get("version") == version.version:
            found.append(f"job #{job.number}")
    return found


def delete_version(*, version: ModelVersion) -> None:
    """Remove a version and the files nothing else needs. Raises Problem 409 naming whatever uses it."""
    with transaction.atomic():
        Model.objects.select_for_update().get(pk=version.model_id)
        if users := used_by(version):
            errors = [{"loc": ["path", "n"], "msg": user} for user in users]
            raise Problem(409, "in_use", f"{version} is used by {', '.join(users[:10])}.", "Stop or delete what uses it first.", errors)
        unneeded = _own_files(version)
        record(action="model.delete_version", target=("model", str(version)), workspace=version.model.workspace)
        job = version.job
        version.delete()
    if job is not None and job.kind == "import" and job.state not in FINAL:
        cancel_job(job=job, keep=False)
    for uri in unneeded:
        artifacts.delete(uri)


def _own_files(version: ModelVersion) -> list[str]:
    """The keys only this version has: no other version of the job and no checkpoint names them."""
    others: set[str] = set()
    if version.job is not None:
        for listed in version.job.checkpoints.values_list("files", flat=True):
            others |= {file["uri"] for file in listed}
        for listed in ModelVersion.objects.filter(job=version.job).exclude(pk=version.pk).values_list("files", flat=True):
            others |= {file["uri"] for file in listed}
    return [file["uri"] for file in version.files if file["uri"] not in others]


def delete_model(*, model: Model) -> None:
    """Remove a model with all its versions. Raises Problem 409 naming whatever uses one of them."""
    versions = list(model.versions.select_related("model__workspace", "job"))
    users = [user for version in versions for user in used_by(version)]
    if users:
        raise Problem(409, "in_use", f"`{model.name}` is used by {', '.join(users[:10])}.", "Stop or delete what uses it first.")
    for version in versions:
        delete_version(version=version)
    record(action="model.delete", target=model, workspace=model.workspace)
    model.delete()


@data.users_hook
def models_of(dataset: Dataset) -> list[str]:
    """Models whose lineage names this dataset: without it they could not be explained or made again."""
    rows = ModelVersion.objects.filter(model__workspace=dataset.workspace, job__dataset__startswith=f"{dataset.name}@")
    return [f"model {row}" for row in rows.select_related("model").order_by("pk")[:50]]
