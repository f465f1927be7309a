"""Pages of endpoints: the list and deploying. An endpoint's own page is in detail.py, what changes it in changes.py."""

from typing import Any, NamedTuple

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from controlplane.errors import Problem
from controlplane.frame.pages import asked, page, wrong_fields
from controlplane.paging import listing
from controlplane.registry import services as registry
from controlplane.registry.models import ModelVersion, Variant
from controlplane.serving import services
from controlplane.serving.api import visible
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
                replicas={"min": whole(form["replicas"], "replicas")},
            )
            return redirect("endpoint", ws=ws, name=made.name)
        except Problem as problem:
            wrong = wrong_fields(problem)
    crumbs = [(_("Deployments"), reverse("endpoints", kwargs={"ws": ws})), (_("Deploy a model"), "")]
    context = {"nav": "endpoints", "crumbs": crumbs, "models": models, "form": form, "wrong": wrong}
    return page(request, "serving/new.html", context, status=422 if wrong else 200)


def whole(text: str, field: str) -> int:
    if not text.strip().isdecimal():
        message = _("Give a whole number.")
        raise Problem(422, "invalid", message, errors=[{"loc": ["body", field], "msg": message}])
    return int(text)
