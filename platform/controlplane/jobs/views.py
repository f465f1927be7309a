"""Pages of jobs: one job with its log, curves and checkpoints; worker hosts and the queue."""

from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.pages import done, page, sorry
from controlplane.jobs import logs, services, store
from controlplane.jobs.api import the_job
from controlplane.jobs.models import Allocation, Job, Worker
from controlplane.jobs.scheduler import position, queue
from controlplane.jobs.schemas import worker_state
from controlplane.jobs.transitions import now
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.states import FINAL, JobState

TABS = ("overview", "logs", "metrics", "samples", "checkpoints", "config", "events")
ERROR_WINDOW = 2000  # lines at the end of a log in which the error is looked for


@require_GET
@needs("viewer", query=("step", "x", "smooth", "log", "from", "to"))
def job(request: HttpRequest, ws: str, number: int, tab: str = "") -> HttpResponse:
    """Opens on the overview; a failed job opens on its log, at the error."""
    found = the_job(request, str(number))
    tab = tab or ("logs" if found.state == JobState.FAILED else "overview")
    if tab not in TABS:
        raise Http404
    ended = found.state in FINAL
    listed = reverse("jobs", kwargs={"ws": ws})
    context = {
        "nav": "jobs",
        "crumbs": [(_("Jobs"), listed), (f"#{number}", "")],
        "job": found,
        "tab": tab,
        "ended": ended,
        "api": f"/api/v1/workspaces/{ws}/jobs/{number}",
        "thread": slots.Thread(request.workspace, here="job", job=found.number, dataset=found.dataset, model=found.model),  # type: ignore[attr-defined]
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
        "progress": _progress(found),
        "queue": position(found) if found.state == JobState.QUEUED else None,
        "error_line": _error_line(found) if found.state == JobState.FAILED else 0,
        "samples": _samples(request, found),
        "checkpoints": _checkpoints(found) if tab in ("overview", "checkpoints") else [],
        "checkpoint_count": found.checkpoints.count(),
        "sample_count": found.samples.values("step").distinct().count(),
        "newest_checkpoint": found.checkpoints.order_by("-step").first(),
        "attempts": _attempts(found) if tab == "events" else [],
        "fix": _fix(found),
    }
    return page(request, "jobs/job.html", context, parts=("job-head", "job-samples", "job-checkpoints"))


def _progress(job: Job) -> dict[str, Any]:
    """What the bar and its figures show. percent: None while unknown."""
    known = job.progress or {}
    step, total = known.get("step"), known.get("total_steps")
    until = job.finished_at or now()
    seconds = (until - job.started_at).total_seconds() if job.started_at else None
    percent = round(100 * step / total, 1) if step is not None and total else None
    if job.state == JobState.SUCCEEDED:
        percent = 100.0
    eta = known.get("eta_seconds") if job.state == JobState.RUNNING else None
    return {
        "step": step,
        "total": total,
        "epoch": known.get("epoch"),
        "percent": percent,
        "seconds": seconds,
        "eta": eta,
        "ends": now() + timedelta(seconds=eta) if eta else None,
        "speed": step / seconds if step and seconds and seconds > 1 else None,
        "marks": [round(100 * c / total, 1) for c in job.checkpoints.values_list("step", flat=True)[:50]] if total else [],
    }


def _error_line(job: Job) -> int:
    """The number of the last error line near the end of the log; 0 when there is none."""
    first = max(1, job.log_lines - ERROR_WINDOW)
    return max((row["line"] for row in store.log_lines(job.pk, first=first) if row["level"] == "error"), default=job.log_lines)


def _samples(request: HttpRequest, job: Job) -> dict[str, Any]:
    """The steps that have samples, and the samples of the chosen one, else of the newest."""
    steps = sorted(set(job.samples.values_list("step", flat=True)))
    asked = request.GET.get("step", "")
    chosen = int(asked) if asked.isdecimal() and int(asked) in steps else (steps[-1] if steps else None)
    rows = list(job.samples.filter(step=chosen).order_by("pk")[:20]) if chosen is not None else []
    return {"steps": steps[-60:], "step": chosen, "rows": rows}


