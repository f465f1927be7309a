"""Pages of one endpoint: overview, usage, logs, revisions, settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from controlplane.frame import slots
from controlplane.frame.pages import page
from controlplane.serving import showing
from controlplane.serving.api import the_endpoint
from controlplane.serving.models import Endpoint, Replica, Revision
from controlplane.serving.schemas import endpoint_url, main_revision
from controlplane.serving.services import REPLICAS_MAX
from controlplane.serving.snippets import snippets
from controlplane.serving.traffic import earlier, shares_of
from controlplane.serving.views import Choice, ready_models
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.states import FINAL, EndpointState, ReplicaState

TABS = ("overview", "usage", "logs", "revisions", "settings")
SETTLED = (EndpointState.READY, EndpointState.STOPPED, EndpointState.FAILED)
REPLICAS_SHOWN = 30


@require_GET
@needs("viewer", query=("span", "replica", "edit", "ask", "was"))
def endpoint(request: HttpRequest, ws: str, name: str, tab: str = "overview") -> HttpResponse:
    """edit, ask: a dialog that is open, for who reads without script · was: the state the reader has in view."""
    if tab not in TABS:
        raise Http404
    found = the_endpoint(request, name)
    answer = shown(request, found, tab)
    if request.GET.get("was", found.state) != found.state:
        answer["HX-Trigger"] = "job-state"  # the sidebar counts anew
    return answer


def shown(
    request: HttpRequest, found: Endpoint, tab: str, *, form: Mapping[str, Any] | None = None, wrong: Mapping[str, str] | None = None
) -> HttpResponse:
    """form, wrong: settings that could not be saved, as they were typed, and why."""
    ws, name = found.workspace.slug, found.name
    ready = Count("replica_set", filter=Q(replica_set__state=ReplicaState.READY))
    rows = found.revisions.select_related("model_version__model", "created_by").annotate(ready=ready)
    revisions = list(rows.order_by("-revision"))
    main = main_revision(found, revisions)
    context = {
        "nav": "endpoints",
        "crumbs": [(_("Deployments"), reverse("endpoints", kwargs={"ws": ws})), (name, "")],
        "endpoint": found,
        "tab": tab,
        "url": endpoint_url(found),
        "main": main,
        "main_name": showing.labels(revisions)[main.revision] if main else "",
        "revision_count": len(revisions),
        "thread": slots.Thread(request.workspace, here="endpoint", endpoint=name, model=main.model if main else ""),  # type: ignore[attr-defined]
        "settled": found.state in SETTLED and not found.plan,
        "models": _offered(request, found, revisions),
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
        "live": found.desired != "stopped",
        "asking": request.GET.get("ask"),
        "wrong": wrong or {},
        **_parts(request, found, revisions, tab),
    }
    if tab == "settings":
        context["form"] = form or _settings(found)
    return page(request, "serving/endpoint.html", context, parts=("live",), status=422 if wrong else 200)


def _offered(request: HttpRequest, found: Endpoint, revisions: Sequence[Revision]) -> list[Choice]:
    """What can be deployed, without what has all the traffic already."""
    shares = shares_of(found, revisions)
    alone = {row.what for row in revisions if shares.get(row.revision) == 100}
    return [each for each in ready_models(request, found.task) if each.value not in alone]


def _settings(found: Endpoint) -> dict[str, Any]:
    return {"title": found.title, "min": found.replicas_min, "max": found.replicas_max, **found.limits}


def _parts(request: HttpRequest, found: Endpoint, revisions: Sequence[Revision], tab: str) -> dict[str, Any]:
    """What one tab shows beside the head."""
    if tab == "logs":
        return _logs(request, found, revisions)
    if tab == "settings":
        return {"replicas_max": REPLICAS_MAX}
    span = showing.span_of(request.GET.get("span", ""))
    use = showing.used(found, span)
    lines = showing.lines(found, revisions, use)
    base = showing.base_of(revisions)
    shares = shares_of(found, revisions)
    before = earlier(found, revisions)
    return {
        "span": span,
        "spans": showing.SPANS,
        "span_words": showing.SPANS[span].past,
        "hours": showing.SPANS[span].hours,
        "step": showing.SPANS[span].step,
        "usage": use,
        "failed": showing.failed(use),
        "lines": lines,
        "base_name": showing.labels(revisions)[base.revision] if base else "",
        "variants": any(row.variant for row in revisions),
        "carrying": [line for line in lines if line["row"].traffic],
        "legend": [{"revision": line["row"].revision, "name": line["name"]} for line in lines if line["colour"]],
        "splittable": [line for line in lines if _splits(line["row"]) and line["row"].servable][:10],
        "shares": shares,
        "newest": max(shares, default=0),
        "movable": {row.revision for row in revisions if _movable(row, shares)},
        "earlier": next((line for line in lines if before and line["row"].revision == before.revision), None),
        "samples": snippets(found, main_revision(found, revisions)) if tab == "overview" else [],
        "editing": bool(request.GET.get("edit")),
    }


def _movable(row: Revision, shares: Mapping[int, int]) -> bool:
    """Whether all traffic can be sent to it: what has it already needs no button, and back leads only to what once answered."""
    back = row.revision < max(shares, default=0) and not row.traffic
    return shares.get(row.revision) != 100 and row.servable and (row.ready_once or not back)


def _splits(row: Revision) -> bool:
    """Whether it can take part in a split: what runs, and what has run before."""
    return row.state in ("ready", "deploying", "draining") or row.ready_once


def _logs(request: HttpRequest, found: Endpoint, revisions: Sequence[Revision]) -> dict[str, Any]:
    """The newest replicas, those that live first, and the log of the chosen one."""
    rows = Replica.objects.filter(revision__endpoint=found).exclude(job=None).select_related("job", "revision").order_by("-created_at")
    newest = sorted(rows[:REPLICAS_SHOWN], key=lambda row: row.state == ReplicaState.ENDED)
    chosen = next((row for row in newest if row.id == request.GET.get("replica")), newest[0] if newest else None)
    job = chosen.job if chosen else None
    names = showing.labels(revisions)
    use = showing.used(found, "1h")
    ws = found.workspace.slug
    return {
        "failed": showing.failed(use),
        "span_words": showing.SPANS["1h"].past,
        "replicas": [{"row": row, "name": names.get(row.revision.revision, row.revision.model)} for row in newest],
        "chosen": chosen,
        "job": job,
        "over": bool(job and job.state in FINAL),
        "api": f"/api/v1/workspaces/{ws}/jobs/{job.number}" if job else "",
    }
