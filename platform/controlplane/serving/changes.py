"""What the forms of an endpoint's page do: another version, other traffic or settings, stopped, started, rolled back, deleted."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from controlplane.errors import Problem
from controlplane.frame.pages import done, sorry, wrong_fields
from controlplane.serving import detail, services
from controlplane.serving.api import the_endpoint
from controlplane.serving.views import chosen_model, whole
from controlplane.workspaces.access import needs
from workers.contract.states import EndpointState


@require_POST
@needs("editor")
def change(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """Another model, other shares of traffic, other replicas, stopped or started: whatever the form holds."""
    found = the_endpoint(request, name)
    try:
        changed = services.update(endpoint=found, user=request.user, **_changes(request))
    except Problem as problem:
        if "min" in request.POST:
            return detail.shown(request, found, "settings", form=request.POST, wrong=wrong_fields(problem))
        sorry(request, problem)
        return back(request, ws, name)
    if "min" in request.POST:
        done(request, _("Settings saved."))
    elif changed.state == EndpointState.STOPPED:
        done(request, _("Endpoint %(name)s is stopped.") % {"name": name})
    elif not changed.plan and request.POST.get("state") != "ready":
        done(request, _("Traffic saved."))
    return back(request, ws, name)  # what is on its way is told by the page itself, for as long as it is


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
            services.roll_back(endpoint=found, to=whole(request.POST["to"], "to") if request.POST.get("to") else None)
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
        changes["traffic"] = {number: whole(text, "traffic") for number, text in shares.items() if whole(text, "traffic") > 0}
    if sent.get("all"):
        changes["traffic"] = {sent["all"]: 100}
    if sent.get("min") or sent.get("max"):
        changes["replicas"] = _replicas(sent)
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


def _replicas(sent: Mapping[str, str]) -> dict[str, int]:
    found = {key: int(_amount(sent[key], key, 1, services.REPLICAS_MAX, whole=True) or 1) for key in ("min", "max") if sent.get(key)}
    if found.get("min", 1) > found.get("max", services.REPLICAS_MAX):
        message = _("At least %(min)s is more than at most %(max)s.") % found
        raise Problem(422, "invalid", message, errors=[{"loc": ["body", "min"], "msg": message}])
    return found


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
