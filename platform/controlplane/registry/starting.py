"""The forms that start work on a version: measure it, or ask it about every row; each leads to its job."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from controlplane import catalog
from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem
from controlplane.frame.figures import listed
from controlplane.frame.pages import said, sorry
from controlplane.frame.problems import summary
from controlplane.registry import services
from controlplane.registry.api import the_version
from controlplane.registry.evaluation import columns_of
from controlplane.registry.models import ModelVersion
from controlplane.workspaces.access import needs
from workers.contract.states import VersionState

VERBS: dict[str, Callable[..., Any]] = {"evaluate": services.evaluate, "predict": services.predict}
BACK = {"evaluate": "report", "predict": "predictions"}
OFFERED = 100


def offered(workspace: Any, version: ModelVersion | None, *, labelled: bool = True) -> dict[str, Any]:
    """What a version can be asked about: the newest ready dataset versions with its columns, its own first, and every split they have.

    labelled: with the column of the answers too, without which nothing can be measured.
    """
    rows = DatasetVersion.objects.filter(dataset__workspace=workspace, state=VersionState.READY).select_related("dataset")
    datasets = list(rows.defer("statistics", "shards", "sources").order_by("-created_at")[:OFFERED])
    if version is not None:
        own = version.lineage.get("dataset")
        datasets = sorted((row for row in datasets if _fits(version, row, labelled)), key=lambda row: str(row) != own)
    splits = sorted({split for row in datasets for split in row.splits}, key=lambda split: (split != "test", split))
    return {"datasets": datasets, "splits": splits}


def _fits(version: ModelVersion, dataset: DatasetVersion, labelled: bool) -> bool:
    """Whether the columns the recipe needs are there, under the names the model learnt or those of their roles."""
    try:
        columns_of(version, dataset.features, {}, spare=frozenset() if labelled else frozenset({"label"}))
    except Problem:
        return False
    return True


def _said(problem: Problem, version: ModelVersion | None, dataset: str) -> Problem:
    """The refusal in the reader's language alone, where it has words there."""
    if problem.code != "columns" or version is None:
        return Problem(problem.status, "", words) if (words := summary(problem.code)) else problem
    spec = catalog.recipe(version.recipe)
    roles = [said(spec.columns[error["loc"][-1]].title) for error in problem.errors] if spec else []
    words = _("%(data)s has no column that fits: %(roles)s. Choose data with the columns the model learnt from.")
    return Problem(problem.status, "", words % {"data": dataset, "roles": listed(roles)})


def start(request: HttpRequest, ws: str, work: str, find: Callable[[], ModelVersion], back: Callable[[], HttpResponse]) -> HttpResponse:
    """Start `work` on the version `find` gives, then to its job; back with the reason where it cannot be started."""
    given, version = request.POST, None
    try:
        version = find()
        made = VERBS[work](version=version, user=request.user, dataset=given.get("dataset", ""), split=given.get("split") or "test")
    except Problem as problem:
        sorry(request, _said(problem, version, given.get("dataset", "")))
        return back()
    return redirect("job", ws=ws, number=made.job.number)


@require_POST
@needs("editor")
def on_version(request: HttpRequest, ws: str, name: str, n: int, work: str) -> HttpResponse:
    version = the_version(request, name, n)
    return start(request, ws, work, lambda: version, lambda: redirect("model-tab", ws=ws, name=name, n=n, tab=BACK[work]))


@require_POST
@needs("editor")
def of_any(request: HttpRequest, ws: str) -> HttpResponse:
    """Measure the version the form names."""

    def find() -> ModelVersion:
        return services.find_version(request.workspace, request.POST.get("measure", ""))  # type: ignore[attr-defined]

    return start(request, ws, "evaluate", find, lambda: redirect("evaluations", ws=ws))
