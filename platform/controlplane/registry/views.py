"""Pages of models: the list, bringing one, a version with report, card, files and lineage."""

import shlex
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane import catalog
from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.pages import asked, done, page, sorry, wrong_fields
from controlplane.limits import limit
from controlplane.paging import listing
from controlplane.registry import cards, measured, report, report_views, services, starting, variants_views
from controlplane.registry.api import the_model, the_version, visible
from controlplane.registry.card import for_reader
from controlplane.registry.card_views import card
from controlplane.registry.evaluations_views import shown
from controlplane.registry.models import ModelVersion, Prediction
from controlplane.registry.schemas import prediction_json
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.home import door_url
from workers.contract.orders import Hub
from workers.contract.states import VersionState

HUBS: tuple[tuple[Hub, Any], ...] = (
    ("huggingface", "Hugging Face"),
    ("modelscope", gettext_lazy("ModelScope")),
    ("mirror", gettext_lazy("Mirror of Hugging Face")),
)
BY_NUMBER = {"version": "version"}
TABS = ("report", "card", "files", "variants", "predictions", "lineage", "versions")
ASKING = ("report", "predictions", "variants")  # tabs with a form that asks the version about data


@require_GET
@needs("viewer", query=("q", "cursor", "task"))
def models(request: HttpRequest, ws: str) -> HttpResponse:
    rows = visible(request)
    if request.GET.get("task"):
        rows = rows.filter(task=request.GET["task"])
    versions: Any = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-version")
    rows = rows.annotate(newest=Subquery(versions.values("pk")[:1]))
    found = listing(rows, asked(request), show=lambda row: row, sorts={"created_at": "created_at"}, search=["name", "title", "task"])
    newest = ModelVersion.objects.defer("card", "files", "config", "metrics").in_bulk([row.newest for row in found["items"]])
    items = [(row, newest.get(row.newest)) for row in found["items"]]
    context = {"nav": "models", "crumbs": [(_("Registry"), "")], "may_edit": request.role.includes(Role.EDITOR), **found, "items": items}  # type: ignore[attr-defined]
    return page(request, "registry/list.html", context, parts=("rows",))


