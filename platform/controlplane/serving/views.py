"""Pages of endpoints: the list, deploying, one endpoint with its traffic, and the playground."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.pages import asked, done, page, sorry, wrong_fields
from controlplane.paging import listing
from controlplane.registry import services as registry
from controlplane.registry.models import ModelVersion
from controlplane.serving import services
from controlplane.serving.api import the_endpoint, visible
from controlplane.serving.models import Endpoint
from controlplane.serving.schemas import base_url, endpoint_url, main_revision
from controlplane.serving.snippets import example, snippets
from controlplane.serving.usage import usage
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from controlplane.workspaces.tokens import playground_token
from workers.contract.states import EndpointState, VersionState

SPANS = {"1h": (gettext_lazy("1 h"), 1, 60), "24h": (gettext_lazy("24 h"), 24, 900), "7d": (gettext_lazy("7 d"), 168, 7200)}


@require_GET
@needs("viewer", query=("q", "cursor", "state"))
def endpoints(request: HttpRequest, ws: str) -> HttpResponse:
    found = listing(
        visible(request), asked(request), show=_line, search=["name", "title", "task"], states=[state.value for state in EndpointState]
    )
    context = {"nav": "endpoints", "crumbs": [(_("Deployments"), "")], "may_edit": request.role.includes(Role.EDITOR), **found}  # type: ignore[attr-defined]
    return page(request, "serving/list.html", context, parts=("rows",))


def _line(row: Endpoint) -> dict[str, Any]:
    revisions = list(row.revisions.order_by("revision"))
    return {
        "row": row,
        "url": endpoint_url(row),
        "shares": [revision for revision in revisions if revision.traffic],
        "main": main_revision(row, revisions),
    }


def ready_models(request: HttpRequest, task: str = "") -> list[ModelVersion]:
    """Ready versions that some recipe can serve, newest first."""
    rows = ModelVersion.objects.filter(model__workspace=request.workspace, state=VersionState.READY).exclude(recipe="")  # type: ignore[attr-defined]
    rows = rows.filter(task=task) if task else rows
    return list(rows.select_related("model").order_by("-created_at")[:200])


@require_http_methods(["GET", "POST"])
@needs("editor", query=("model",))
def new(request: HttpRequest, ws: str) -> HttpResponse:
    models = ready_models(request)
    asked = request.POST.get("model") or request.GET.get("model", "")
    chosen = next((str(version) for version in models if str(version) == asked), str(models[0]) if models else "")
    form = {"model": chosen, "name": request.POST.get("name", chosen.partition("@")[0]), "replicas": request.POST.get("replicas", "1")}
    wrong: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = services.deploy(
                workspace=request.workspace,  # type: ignore[attr-defined]
                user=request.user,
                name=form["name"].strip(),
                model_version=registry.find_version(request.workspace, asked),  # type: ignore[attr-defined]
                replicas={"min": _whole(form["replicas"], "replicas")},
            )
            return redirect("endpoint", ws=ws, name=made.name)
        except Problem as problem:
            wrong = wrong_fields(problem)
    crumbs = [(_("Deployments"), reverse("endpoints", kwargs={"ws": ws})), (_("Deploy a model"), "")]
    context = {"nav": "endpoints", "crumbs": crumbs, "models": models, "form": form, "wrong": wrong}
    return page(request, "serving/new.html", context, status=422 if wrong else 200)


def _whole(text: str, field: str) -> int:
    if not text.strip().isdecimal():
        message = _("Give a whole number.")
        raise Problem(422, "invalid", message, errors=[{"loc": ["body", field], "msg": message}])
    return int(text)


@require_GET
@needs("viewer", query=("span",))
def endpoint(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    found = the_endpoint(request, name)
    revisions = list(found.revisions.select_related("model_version__model", "created_by").order_by("-revision"))
    main = main_revision(found, revisions)
    span = request.GET.get("span", "1h")
    span = span if span in SPANS else "1h"
    used = usage(endpoint=found, start=timezone.now() - timedelta(hours=SPANS[span][1]), end=None, step=SPANS[span][2])
    by_revision = {row["revision"]: row for row in used["revisions"]}
    context = {
        "nav": "endpoints",
        "crumbs": [(_("Deployments"), reverse("endpoints", kwargs={"ws": ws})), (name, "")],
        "endpoint": found,
        "url": endpoint_url(found),
        "main": main,
        "revisions": [
            {"row": row, "used": by_revision.get(row.revision), "series": number % 6 + 1} for number, row in enumerate(revisions)
        ],
        "carrying": [(row, number % 6 + 1) for number, row in enumerate(revisions) if row.traffic],
        "previous": next((row for row in revisions if main and row.revision < main.revision and row.model_version), None),
        "thread": slots.Thread(request.workspace, here="endpoint", endpoint=name, model=main.model if main else ""),  # type: ignore[attr-defined]
        "settled": found.state in (EndpointState.READY, EndpointState.STOPPED, EndpointState.FAILED) and found.plan in (None, {}),
        "usage": used,
        "peak": max((point["requests"] for point in used["over_time"]), default=0),
        "span": span,
        "spans": [(key, words[0]) for key, words in SPANS.items()],
        "models": ready_models(request, found.task),
        "samples": snippets(found, main),
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
    }
    return page(request, "serving/endpoint.html", context, parts=("live",))


@require_POST
@needs("editor")
def change(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """Another model, other shares of traffic, other replicas, stopped or started: whatever the form holds."""
    found = the_endpoint(request, name)
    try:
        services.update(endpoint=found, user=request.user, **_changes(request))
        done(request, _("Endpoint %(name)s is changing.") % {"name": name})
    except Problem as problem:
        sorry(request, problem)
    return redirect("endpoint", ws=ws, name=name)


def _changes(request: HttpRequest) -> dict[str, Any]:
    sent = request.POST
    changes: dict[str, Any] = {}
    if sent.get("model"):
        changes["model_version"] = registry.find_version(request.workspace, sent["model"])  # type: ignore[attr-defined]
    shares = {key.removeprefix("traffic-"): sent[key] for key in sent if key.startswith("traffic-") and sent[key].strip()}
    if shares:
        changes["traffic"] = {number: _whole(text, "traffic") for number, text in shares.items() if _whole(text, "traffic") > 0}
    if sent.get("all"):
        changes["traffic"] = {sent["all"]: 100}
    if sent.get("replicas"):
        changes["replicas"] = {"min": _whole(sent["replicas"], "replicas")}
    if sent.get("state") in ("stopped", "ready"):
        changes["state"] = sent["state"]
    return changes


@require_POST
@needs("editor")
def delete(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """A live endpoint is deleted once its name was typed."""
    found = the_endpoint(request, name)
    if found.state not in (EndpointState.STOPPED, EndpointState.FAILED) and request.POST.get("confirm") != name:
        sorry(request, Problem(422, "not_confirmed", _("Type the endpoint's name to delete it.")))
        return redirect("endpoint", ws=ws, name=name)
    services.delete(endpoint=found)
    done(request, _("Endpoint %(name)s was deleted.") % {"name": name})
    return redirect("endpoints", ws=ws)


@require_GET
@needs("viewer", scope="predict")
def playground(request: HttpRequest, ws: str, name: str = "") -> HttpResponse:
    """Calls the public inference API with a key this page gets for ten minutes."""
    every = list(visible(request).order_by("-updated_at")[:100])
    found = (
        the_endpoint(request, name)
        if name
        else next((row for row in every if row.state == EndpointState.READY), every[0] if every else None)
    )
    revisions = list(found.revisions.select_related("model_version").order_by("-revision")) if found else []
    main = main_revision(found, revisions) if found else None
    context = {
        "nav": "playground",
        "crumbs": [(_("Playground"), "")],
        "endpoint": found,
        "endpoints": every,
        "url": endpoint_url(found) if found else "",
        "calls": f"/v1/endpoints/{ws}/{found.name}" if found else "",
        "main": main,
        "revisions": [revision for revision in revisions if revision.state == "ready"],
        "example": example(main).get("inputs", "") if found and found.task.startswith("text") else "",
        "samples": snippets(found, main) if found else [],
        "token": playground_token(user=request.user, workspace=request.workspace) if found else "",  # type: ignore[attr-defined, arg-type]
        "base_url": base_url(),
        "generates": bool(found and found.task == "text-generation"),
    }
    return page(request, "serving/playground.html", context)
