"""Pages of endpoints: the list, deploying, and what changes one; its own page is in detail.py, the playground in play.py."""

from typing import Any, NamedTuple

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.errors import Problem
from controlplane.frame.pages import asked, done, page, sorry, wrong_fields
from controlplane.paging import listing
from controlplane.registry import services as registry
from controlplane.registry.models import ModelVersion, Variant
from controlplane.serving import services
from controlplane.serving.api import the_endpoint, visible
from controlplane.serving.models import Endpoint, Revision
from controlplane.serving.schemas import endpoint_url, main_revision
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.states import EndpointState, VersionState


@require_GET
@needs("viewer", query=("q", "cursor", "state"))
def endpoints(request: HttpRequest, ws: str) -> HttpResponse:
    rows = visible(request).prefetch_related(Prefetch("revisions", Revision.objects.order_by("revision"), to_attr="in_order"))
    states = [state.value for state in EndpointState]
    found = listing(rows, asked(request), show=_line, search=["name", "title", "task"], states=states)
    context = {"nav": "endpoints", "crumbs": [(_("Deployments"), "")], "may_edit": request.role.includes(Role.EDITOR), **found}  # type: ignore[attr-defined]
    return page(request, "serving/list.html", context, parts=("rows",))


def _line(row: Endpoint) -> dict[str, Any]:
    revisions: list[Revision] = row.in_order  # type: ignore[attr-defined]
    return {
        "row": row,
        "url": endpoint_url(row),
        "shares": [revision for revision in revisions if revision.traffic],
        "main": main_revision(row, revisions),
    }


class Choice(NamedTuple):
    """What can be deployed. value: as forms send it, `name@3` or `name@3 int8` · title: `name v3 int8`."""

    value: str
    title: str
    task: str


def ready_models(request: HttpRequest, task: str = "") -> list[Choice]:
    """Ready versions that some recipe can serve, newest first, each followed by its ready variants."""
    rows = ModelVersion.objects.filter(model__workspace=request.workspace, state=VersionState.READY).exclude(recipe="")  # type: ignore[attr-defined]
    rows = rows.filter(task=task) if task else rows
    ready = Prefetch("variants", Variant.objects.filter(state="ready").defer("files").order_by("created_at"), to_attr="served")
    newest = rows.select_related("model").defer("card", "edited_card", "files", "lineage").prefetch_related(ready).order_by("-created_at")
    found = [(row, [str(row), *(str(variant) for variant in row.served)]) for row in newest[:200]]  # type: ignore[attr-defined]
    return [Choice(name, name.replace("@", " v"), row.task) for row, names in found for name in names]


def chosen_model(request: HttpRequest, value: str) -> dict[str, Any]:
    """The version and the variant a form's choice stands for. Raises Problem 422."""
    reference, _space, variant = value.partition(" ")
    return {"model_version": registry.find_version(request.workspace, reference), "variant": variant or None}  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@needs("editor", query=("model", "variant"))
def new(request: HttpRequest, ws: str) -> HttpResponse:
    models = ready_models(request)
    asked = request.POST.get("model") or f"{request.GET.get('model', '')} {request.GET.get('variant', '')}".strip()
    chosen = next((each.value for each in models if each.value == asked), models[0].value if models else "")
    form = {"model": chosen, "name": request.POST.get("name", chosen.partition("@")[0]), "replicas": request.POST.get("replicas", "1")}
    wrong: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = services.deploy(
                workspace=request.workspace,  # type: ignore[attr-defined]
                user=request.user,
                name=form["name"].strip(),
                **chosen_model(request, asked),
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
    return back(request, ws, name)


def back(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """To the tab the form stood on."""
    tab = request.POST.get("tab", "")
    return (
        redirect("endpoint-tab", ws=ws, name=name, tab=tab) if tab in ("revisions", "settings") else redirect("endpoint", ws=ws, name=name)
    )


@require_POST
@needs("editor")
def roll_back(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """To an earlier revision, or with `resume` back to the shares from before."""
    found = the_endpoint(request, name)
    try:
        if request.POST.get("resume"):
            services.resume(endpoint=found)
            done(request, _("The traffic goes back to how it was."))
        else:
            services.roll_back(endpoint=found, to=_whole(request.POST["to"], "to") if request.POST.get("to") else None)
            done(request, _("Endpoint %(name)s is rolling back.") % {"name": name})
    except Problem as problem:
        sorry(request, problem)
    return back(request, ws, name)


def _changes(request: HttpRequest) -> dict[str, Any]:
    sent = request.POST
    changes: dict[str, Any] = {}
    if sent.get("model"):
        changes |= chosen_model(request, sent["model"])
    shares = {key.removeprefix("traffic-"): sent[key] for key in sent if key.startswith("traffic-") and sent[key].strip()}
    if shares:
        changes["traffic"] = {number: _whole(text, "traffic") for number, text in shares.items() if _whole(text, "traffic") > 0}
    if sent.get("all"):
        changes["traffic"] = {sent["all"]: 100}
    if sent.get("min") or sent.get("max"):
        changes["replicas"] = {key: _whole(sent[key], key) for key in ("min", "max") if sent.get(key)}
    if "requests_per_minute" in sent:
        changes["limits"] = {
            "requests_per_minute": _amount(sent["requests_per_minute"], "requests_per_minute", 1, 10_000_000, whole=True),
            "deadline_seconds": _amount(sent.get("deadline_seconds", ""), "deadline_seconds", 0.5, 600),
        }
    if "title" in sent:
        changes["title"] = sent["title"].strip()
    if sent.get("state") in ("stopped", "ready"):
        changes["state"] = sent["state"]
    return changes


def _amount(text: str, field: str, low: float, high: float, *, whole: bool = False) -> float | None:
    """A number between both, None for an empty field. Raises Problem 422."""
    if not text.strip():
        return None
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = -1
    if not low <= value <= high:
        message = _("Give a number from %(low)s to %(high)s, or leave it empty.") % {"low": f"{low:g}", "high": f"{high:,.0f}"}
        raise Problem(422, "invalid", message, errors=[{"loc": ["body", field], "msg": message}])
    return value


@require_POST
@needs("editor")
def delete(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """A live endpoint is deleted once its name was typed."""
    found = the_endpoint(request, name)
    if found.state not in (EndpointState.STOPPED, EndpointState.FAILED) and request.POST.get("confirm") != name:
        sorry(request, Problem(422, "not_confirmed", _("Type the endpoint's name to delete it.")))
        return redirect("endpoint-tab", ws=ws, name=name, tab="settings")
    services.delete(endpoint=found)
    done(request, _("Endpoint %(name)s was deleted.") % {"name": name})
    return redirect("endpoints", ws=ws)