def _checkpoints(job: Job) -> list[dict[str, Any]]:
    rows = job.checkpoints.order_by("-step")
    return [{"row": row, "registrable": any(file["name"].startswith("model/") for file in row.files)} for row in rows]


def _attempts(job: Job) -> list[dict[str, Any]]:
    places = Allocation.objects.filter(attempt__job=job).select_related("worker").order_by("rank")
    by_attempt: dict[int, list[str]] = {}
    for place in places:
        by_attempt.setdefault(place.attempt_id, []).append(f"{place.worker.name} {place.device}")
    return [{"row": row, "places": by_attempt.get(row.pk, [])} for row in job.attempts.order_by("-number")]


def _fix(job: Job) -> dict[str, Any] | None:
    """A retry whose change is known to help: half the batch, twice the accumulation, so that the result stays comparable."""
    params = job.work.get("params") or {}
    size = params.get("batch_size")
    if job.state != JobState.FAILED or (job.error or {}).get("code") != "out_of_memory" or not isinstance(size, int) or size < 2:
        return None
    return {"batch_size": max(1, size // 4), "accumulation": (params.get("gradient_accumulation_steps") or 1) * (size // max(1, size // 4))}


@require_GET
@needs("viewer")
def log_file(request: HttpRequest, ws: str, number: int) -> StreamingHttpResponse:
    """The whole log as a file, as it was written."""
    found = the_job(request, str(number))
    disposition = f'attachment; filename="job-{number}.log"'
    return StreamingHttpResponse(logs.text(found), content_type="text/plain; charset=utf-8", headers={"Content-Disposition": disposition})


@require_POST
@needs("editor")
def stop(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    """Stops a job: keep = what it learned becomes a model, discard = nothing stays."""
    found = the_job(request, str(number))
    try:
        services.cancel_job(job=found, keep=request.POST.get("keep") != "no")
        done(request, _("Job #%(n)s is stopping.") % {"n": number})
    except Problem as problem:
        sorry(request, problem)
    return redirect("job", ws=ws, number=number)


@require_GET
@needs("viewer")
def workers(request: HttpRequest, ws: str) -> HttpResponse:
    """Hosts serve every workspace: of jobs elsewhere only that a device is taken is shown."""
    mine = request.workspace.pk  # type: ignore[attr-defined]
    current = Allocation.objects.filter(released_at=None).select_related("attempt__job")
    by_host: dict[int, list[Allocation]] = {}
    for place in current:
        by_host.setdefault(place.worker_id, []).append(place)
    rows = []
    for worker in Worker.objects.order_by("name"):
        places = by_host.get(worker.pk, [])
        busy = {place.device for place in places if place.slot == "whole"}
        rows.append(
            {
                "worker": worker,
                "state": worker_state(worker),
                "devices": [{**device, "on": device["id"] in busy} for device in worker.devices],
                "running": [
                    {"job": place.attempt.job if place.attempt.job.workspace_id == mine else None, "device": place.device}
                    for place in places
                ],
                "memory": worker.memory_bytes - available if (available := worker.load.get("memory_available")) else None,
                "cpu": (worker.load.get("cpu") or [None])[0],
            }
        )
    waiting = [
        {"place": place, "job": job if job.workspace_id == mine else None, "reason": job.reason, "row": job}
        for place, job in enumerate(queue(), 1)
    ]
    context = {
        "nav": "workers",
        "crumbs": [(_("Workers & queue"), "")],
        "workers": rows,
        "online": sum(row["state"] == "online" for row in rows),
        "waiting": waiting,
    }
    return page(request, "jobs/workers.html", context, parts=("hosts",))
