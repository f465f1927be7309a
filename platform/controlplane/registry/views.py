"""Pages of models: the list, bringing one, a version with report, card, files and lineage."""

import csv
import re
import shlex
from typing import Any

import nh3
from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from markdown_it import MarkdownIt

from controlplane import catalog
from controlplane.data import preview
from controlplane.data.models import DatasetVersion
from controlplane.data.services import find_version as find_dataset
from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.figures import spreadsheet
from controlplane.frame.pages import asked, done, page, sorry, wrong_fields
from controlplane.limits import limit
from controlplane.paging import listing
from controlplane.registry import files, nav, report, services
from controlplane.registry.api import the_model, the_version, visible
from controlplane.registry.models import Evaluation, ModelVersion, Prediction
from controlplane.registry.schemas import prediction_json
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.home import door_url
from workers.contract.states import VersionState

TABS = ("report", "card", "files", "predictions", "lineage", "versions")
REPORT_FILE = "evaluation.json"
_HEADLESS = re.compile(r"<thead>\s*<tr>\s*(<th[^>]*></th>\s*)+</tr>\s*</thead>")
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def card(text: str) -> SafeString:
    """Markdown as HTML: no raw HTML, no scripts, no pictures from elsewhere."""
    html = nh3.clean(_markdown.render(text), tags=nh3.ALLOWED_TAGS - {"img"}, url_schemes={"http", "https", "mailto"})
    for old, new in (("<h3>", "<h4>"), ("</h3>", "</h4>"), ("<h2>", "<h3>"), ("</h2>", "</h3>"), ("<h1>", "<h2>"), ("</h1>", "</h2>")):
        html = html.replace(old, new)  # the page has its own h1
    html = _HEADLESS.sub("", html).replace("<pre>", '<pre tabindex="0">')
    return mark_safe(html)  # noqa: S308 cleaned above; what was added is ours


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
    form = {name: request.POST.get(name, "").strip() for name in ("name", "title", "task", "hub_id")}
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
            )
            return redirect("model-version", ws=ws, name=made.model.name, n=made.version)
        except Problem as problem:
            wrong = wrong_fields(problem)
    context = {
        "nav": "models",
        "crumbs": [(_("Registry"), reverse("models", kwargs={"ws": ws})), (_("Bring a model"), "")],
        "form": form,
        "wrong": wrong,
        "kept": request.POST.getlist("uploads"),
        "tasks": sorted({spec.task() for spec in catalog.recipes().values() if spec.base_architectures}),
        "limit": limit("upload_file"),
    }
    return page(request, "registry/new.html", context, status=422 if wrong else 200)


@require_GET
@needs("viewer")
def version(request: HttpRequest, ws: str, name: str, n: int, tab: str = "report") -> HttpResponse:
    if tab not in TABS:
        raise Http404
    found = the_version(request, name, n)
    before = found.model.versions.filter(version__lt=n, state=VersionState.READY).order_by("-version").first()
    evaluations = list(found.evaluations.select_related("job").order_by("-created_at")[:20])
    serving = [revision.endpoint for revision in found.revisions.filter(state__in=services.LIVE_REVISIONS).select_related("endpoint")]
    versions = list(found.model.versions.select_related("created_by", "model").defer("card", "files").order_by("-version"))
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
        "before": before,
        "headline": report.headline(found, before),
        **(_report(found, before, evaluations) if tab == "report" else {}),
        "evaluations": evaluations,
        "datasets": _datasets(request) if tab in ("report", "predictions") else [],
        "predictions": [prediction_json(row) | {"row": row} for row in _predictions(found)] if tab == "predictions" else [],
        "prediction_count": found.predictions.count(),
        "card": card(found.card) if tab == "card" else "",
        "versions": versions,
        "compared": report.compared([row for row in versions if row.state == VersionState.READY]) if tab == "versions" else [],
        "compared_versions": [row for row in versions if row.state == VersionState.READY][: report.VERSIONS_COMPARED],
        "used_by": services.used_by(found) if tab == "versions" else [],
        "shell_names": " ".join(shlex.quote(file["name"]) for file in found.files) if tab == "files" else "",
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


