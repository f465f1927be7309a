"""The forms that start work on a version: measure it, or ask it about every row; each leads to its job."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from controlplane.data.models import DatasetVersion
from controlplane.errors import Problem
from controlplane.frame.pages import sorry
from controlplane.registry import services
from controlplane.registry.api import the_version
from controlplane.registry.models import ModelVersion
from controlplane.workspaces.access import needs
from workers.contract.states import VersionState

VERBS: dict[str, Callable[..., Any]] = {"evaluate": services.evaluate, "predict": services.predict}
BACK = {"evaluate": "report", "predict": "predictions"}
OFFERED = 100


def offered(workspace: Any) -> dict[str, Any]:
    """What a version can be asked about: the newest ready dataset versions, and every split one of them has."""
    rows = DatasetVersion.objects.filter(dataset__workspace=workspace, state=VersionState.READY).select_related("dataset")
    datasets = list(rows.defer("statistics", "shards", "sources").order_by("-created_at")[:OFFERED])
    splits = sorted({split for row in datasets for split in row.splits}, key=lambda split: (split != "test", split))
    return {"datasets": datasets, "splits": splits}


def start(request: HttpRequest, ws: str, work: str, find: Callable[[], ModelVersion], back: Callable[[], HttpResponse]) -> HttpResponse:
    """Start `work` on the version `find` gives, then to its job; back with the reason where it cannot be started."""
    given = request.POST
    try:
        made = VERBS[work](version=find(), user=request.user, dataset=given.get("dataset", ""), split=given.get("split") or "test")
    except Problem as problem:
        sorry(request, problem)
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
        return services.find_version(request.workspace, request.POST.get("model", ""))  # type: ignore[attr-defined]

    return start(request, ws, "evaluate", find, lambda: redirect("evaluations", ws=ws))
