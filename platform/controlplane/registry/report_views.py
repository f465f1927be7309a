"""The report of a version: figures, confusion matrix, and the rows behind a cell of it or at its worst."""

import csv
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from controlplane.errors import Problem
from controlplane.frame.figures import spreadsheet
from controlplane.frame.pages import page
from controlplane.frame.problems import told
from controlplane.registry import answers, measured, nav, report
from controlplane.registry.api import the_version
from controlplane.registry.doubts import doubts
from controlplane.registry.models import Evaluation, ModelVersion
from controlplane.workspaces.access import needs

QUERY = ("evaluation", "actual", "predicted", "offset")
ROWS = 20


def context(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    """Everything the report tab shows. The address says which evaluation, and which cell of its matrix is open."""
    shown = measured.chosen(version, request.GET.get("evaluation", ""))
    previous = measured.version_before(version)
    old = measured.before(shown, previous)
    metrics = measured.metrics_of(version, shown)
    compared = measured.metrics_of(previous, old) if previous and (old or shown is None) else {}
    cell = asked(request)
    own = shown is None or measured.is_own(shown)
    doubtful = doubts(shown.report) if shown else None
    return {
        "before": previous,
        "headline": report.headline(metrics, compared, doubtful),
        "doubts": doubtful,
        "tested": _tested(shown) if shown else None,
        "own": own,
        "shown": shown,
        "where": where(shown) if shown else "",
        "matrix": matrix(shown, old, cell) if shown else None,
        **(_rows(request, version, shown, cell) if shown else {}),
    }


def asked(request: HttpRequest) -> answers.Cell:
    return answers.Cell(request.GET.get("actual", "")[:1000], request.GET.get("predicted", "")[:1000])


def where(evaluation: Evaluation) -> str:
    return " · ".join(part for part in (nav.title(evaluation.dataset), evaluation.split) if part)


def matrix(shown: Evaluation, old: Evaluation | None, cell: answers.Cell) -> dict[str, Any] | None:
    """The confusion matrix of an evaluation; its cells lead to their rows where these were kept."""
    base = address(shown)

    def link(actual: str, predicted: str) -> str:
        return f"{base}{'&' if '?' in base else '?'}{urlencode({'actual': actual, 'predicted': predicted})}#rows"

    picked = (cell.actual, cell.predicted)
    return report.matrix(shown.report, where(shown), old.report if old else {}, link if shown.files else None, picked)


def address(evaluation: Evaluation) -> str:
    """Where the report of this evaluation is read."""
    version = evaluation.version
    base = reverse("model-version", args=[version.model.workspace.slug, version.model.name, version.version])
    return base if measured.is_own(evaluation) else f"{base}?evaluation={evaluation.pk}"


def _tested(evaluation: Evaluation) -> dict[str, Any] | None:
    rows = evaluation.report.get("rows")
    return {"rows": rows, "split": evaluation.split, "dataset": nav.title(evaluation.dataset)} if rows else None


def _rows(request: HttpRequest, version: ModelVersion, shown: Evaluation, cell: answers.Cell, full: bool = False) -> dict[str, Any]:
    """The card beside the matrix: the rows of the open cell, else the worst. full: with what stands in them, which takes longer to read."""
    offset = int(given) if (given := request.GET.get("offset", "")).isdecimal() and len(given) < 10 else 0
    gone = _("The answer to each row was not kept. Evaluate the version on this split once more.")
    trouble = gone if cell.filters and not shown.files else ""
    found: dict[str, Any] = {"items": report.worst(shown.report) if shown.dataset and shown.split and not cell.filters else []}
    dataset = answers.dataset_of(shown)
    try:
        if cell.filters and shown.files:
            found = answers.answers(shown, cell, offset=offset, limit=ROWS)
        if full and dataset:
            found["items"] = [_explained(row) for row in answers.with_inputs(shown, dataset, found["items"])]
    except Problem as problem:
        trouble = told(problem.code, problem.detail)
    rows = found["items"]
    return {
        "cell": cell if cell.filters else None,
        "rows": rows,
        "explained": any(row.get("parts") for row in rows),
        "total": found.get("total", 0),
        "first": offset + 1,
        "last": offset + len(rows),
        "earlier": _address("model-version", version, request, offset - ROWS) if offset else "",
        "later": _address("model-version", version, request, found["next_offset"]) if found.get("next_offset") else "",
        "filled": "" if full else _address("model-rows", version, request, offset),
        "closed": address(shown),
        "dataset": dataset,
        "split": shown.split,
        "trouble": trouble,
    }


def _address(route: str, version: ModelVersion, request: HttpRequest, offset: int) -> str:
    """A page of the rows that are open: of the report, or of the card alone."""
    place = {name: request.GET[name] for name in QUERY[:3] if request.GET.get(name)} | ({"offset": str(offset)} if offset > 0 else {})
    base = reverse(route, args=[version.model.workspace.slug, version.model.name, version.version])
    return f"{base}?{urlencode(place)}{'#rows' if route == 'model-version' else ''}"


def _explained(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "parts": report.marked(row["text"], row.get("words"))} if row.get("text") else row


@require_GET
@needs("viewer", query=QUERY)
def rows(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """The card of rows with what stands in them, as far as the dataset is still there."""
    found = the_version(request, name, n)
    shown = measured.chosen(found, request.GET.get("evaluation", ""))
    if shown is None:
        raise Http404
    return page(request, "registry/rows.html", {"version": found, **_rows(request, found, shown, asked(request), full=True)})


@require_GET
@needs("viewer", query=("evaluation",))
def matrix_file(request: HttpRequest, ws: str, name: str, n: int) -> HttpResponse:
    """The confusion matrix as CSV."""
    shown = measured.chosen(the_version(request, name, n), request.GET.get("evaluation", ""))
    if shown is None or not (shown.report.get("confusion_matrix") or {}).get("counts"):
        raise Http404
    disposition = f'attachment; filename="{name}-v{n}-confusion-matrix.csv"'
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})
    csv.writer(response).writerows([spreadsheet(cell) for cell in line] for line in report.lines(shown.report))
    return response
