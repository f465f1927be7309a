"""What this room hands to the frame: count, stop of the lineage line, first step, what search finds."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from controlplane.frame import slots
from controlplane.registry.models import ModelVersion
from controlplane.serving.models import Endpoint, Revision
from controlplane.serving.schemas import endpoint_url, main_revision
from controlplane.serving.snippets import snippets
from workers.contract.states import EndpointState, VersionState


def address(ws: str, name: str) -> str:
    return reverse("endpoint", kwargs={"ws": ws, "name": name})


@slots.counter("endpoints")
def count(workspace: Any) -> slots.Count:
    rows = Endpoint.objects.filter(workspace=workspace)
    return slots.Count(rows.count() or "", live=rows.filter(state=EndpointState.DEPLOYING).exists())


@slots.finder("endpoint")
def stop(thread: slots.Thread) -> slots.Stop:
    """The endpoint itself, else those that serve the model."""
    ws = thread.workspace.slug
    if thread.endpoint:
        if not thread.model:
            row = (
                Revision.objects.filter(endpoint__workspace=thread.workspace, endpoint__name=thread.endpoint)
                .order_by("-traffic", "-revision")
                .first()
            )
            thread.model = row.model if row else ""
        return slots.Stop(_("Endpoint"), thread.endpoint, address(ws, thread.endpoint))
    rows = Revision.objects.filter(endpoint__workspace=thread.workspace, model=thread.model) if thread.model else Revision.objects.none()
    names = sorted({row.endpoint.name for row in rows.exclude(state__in=["stopped", "failed"]).select_related("endpoint")})
    if not names:
        return slots.Stop(_("Endpoint"), _("Not deployed"))
    return slots.Stop(_("Endpoint"), ", ".join(names[:3]), address(ws, names[0]))


@slots.first_step("endpoint")
def first_step(workspace: Any) -> dict[str, Any]:
    endpoint = Endpoint.objects.filter(workspace=workspace).order_by("-created_at").first()
    if endpoint is not None:
        link = {"text": endpoint.name, "url": address(workspace.slug, endpoint.name)}
        if endpoint.state == EndpointState.DEPLOYING:
            return {"live": True, **link, "action": _("Watch it")}
        return {"done": True, **link, "action": _("Open endpoint")}
    versions = ModelVersion.objects.filter(model__workspace=workspace, state=VersionState.READY).select_related("model")
    model = versions.order_by("-created_at").first()
    url = reverse("new-endpoint", kwargs={"ws": workspace.slug})
    if model is None:
        return {"text": "", "url": "", "action": ""}
    words = _("Deploy %(model)s") % {"model": f"{model.model.name} v{model.version}"}
    fields = {"model": str(model), "name": model.model.name}
    return {"text": "", "url": url, "action": words, "fields": fields, "also": [(_("Choose settings"), url)]}


@slots.card("endpoints")
def trouble(request: HttpRequest) -> slots.Card | None:
    """Endpoints that do not answer as they should."""
    states = [EndpointState.FAILED, EndpointState.DEGRADED]
    rows = list(Endpoint.objects.filter(workspace=request.workspace, state__in=states).order_by("-updated_at")[:5])  # type: ignore[attr-defined]
    return slots.Card("serving/trouble.html", {"endpoints": rows}) if rows else None


@slots.card("answering")
def answering(request: HttpRequest) -> slots.Card | None:
    """Endpoints that can be called now, with their addresses."""
    states = [EndpointState.READY, EndpointState.DEGRADED]
    rows = Endpoint.objects.filter(workspace=request.workspace, state__in=states).select_related("workspace")  # type: ignore[attr-defined]
    found = [(row, endpoint_url(row)) for row in rows.order_by("-updated_at")[:5]]
    return slots.Card("serving/answering.html", {"endpoints": found}) if found else None


def find(workspace: Any, q: str) -> tuple[Any, list[tuple[str, Any, str]]]:
    rows = Endpoint.objects.filter(workspace=workspace, name__icontains=q).order_by("-created_at")[:5]
    return _("Endpoints"), [(row.name, row.task, address(workspace.slug, row.name)) for row in rows]


def uses(workspace: Any, dataset: str) -> list[slots.Use]:
    """Endpoints that serve a model which learnt from this dataset version."""
    versions = ModelVersion.objects.filter(model__workspace=workspace, job__dataset=dataset, job__kind="train").select_related("model")
    names = [str(version) for version in versions.order_by("-created_at")[:100]]
    live = Revision.objects.filter(endpoint__workspace=workspace, model__in=names).exclude(state__in=["stopped", "failed"])
    rows = Endpoint.objects.filter(pk__in=live.values("endpoint_id")).order_by("name")[:100]
    return [slots.Use(_("Endpoint"), row.name, address(workspace.slug, row.name), row, row.created_at) for row in rows]


def call(user: Any, workspace: Any) -> list[tuple[str, str]]:
    """How the person calls an endpoint that answers now, one that takes text first: it needs no file beside it."""
    rows = Endpoint.objects.visible_to(user).filter(state=EndpointState.READY).select_related("workspace")
    rows = rows.filter(workspace=workspace) if workspace else rows
    found = min(rows.order_by("-updated_at")[:50], key=lambda row: row.task.startswith("image"), default=None)
    return snippets(found, main_revision(found, list(found.revisions.select_related("model_version")))) if found else []


slots.calls.append(call)
slots.uses.append(uses)
slots.searches.append(find)
