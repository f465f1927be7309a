"""The playground: a page that calls the public inference API, with a key it gets for ten minutes."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from controlplane.frame.pages import page
from controlplane.serving.api import the_endpoint, visible
from controlplane.serving.schemas import base_url, endpoint_url, main_revision
from controlplane.serving.snippets import example, snippets
from controlplane.workspaces.access import needs
from controlplane.workspaces.tokens import playground_token
from workers.contract.states import EndpointState


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
