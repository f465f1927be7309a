"""The page of all evaluations of a workspace, the action that starts one, and the evaluation tab of a job."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.pages import asked, page, sorry
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job
from controlplane.paging import listing
from controlplane.registry import report, services
from controlplane.registry.models import Evaluation, ModelVersion, Prediction
from controlplane.registry.schemas import prediction_json
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.states import VersionState

STATES = ("running", "ready", "failed")
OFFERED = 100


def of_workspace(workspace: Any) -> QuerySet[Evaluation]:
    rows = Evaluation.objects.filter(version__model__workspace=workspace).select_related("version__model", "job__created_by")
    return rows.defer("report", "version__card", "version__files", "version__lineage", "version__config", "job__work")


def shown(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as a row: its figures in the order people ask for them."""
    figures = [(key, value) for key, value in evaluation.metrics.items() if value is not None]
    figures.sort(key=lambda pair: (_rank(pair[0]), pair[0]))
    return {"row": evaluation, "figures": figures[:3], "more": max(0, len(figures) - 3)}


def _rank(key: str) -> int:
    name = key.split("/")[-1]
    return report.HEADLINE.index(name) if name in report.HEADLINE else len(report.HEADLINE)


@require_GET
@needs("viewer", query=("q", "state", "cursor", "model"))
def evaluations(request: HttpRequest, ws: str) -> HttpResponse:
    workspace: Any = request.workspace  # type: ignore[attr-defined]
    rows = of_workspace(workspace)
    if request.GET.get("model"):
        name, _at, number = request.GET["model"].partition("@")
        rows = rows.filter(version__model__name=name, **({"version__version": int(number)} if number.isdecimal() else {}))
    found = listing(
        rows,
        asked(request),
        show=shown,
        sorts={"created_at": "created_at"},
        search=["version__model__name", "dataset", "split"],
        states=STATES,
    )
    may_edit = request.role.includes(Role.EDITOR)  # type: ignore[attr-defined]
    context = {
        "nav": "evaluations",
        "crumbs": [(_("Evaluations"), "")],
        "states": STATES,
        "may_edit": may_edit,
        **(choices(workspace) if may_edit else {}),
        **found,
    }
    return page(request, "registry/evaluations.html", context, parts=("rows",))


def choices(workspace: Any) -> dict[str, Any]:
    """What can be measured on what: the newest ready versions of both."""
    versions = ModelVersion.objects.filter(model__workspace=workspace, state=VersionState.READY).exclude(recipe="").select_related("model")
    datasets = DatasetVersion.objects.filter(dataset__workspace=workspace, state=VersionState.READY).select_related("dataset")
    offered = list(datasets.defer("statistics", "shards", "sources").order_by("-created_at")[:OFFERED])
    return {
        "versions": list(versions.only("version", "model__name").order_by("-created_at")[:OFFERED]),
        "datasets": offered,
        "splits": sorted({split for row in offered for split in row.splits}, key=lambda split: (split != "test", split)),
    }


@require_POST
@needs("editor")
def measure(request: HttpRequest, ws: str) -> HttpResponse:
    """Start one, then to its job."""
    given = request.POST
    try:
        version = services.find_version(request.workspace, given.get("model", ""))  # type: ignore[attr-defined]
        made = services.evaluate(
            version=version, user=request.user, dataset=given.get("dataset", ""), split=given.get("split") or "test", columns=None
        )
    except Problem as problem:
        sorry(request, problem)
        return redirect("evaluations", ws=ws)
    return redirect("job", ws=ws, number=made.job.number) if made.job else redirect("evaluations", ws=ws)


@slots.panel("evaluation")
def of_job(request: HttpRequest, job: Job) -> slots.Card:
    """What an evaluating job measured; of a training job, how its newest model does and where else it was measured."""
    own = of_workspace(job.workspace).filter(job=job).defer(None).select_related("version__model").first()
    version = own.version if own else ModelVersion.objects.filter(job=job).select_related("model").order_by("-version").first()
    rows = list(of_workspace(job.workspace).filter(version=version).order_by("-created_at")[:20]) if version else []
    address = reverse("model-version", args=[job.workspace.slug, version.model.name, version.version]) if version else ""
    prediction = Prediction.objects.filter(job=job).select_related("job__workspace").first()
    context = {
        "version": version,
        "address": address,
        "prediction": prediction_json(prediction) if prediction else None,
        "headline": _figures(own) if own else report.headline(version, None) if version else [],
        "matrix": report.matrix(*report.newest([own], {}), before={}) if own else None,
        "rows": [shown(row) for row in rows],
    }
    return slots.Card("registry/job_evaluation.html", context)


def _figures(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [{"key": key, "name": key.split("/")[-1], "value": value} for key, value in shown(evaluation)["figures"]]


@jobs.users_hook
def made_by(job: Job) -> list[str]:
    """Versions whose lineage ends at this job: without it they could not be explained or made again."""
    models = [f"model {row}" for row in ModelVersion.objects.filter(job=job).select_related("model").order_by("pk")[:50]]
    datasets = DatasetVersion.objects.filter(job=job).exclude(state=VersionState.FAILED).select_related("dataset")
    return models + [f"dataset {row}" for row in datasets.order_by("pk")[:50]]
