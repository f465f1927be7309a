"""The playground: a page that calls the public inference API, with a key it gets for ten minutes."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from controlplane import catalog
from controlplane.frame.pages import page
from controlplane.registry import files
from controlplane.serving import showing
from controlplane.serving.api import the_endpoint, visible
from controlplane.serving.fields import fields
from controlplane.serving.models import Endpoint, Revision
from controlplane.serving.presets import preset_json, presets_of
from controlplane.serving.schemas import base_url, endpoint_url, main_revision
from controlplane.serving.snippets import example, snippets
from controlplane.workspaces.access import needs
from controlplane.workspaces.tokens import playground_token
from workers.contract.states import EndpointState


@require_GET
@needs("viewer", scope="predict", query=("revision", "compare"))
def playground(request: HttpRequest, ws: str, name: str = "") -> HttpResponse:
    every = list(visible(request).order_by("-updated_at")[:100])
    ready = next((row for row in every if row.state == EndpointState.READY), every[0] if every else None)
    found = the_endpoint(request, name) if name else ready
    context: dict[str, Any] = {"nav": "playground", "crumbs": [(_("Playground"), "")], "endpoint": found, "endpoints": every}
    if found:
        context |= _of(request, found)
    return page(request, "serving/playground.html", context)


def _of(request: HttpRequest, found: Endpoint) -> dict[str, Any]:
    """What the page needs to call one endpoint."""
    revisions = list(found.revisions.select_related("model_version").order_by("-revision"))
    main = main_revision(found, revisions)
    kind = kind_of(found, main)
    spec = catalog.recipe(main.model_version.recipe) if main and main.model_version else None
    openai = kind in ("chat", "completion")
    ws = request.workspace  # type: ignore[attr-defined]
    settable = fields(spec, openai=openai, chat=kind == "chat")
    presets = [preset_json(row) for row in presets_of(workspace=ws, user=request.user, task=found.task)]
    names = showing.labels(revisions)
    asked = example(main)["inputs"]
    columns = (main.model_version.lineage.get("columns") or {}) if main and main.model_version else {}
    answering = [row for row in revisions if row.state == "ready"]
    return {
        "main": main,
        "kind": kind,
        "fields": settable,
        "presets": presets,
        "samples": snippets(found, main),
        "config": {
            "kind": kind,
            "task": found.task,
            "endpoint": found.name,
            "url": endpoint_url(found),
            "path": f"/v1/endpoints/{ws.slug}/{found.name}",
            "base": f"{base_url()}/v1",
            "model": f"{ws.slug}/{found.name}",
            "token": playground_token(user=request.user, workspace=ws),  # type: ignore[arg-type]
            "renew": f"/api/v1/workspaces/{ws.slug}/playground",
            "presets": f"/api/v1/workspaces/{ws.slug}/presets",
            "saved": presets,
            "example": asked if isinstance(asked, str) and kind in ("completion", "text") else "",
            "pair": [{"name": role, "label": columns.get(role, role), "value": text} for role, text in asked.items()]
            if isinstance(asked, dict)
            else [],
            "revisions": [
                {"revision": row.revision, "name": names[row.revision], "title": showing.title(row), "traffic": row.traffic}
                for row in answering
            ],
        },
    }


def kind_of(endpoint: Endpoint, main: Revision | None) -> str:
    """How it is tried: chat (the model has a template for turns) | completion | image | text."""
    if endpoint.task == "text-generation":
        version = main.model_version if main else None
        return "chat" if version and files.has_chat_template(version.files) else "completion"
    return "image" if endpoint.task.startswith("image") else "text"