@require_GET
@needs("viewer")
def model(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """To its newest version."""
    newest = the_model(request, name).versions.order_by("-version").first()
    if newest is None:
        raise Http404
    return redirect("model-version", ws=ws, name=name, n=newest.version)


@require_http_methods(["GET", "POST"])
@needs("editor")
def new(request: HttpRequest, ws: str) -> HttpResponse:
    """A model somebody brings: an archive that was uploaded, or a hub id."""
    form = {name: request.POST.get(name, "").strip() for name in ("name", "title", "task", "hub_id", "hub")}
    wrong: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = services.bring_model(
                workspace=request.workspace,  # type: ignore[attr-defined]
                user=request.user,
                name=form["name"],
                title=form["title"],
                task=form["task"],
                uploads=request.POST.getlist("uploads") or None,
                hub_id=form["hub_id"] or None,
                hub=next((hub for hub, _word in HUBS if hub == form["hub"]), "huggingface"),
            )
            return redirect("model-version", ws=ws, name=made.model.name, n=made.version)
        except Problem as problem:
            wrong = wrong_fields(problem)
    context = {
        "nav": "models",
        "crumbs": [(_("Registry"), reverse("models", kwargs={"ws": ws})), (_("Import a model"), "")],
        "form": form,
        "wrong": wrong,
        "kept": request.POST.getlist("uploads"),
        "hubs": HUBS,
        "tasks": sorted({spec.task() for spec in catalog.recipes().values() if spec.base_architectures}),
        "limit": limit("upload_file"),
    }
    return page(request, "registry/new.html", context, status=422 if wrong else 200)


@require_GET
@needs("viewer", query=(*report_views.QUERY, "cursor", "edit"))
def version(request: HttpRequest, ws: str, name: str, n: int, tab: str = "report") -> HttpResponse:
    if tab not in TABS:
        raise Http404
    found = the_version(request, name, n)
    serving = [revision.endpoint for revision in found.revisions.filter(state__in=services.LIVE_REVISIONS).select_related("endpoint")]
    versions = found.model.versions.select_related("created_by", "model").defer("card", "files")
    ready = (
        list(versions.filter(state=VersionState.READY).order_by("-version")[: report.VERSIONS_COMPARED + 1]) if tab == "versions" else []
    )
    context = {
        "nav": "models",
        "crumbs": [
            (_("Registry"), reverse("models", kwargs={"ws": ws})),
            (name, reverse("model", kwargs={"ws": ws, "name": name})),
            (f"v{n}", ""),
        ],
        "version": found,
        "tab": tab,
        "importing": found.state == VersionState.IMPORTING,
        "thread": _thread(request, found),
        **(report_views.context(request, found) if tab == "report" else {}),
        "evaluations": _evaluations(found) if tab == "report" else [],
        **variants_views.context(found, failed=tab == "variants"),
        "editing": request.GET.get("edit") == "limit",
        **(starting.offered(request.workspace, found, labelled=tab != "predictions") if tab in ASKING else {}),  # type: ignore[attr-defined]
        "predictions": [prediction_json(row) | {"row": row} for row in _predictions(found)] if tab == "predictions" else [],
        "prediction_count": found.predictions.count(),
        "card": card(found.edited_card if found.edited_at else for_reader(found.card, found.task, found.recipe)) if tab == "card" else "",
        "listed": cards.listed(found),
        "version_count": found.model.versions.count(),
        **(listing(versions, asked(request), show=lambda row: row, sorts=BY_NUMBER, default="-version") if tab == "versions" else {}),
        "compared": report.compared(ready),
        "compared_versions": ready[: report.VERSIONS_COMPARED],
        "used_by": services.used_by(found) if tab == "versions" else [],
        "shell_names": " ".join(shlex.quote(file["name"]) for file in cards.listed(found)) if tab == "files" else "",
        "loader": loader(found) if tab == "files" else "",
        "origin": _origin(ws, found) if tab == "lineage" else [],
        "address": settings.PUBLIC_URL or door_url(),
        "endpoints": {endpoint.name: endpoint for endpoint in serving}.values(),
        "api": f"/api/v1/workspaces/{ws}/models/{name}/versions/{n}",
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
    }
    return page(request, "registry/version.html", context)


def _thread(request: HttpRequest, version: ModelVersion) -> slots.Thread:
    job = version.job.number if version.job and version.job.kind == "train" else None
    dataset = str(version.lineage.get("dataset") or "")
    return slots.Thread(request.workspace, here="model", model=str(version), job=job, dataset=dataset)  # type: ignore[attr-defined]


def _origin(ws: str, version: ModelVersion) -> list[tuple[str, str, str]]:
    """(what, its value, where it is shown) of everything the version came from."""
    known = version.lineage
    dataset, _at, number = str(known.get("dataset") or "").partition("@")
    job = version.made_by
    columns = ", ".join(f"{role} = {column}" for role, column in (known.get("columns") or {}).items())
    recipe = f"{known['recipe']}, v{known['recipe_version']}" if known.get("recipe_version") else known.get("recipe")
    shown_at = reverse("dataset-version", kwargs={"ws": ws, "name": dataset, "n": int(number)}) if number.isdecimal() else ""
    rows = [
        (_("Dataset"), f"{dataset} v{number}" if dataset else None, shown_at),
        (_("Columns"), columns, ""),
        (_("Base model"), known.get("base_model") or (_("none, from scratch") if dataset else None), ""),
        (_("Source"), known.get("source"), ""),
        (_("Job"), f"#{job}" if job else None, reverse("job", kwargs={"ws": ws, "number": int(job)}) if job else ""),
        (_("Attempt"), known.get("attempt"), ""),
        (_("Step"), known.get("at_step") or known.get("step"), ""),
        (_("Recipe"), recipe, ""),
        (_("Seed"), known.get("seed"), ""),
        (_("Code"), known.get("code"), ""),
    ]
    return [(label, str(value), url) for label, value, url in rows if value not in (None, "")]


def loader(version: ModelVersion) -> str:
    """Python that opens the downloaded folder; empty for a model that has no such loader."""
    kinds = {
        "text-classification": "AutoModelForSequenceClassification",
        "image-classification": "AutoModelForImageClassification",
        "text-generation": "AutoModelForCausalLM",
    }
    kind = kinds.get(version.task)
    if kind is None or not any(file["name"].endswith(".safetensors") for file in version.files):
        return ""
    reader = "AutoImageProcessor" if version.task.startswith("image") else "AutoTokenizer"
    names = {file["name"] for file in version.files}
    reads = reader == "AutoTokenizer" or "preprocessor_config.json" in names
    also = f", {reader}" if reads else ""
    folder = f"{version.model.name}-v{version.version}"
    code = f'from transformers import {kind}{also}\n\nmodel = {kind}.from_pretrained("{folder}")\n'
    return code + (
        f'{"processor" if reader == "AutoImageProcessor" else "tokenizer"} = {reader}.from_pretrained("{folder}")\n' if reads else ""
    )


def _evaluations(version: ModelVersion) -> list[dict[str, Any]]:
    rows = version.evaluations.select_related("job", "version__model__workspace").defer("report", "version__card")
    return [shown(row) for row in rows.order_by("-created_at", "-pk")[: measured.SHOWN]]


def _predictions(version: ModelVersion) -> list[Prediction]:
    return list(version.predictions.select_related("job__workspace").order_by("-created_at")[:50])


@require_POST
@needs("editor")
def delete(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    try:
        services.delete_version(version=the_version(request, name, n))
    except Problem as problem:
        sorry(request, problem)
        return redirect("model-tab", ws=ws, name=name, n=n, tab="versions")
    done(request, _("%(name)s v%(n)s was deleted.") % {"name": name, "n": n})
    return redirect("models", ws=ws)
