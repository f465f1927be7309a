"""The page that compares jobs, and the same table as CSV."""

import csv
import io
import json
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from controlplane.frame.figures import listed, spreadsheet
from controlplane.frame.pages import page
from controlplane.jobs.models import Job
from controlplane.jobs.nav import shown
from controlplane.jobs.table import TAKES, headline
from controlplane.training import parallel
from controlplane.training.compare import MOST, look, results, same_step, sections, settings
from controlplane.workspaces.access import needs
from workers.contract.states import FINAL

QUERY = (
    "jobs",
    "base",
    "take",
    "all",
    "view",
    "step",
    "prompt",
    "metric",
    "add",
    "x",
    "smooth",
    "log",
    "outliers",
    "from",
    "to",
    "find",
    "pin",
)
OFFERED = 20


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _chosen(request: HttpRequest) -> tuple[list[Job], Job | None]:
    """The jobs of the address in its order, and the base: the named one, else the first."""
    given = request.GET
    numbers = [number for text in given.get("jobs", "").split(",") if (number := _number(text.strip())) is not None]
    added = _number(given.get("add", "").strip().lstrip("#"))
    if added is not None:
        numbers.append(added)
    wanted = list(dict.fromkeys(numbers))[:MOST]
    rows = {job.number: job for job in shown(request.workspace).filter(number__in=wanted)}  # type: ignore[attr-defined]
    jobs = [rows[number] for number in wanted if number in rows]
    base = next((job for job in jobs if str(job.number) == given.get("base")), jobs[0] if jobs else None)
    return jobs, base


@require_GET
@needs("viewer", query=QUERY)
def compare(request: HttpRequest, ws: str) -> HttpResponse:
    jobs, base = _chosen(request)
    here = reverse("compare", kwargs={"ws": ws})
    take = request.GET.get("take") if request.GET.get("take") in TAKES else "last"
    kept = {name: value for name, value in request.GET.items() if name in ("take", "all", "view")}

    def at(numbers: list[int], reference: int | None, **more: str) -> str:
        query = {"jobs": ",".join(str(number) for number in numbers)}
        if reference is not None and numbers and reference != numbers[0]:
            query["base"] = str(reference)
        return f"{here}?{urlencode({**query, **kept, **more}, safe=',')}" if numbers else here

    numbers = [job.number for job in jobs]
    others = list(shown(request.workspace).exclude(number__in=numbers).filter(kind="train").order_by("-number")[:OFFERED])  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        "nav": "compare",
        "crumbs": [(_("Compare"), here if jobs else ""), *([(listed([f"#{job.number}" for job in jobs], at_most=4), "")] if jobs else [])],
        "jobs": jobs,
        "numbers": ",".join(str(number) for number in numbers),
        "base": base,
        "most": MOST,
        "offered": [(job, at([*numbers, job.number], base.number if base else None)) for job in others],
    }
    if base is not None:
        view = "parallel" if request.GET.get("view") == "parallel" else "charts"
        context |= {
            "base_index": jobs.index(base),
            "chips": [_chip(jobs, job, base, at, index) for index, job in enumerate(jobs)],
            "take": take,
            "takes": [(word, name, at(numbers, base.number, take=word)) for word, name in _takes()],
            "view": view,
            "views": [
                (word, name, at(numbers, base.number, view=word))
                for word, name in (("charts", _("Charts")), ("parallel", _("Parallel coordinates")))
            ],
            "only": request.GET.get("all") != "1",
            "toggle": at(numbers, base.number, all="0" if request.GET.get("all") == "1" else "1"),
            "csv": f"{reverse('compare-csv', kwargs={'ws': ws})}?{request.GET.urlencode()}",
            "sources": json.dumps(_sources(ws, jobs)),
            "live": [job for job in jobs if job.state not in FINAL],
            **_table(jobs, base, str(take), request.GET.get("all") != "1"),
            **(_parallel(request, jobs, base, str(take)) if view == "parallel" else _samples(request, jobs, at, base)),
        }
    return page(request, "training/compare.html", context, parts=("compare-table",))


def _takes() -> list[tuple[str, str]]:
    return [("last", _("Last")), ("min", _("Smallest")), ("max", _("Largest"))]


def _chip(jobs: list[Job], job: Job, base: Job, at: Any, index: int) -> dict[str, Any]:
    others = [other.number for other in jobs if other != job]
    rest = base.number if base != job else next(iter(others), None)
    numbers = [other.number for other in jobs]
    return {"job": job, **look(index), "is_base": job == base, "remove": at(others, rest), "make_base": at(numbers, job.number)}


def _table(jobs: list[Job], base: Job, take: str, only: bool) -> dict[str, Any]:
    found = sections(jobs, base, take, only_differences=only)
    return {"sections": found, "span": len(jobs) + 1}


def _sources(ws: str, jobs: list[Job]) -> list[dict[str, Any]]:
    """What the charts read: address, start and place of each job."""
    return [
        {
            "job": job.number,
            "url": f"/api/v1/workspaces/{ws}/jobs/{job.number}/metrics",
            "started": job.started_at.isoformat() if job.started_at else None,
        }
        for job in jobs
    ]


def _samples(request: HttpRequest, jobs: list[Job], at: Any, base: Job) -> dict[str, Any]:
    found = same_step(jobs, _number(request.GET.get("step", "")), _number(request.GET.get("prompt", "")) or 1)
    if found is None:
        return {"samples": None}
    numbers, steps = [job.number for job in jobs], found["steps"]

    def turned(step: int, prompt: int) -> str:
        return str(at(numbers, base.number, step=str(step), prompt=str(prompt))) + "#samples"

    place = steps.index(found["step"]) if found["step"] in steps else len(steps) - 1
    return {
        "samples": found,
        "answers": [(job, look(index), answer) for index, (job, answer) in enumerate(zip(jobs, found["answers"], strict=True))],
        "before": turned(found["step"], found["at"] - 1) if found["at"] > 1 else "",
        "after": turned(found["step"], found["at"] + 1) if found["at"] < found["count"] else "",
        "earlier": turned(steps[place - 1], found["at"]) if place > 0 else "",
        "later": turned(steps[place + 1], found["at"]) if place + 1 < len(steps) else "",
    }


def _parallel(request: HttpRequest, jobs: list[Job], base: Job, take: str) -> dict[str, Any]:
    measured = {row.key: row for row in results(jobs, base, take)}
    metric = request.GET.get("metric", "")
    chosen = metric if metric in measured else next((key for job in jobs if (key := headline(job)) in measured), "")
    drawing = parallel.draw(settings(jobs, base), measured.get(chosen))
    lines = [(job, look(index), *drawing.lines[index]) for index, job in enumerate(jobs)] if drawing else []
    return {"drawing": drawing, "lines": lines, "metric": chosen, "metrics": [(row.key, row.name) for row in measured.values()]}


@require_GET
@needs("viewer", query=QUERY)
def export(request: HttpRequest, ws: str) -> HttpResponse:
    """Every row of the table, those that agree too."""
    jobs, base = _chosen(request)
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow([_("Part"), _("Name"), *(f"#{job.number} {job.name}" for job in jobs)])
    take = request.GET.get("take", "")
    for section in sections(jobs, base, take if take in TAKES else "last", only_differences=False) if base else []:
        for row in section.rows:
            name = row.key if "/" in row.key else row.name  # a metric under the name programs know
            write.writerow([section.title, name, *("" if cell.raw is None else spreadsheet(cell.raw) for cell in row.cells)])
    answer = HttpResponse(out.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="compare-{"-".join(str(job.number) for job in jobs)}.csv"'
    return answer
