"""The page of all evaluations of a workspace, and the evaluation tab of a job."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from controlplane.data.models import DatasetVersion
from controlplane.frame import slots
from controlplane.frame.following import Following, marked
from controlplane.frame.pages import asked, page
from controlplane.jobs import services as jobs
from controlplane.jobs.models import Job
from controlplane.paging import listing
from controlplane.registry import answers, report, report_views, starting, variants_views
from controlplane.registry.doubts import doubts
from controlplane.registry.models import Evaluation, ModelVersion, Prediction, Variant
from controlplane.registry.schemas import prediction_json
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.states import VersionState

STATES = ("running", "ready", "failed")


def of_workspace(workspace: Any) -> QuerySet[Evaluation]:
    rows = Evaluation.objects.filter(version__model__workspace=workspace).select_related("version__model__workspace", "job__created_by")
    return rows.defer("report", "version__card", "version__files", "version__lineage", "version__config", "job__work")


def shown(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as a row: its figures in the order people ask for them."""
    figures = [(key, value) for key, value in evaluation.metrics.items() if value is not None]
    figures.sort(key=lambda pair: report.rank(pair[0]))
    named = [(report.change(key, value, None)["name"], value) for key, value in figures[:3]]
    return {"row": evaluation, "figures": named, "more": max(0, len(figures) - 3), "address": report_views.address(evaluation)}


@require_GET
@needs("viewer", query=("q", "state", "cursor", "model", "top", "seen", "measure"))
def evaluations(request: HttpRequest, ws: str) -> HttpResponse:
    """top: the newest evaluation in view; newer ones wait behind a link. seen: the mark of the reader's rows; 204 while it holds.
    measure: the version the form offers data for."""
    open_list = Following(request, digits=18)
    given, top = open_list.given, open_list.top
    workspace: Any = request.workspace  # type: ignore[attr-defined]
    rows = of_workspace(workspace)
    if given.get("model"):
        name, _at, number = given["model"].partition("@")
        rows = rows.filter(version__model__name=name, **({"version__version": int(number)} if number.isdecimal() else {}))
    query = asked(request)
    first = query.model_copy(update={"cursor": None})
    waiting = _listed(rows.filter(pk__gt=top), first, lambda row: row.pk)["items"] if top is not None else []
    found = _listed(rows if top is None else rows.filter(pk__lte=top), query, shown)
    newest = top if top is not None else of_workspace(workspace).order_by("-pk").values_list("pk", flat=True).first() or 0
    mark = _mark(found["items"], (len(waiting), found["next"]))
    if open_list.knows(mark):
        return HttpResponse(status=204)
    here = reverse("evaluations", kwargs={"ws": ws})
    may_edit = request.role.includes(Role.EDITOR)  # type: ignore[attr-defined]
    context = {
        "nav": "evaluations",
        "crumbs": [(_("Evaluations"), "")],
        "states": STATES,
        "may_edit": may_edit,
        **(choices(workspace, given.get("measure", "")) if may_edit else {}),
        "waiting": len(waiting),
        **open_list.links(here, newest, mark),
        **found,
    }
    return page(request, "registry/evaluations.html", context, parts=("rows", "measure-form"))


def _listed(rows: QuerySet[Evaluation], query: Any, show: Callable[[Evaluation], Any]) -> dict[str, Any]:
    search = ["version__model__name", "dataset", "split"]
    return listing(rows, query, show=show, sorts={"created_at": "created_at"}, search=search, states=STATES)


def _mark(items: list[dict[str, Any]], extra: Any) -> str:
    """Two pages of rows with the same mark look the same."""
    seen = [(item["row"].pk, item["row"].state, item["figures"], item["more"]) for item in items]
    return marked(seen, extra)


def choices(workspace: Any, asked_for: str) -> dict[str, Any]:
    """What can be measured on what: the newest ready versions, and the data that fits the one asked for, else the newest."""
    versions = ModelVersion.objects.filter(model__workspace=workspace, state=VersionState.READY).exclude(recipe="").select_related("model")
    newest = list(versions.only("version", "model__name", "recipe", "lineage").order_by("-created_at")[: starting.OFFERED])
    measured = next((row for row in newest if str(row) == asked_for), newest[0] if newest else None)
    return {"versions": newest, "measured": measured, **starting.offered(workspace, measured)}


@slots.panel("evaluation")
def of_job(request: HttpRequest, job: Job) -> slots.Card:
    """What an evaluating job measured; of a training job, how its newest model does and where else it was measured."""
    if job.kind == "optimize":
        return _variants(request, job)
    own = of_workspace(job.workspace).filter(job=job).defer(None).select_related("version__model__workspace", "job").first()
    version = own.version if own else ModelVersion.objects.filter(job=job).select_related("model").order_by("-version").first()
    rows = list(of_workspace(job.workspace).filter(version=version).order_by("-created_at")[:20]) if version else []
    whole = reverse("model-version", args=[job.workspace.slug, version.model.name, version.version]) if version else ""
    address = report_views.address(own) if own else whole
    prediction = Prediction.objects.filter(job=job).select_related("job__workspace").first()
    metrics, doubtful = (own.metrics, doubts(own.report)) if own else (version.metrics if version else {}, None)
    context = {
        "version": version,
        "address": address,
        "prediction": prediction_json(prediction) if prediction else None,
        "headline": report.headline(metrics, {}, doubtful),
        "doubts": doubtful,
        "matrix": report_views.matrix(own, None, answers.Cell()) if own else None,
        "measured": own,
        "rows": [shown(row) for row in rows],
    }
    return slots.Card("registry/job_evaluation.html", context)


def _variants(request: HttpRequest, job: Job) -> slots.Card:
    """What an optimising job made, beside the version itself and its other variants."""
    made = Variant.objects.filter(job=job).select_related("version__model__workspace").first()
    version = made.version if made else None
    context = variants_views.context(version, failed=False) if version else {}
    return slots.Card("registry/job_variants.html", {**context, "version": version, "made": made})


@jobs.users_hook
def made_by(job: Job) -> list[str]:
    """Versions whose lineage ends at this job: without it they could not be explained or made again."""
    models = [f"model {row}" for row in ModelVersion.objects.filter(job=job).select_related("model").order_by("pk")[:50]]
    datasets = DatasetVersion.objects.filter(job=job).exclude(state=VersionState.FAILED).select_related("dataset")
    return models + [f"dataset {row}" for row in datasets.order_by("pk")[:50]]