def _report(version: ModelVersion, before: ModelVersion | None, evaluations: list[Evaluation]) -> dict[str, Any]:
    own = _own_report(version)
    newest, where = report.newest([row for row in evaluations if row.state == "ready"], own)
    tested = (
        {"rows": own["rows"], "split": own.get("split", ""), "dataset": nav.title(str(version.lineage.get("dataset") or ""))}
        if own.get("rows")
        else None
    )
    worst = report.worst(own) if version.lineage.get("dataset") and own.get("split") else []
    return {"matrix": report.matrix(newest, where, _own_report(before) if before else {}), "tested": tested, "worst": worst, "own": own}


@require_GET
@needs("viewer")
def worst_rows(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """The wrong answers of the training's own report with what stands in their rows, as far as the dataset is still there."""
    found = the_version(request, name, n)
    own = _own_report(found)
    role = next((each for each in ("text", "image") if each in (found.lineage.get("columns") or {})), "")
    rows = report.worst(own)
    try:
        dataset = find_dataset(request.workspace, str(found.lineage.get("dataset") or ""))  # type: ignore[attr-defined]
    except Problem:
        dataset = None
    if dataset is not None and own.get("split") in dataset.splits and role == "text":
        column = found.lineage["columns"][role]
        for row in rows:
            row["text"] = _cell(dataset, str(own["split"]), row["row"], column)
    return page(request, "registry/worst.html", {"version": found, "worst": rows, "own": own, "dataset": dataset})


def _cell(dataset: DatasetVersion, split: str, row: int, column: str) -> str:
    """The text of one cell, its first 300 characters."""
    items = preview.page(dataset, split=split, offset=row, limit=1, filters=[], q="")["items"]
    return str(items[0]["values"].get(column) or "")[:300] if items else ""


@require_GET
@needs("viewer")
def matrix_file(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """The newest confusion matrix as CSV."""
    found = the_version(request, name, n)
    newest, _where = report.newest(list(found.evaluations.filter(state="ready").order_by("-created_at")[:20]), _own_report(found))
    if not newest:
        raise Http404
    disposition = f'attachment; filename="{name}-v{n}-confusion-matrix.csv"'
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})
    csv.writer(response).writerows([spreadsheet(cell) for cell in line] for line in report.lines(newest))
    return response


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


def _own_report(version: ModelVersion) -> dict[str, Any]:
    """What training measured on the held-out split, from the version's own files."""
    if not any(file["name"] == REPORT_FILE for file in version.files):
        return {}
    return files.read_json(version.files, REPORT_FILE)


def _predictions(version: ModelVersion) -> list[Prediction]:
    return list(version.predictions.select_related("job__workspace").order_by("-created_at")[:50])


def _datasets(request: HttpRequest) -> list[DatasetVersion]:
    rows = DatasetVersion.objects.filter(dataset__workspace=request.workspace, state=VersionState.READY).select_related("dataset")  # type: ignore[attr-defined]
    return list(rows.defer("statistics", "shards", "sources").order_by("-created_at")[:100])


@require_POST
@needs("editor")
def evaluate(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    try:
        made = services.evaluate(
            version=the_version(request, name, n),
            user=request.user,
            dataset=request.POST.get("dataset", ""),
            split=request.POST.get("split") or "test",
            columns=None,
        )
        if made.job:
            return redirect("job", ws=ws, number=made.job.number)
    except Problem as problem:
        sorry(request, problem)
    return redirect("model-version", ws=ws, name=name, n=n)


@require_POST
@needs("editor")
def predict(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """Ask the version about every row of a split; the job's page has the result."""
    try:
        made = services.predict(
            version=the_version(request, name, n),
            user=request.user,
            dataset=request.POST.get("dataset", ""),
            split=request.POST.get("split") or "test",
        )
        return redirect("job", ws=ws, number=made.job.number)
    except Problem as problem:
        sorry(request, problem)
    return redirect("model-tab", ws=ws, name=name, n=n, tab="predictions")


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
