"""The page of one job: its head with what can be done now, and a tab each for log, curves, samples, checkpoints and the rest."""

import hashlib
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from controlplane import catalog
from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.pages import done, page, sorry
from controlplane.jobs import logs, services, store
from controlplane.jobs.api import the_job
from controlplane.jobs.metrics import direction
from controlplane.jobs.models import Allocation, Checkpoint, Job, Sample
from controlplane.jobs.remedy import remedy
from controlplane.jobs.scheduler import position
from controlplane.jobs.transitions import now
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Role
from workers.contract.states import FINAL, JobState

TABS = {
    "overview": gettext_lazy("Overview"),
    "logs": gettext_lazy("Logs"),
    "metrics": gettext_lazy("Metrics"),
    "samples": gettext_lazy("Samples"),
    "checkpoints": gettext_lazy("Checkpoints"),
    "evaluation": gettext_lazy("Evaluation"),
    "config": gettext_lazy("Config"),
    "events": gettext_lazy("Events"),
}
OF_TRAINING = ("metrics", "samples", "checkpoints")  # other work has none of them
RESULTS = ("evaluate", "optimize", "predict")  # kinds whose result is a card of their own
PARTS = ("job-head", "job-tabs", "job-figures", "job-samples", "job-checkpoints")
OF_CHARTS = ("x", "smooth", "log", "outliers", "from", "to", "find", "pin")  # read by the script
ERROR_WINDOW = 2000  # lines at the end of a log in which the error is looked for
AT_ONCE = 60  # lines of the log that come with the page itself
BELOW_ERROR = 8  # of them, drawn below the error where there is one
STRIP = 60  # steps of samples in the strip
SAMPLES = 20


@require_GET
@needs("viewer", query=("step", "prompt", *OF_CHARTS))
def job(request: HttpRequest, ws: str, number: int, tab: str = "") -> HttpResponse:
    """Opens on the overview; a failed job opens on its log, at the error."""
    found = the_job(request, str(number))
    tab = tab or ("logs" if found.state == JobState.FAILED else "overview")
    if tab not in TABS:
        raise Http404
    counts = {"samples": found.samples.values("step").distinct().count(), "checkpoints": found.checkpoints.count()}
    context = {
        "nav": "jobs",
        "crumbs": [(_("Jobs"), reverse("jobs", kwargs={"ws": ws})), (f"#{number}", "")],
        "job": found,
        "tab": tab,
        "tabs": _tabs(found, counts),
        "ended": found.state in FINAL,
        "api": f"/api/v1/workspaces/{ws}/jobs/{number}",
        "thread": slots.Thread(request.workspace, here="job", job=found.number, dataset=found.dataset, model=found.model or _asked(found)),  # type: ignore[attr-defined]
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
        "progress": _progress(found),
        "kept": _kept(found),
        "queue": position(found) if found.state == JobState.QUEUED else None,
        "newest_checkpoint": found.checkpoints.order_by("-step").first(),
        "fix": remedy(found),
        "memory": _memory(found),
        **_of_tab(request, found, tab),
    }
    return page(request, "jobs/job.html", context, parts=PARTS)


def _tabs(job: Job, counts: dict[str, int]) -> list[tuple[str, Any, int | None]]:
    """(name, word, count) of the views this kind of job has something for."""
    left_out = set[str]() if job.kind == "train" else {name for name in OF_TRAINING if not counts.get(name)}
    if "evaluation" not in slots.panels or job.kind not in ("train", *RESULTS):
        left_out.add("evaluation")
    words = TABS if job.kind == "train" else {**TABS, "evaluation": _("Result")}
    return [(name, word, counts.get(name)) for name, word in words.items() if name not in left_out]


def _asked(job: Job) -> str:
    """The model version this job asks or measures, as `name@n`; empty where it makes one or needs none."""
    used = job.work.get("model") or {}
    return f"{used['name']}@{used['version']}" if job.kind in RESULTS and used.get("version") else ""


def _of_tab(request: HttpRequest, job: Job, tab: str) -> dict[str, Any]:
    """What only this tab shows."""
    found: dict[str, Any] = {}
    if tab in ("overview", "logs"):
        line = _error_line(job) if job.state == JobState.FAILED else 0
        first = logs.around(job, line, AT_ONCE)
        seen = [row for row in first if not line or row["line"] <= line + BELOW_ERROR]
        found |= {"error_line": line, "first_lines": first, "drawn_lines": logs.drawn(seen)}
    training = job.kind == "train"
    if tab == "samples" or (training and tab == "overview"):
        found["samples"] = _samples(request, job)
    if tab == "checkpoints" or (training and tab == "overview"):
        found["checkpoints"] = _checkpoints(job)
    if tab in ("overview", "metrics"):
        found["figures"] = [(key, value, direction(key)) for key, value in job.metrics.items()]
    if tab == "events":
        found["attempts"] = _attempts(job)
    if tab == "evaluation" or (job.kind in RESULTS and tab == "overview"):
        found["card"] = slots.panels["evaluation"](request, job) if "evaluation" in slots.panels else None
    return found


def _progress(job: Job) -> dict[str, Any]:
    """What the bar and its figures show. percent: None while unknown."""
    known = job.progress or {}
    step, total = known.get("step"), known.get("total_steps")
    until = job.finished_at or now()
    seconds = (until - job.started_at).total_seconds() if job.started_at else None
    percent = round(100 * step / total, 1) if step is not None and total else None
    steps = list(job.checkpoints.order_by("step").values_list("step", flat=True))
    whole = total
    if job.state == JobState.SUCCEEDED:
        step = max([step, *steps[-1:]]) if step is not None else None  # progress is told now and then, a checkpoint always
        percent, whole = 100.0, step  # less than the total where it stopped early
    eta = known.get("eta_seconds") if job.state == JobState.RUNNING else None
    place = Allocation.objects.filter(attempt__job=job).select_related("worker").order_by("-pk").first()
    params = job.work.get("params") or {}
    return {
        "step": step,
        "total": total,
        "epoch": known.get("epoch"),
        "epochs": params.get("epochs"),
        "percent": percent,
        "seconds": seconds,
        "eta": eta,
        "ends": now() + timedelta(seconds=eta) if eta else None,
        "speed": step / seconds if step and seconds and seconds > 1 else None,
        "where": f"{place.worker.name} {place.device}" if place else "",
        "gpu_hours": seconds / 3600 if seconds and place and place.device != "cpu" else None,
        "marks": [min(100, round(100 * each / whole, 1)) for each in steps[-50:]] if whole else [],
    }


def _kept(job: Job) -> dict[str, Any] | None:
    """What to know of the model an ended training left: it stopped early, or it is not of the best step.

    {early: the step it stopped at, or None · patience · newest, best: checkpoints · metric: what best means}
    """
    if job.kind != "train" or job.state not in (JobState.SUCCEEDED, JobState.CANCELLED):
        return None
    newest, best = job.checkpoints.order_by("-step").first(), job.checkpoints.filter(best=True).first()
    patience = (job.work.get("params") or {}).get("early_stopping_patience")
    total = (job.progress or {}).get("total_steps")
    # A training that ends well before its last step was no longer getting better; what it ends with is a checkpoint.
    early = newest.step if job.state == JobState.SUCCEEDED and newest and patience and total and newest.step < total else None
    other = bool(job.state == JobState.CANCELLED and job.model and newest and best and best.step < newest.step and _whole(best))
    known = {"early": early, "patience": patience, "newest": newest, "best": best, "metric": _best_by(job)}
    return known if early or other else None


def _best_by(job: Job) -> str:
    """The metric by which the recipe tells the best checkpoint."""
    spec = catalog.recipe(job.recipe)
    return spec.main_metric if spec else ""


def _whole(checkpoint: Checkpoint) -> bool:
    """Whether it holds a model that can be registered."""
    return any(file["name"].startswith("model/") for file in checkpoint.files)


def _error_line(job: Job) -> int:
    """The number of the last error line near the end of the log; its last line when there is none."""
    first = max(1, job.log_lines - ERROR_WINDOW)
    return max((row["line"] for row in store.log_lines(job.pk, first=first) if row["level"] == "error"), default=job.log_lines)


def _prompt_id(data: dict[str, Any]) -> str:
    """The same prompt is known again at every step."""
    return hashlib.sha256(f"{data.get('title')}\n{data.get('prompt')}".encode()).hexdigest()[:12]


def _samples(request: HttpRequest, job: Job) -> dict[str, Any]:
    """The steps that have samples, and those of the chosen step, else of the newest. A pinned prompt is shown alone, at every step."""
    steps = sorted(set(job.samples.values_list("step", flat=True)))
    asked, pinned = request.GET.get("step", ""), request.GET.get("prompt", "")[:12]
    chosen = int(asked) if asked.isdecimal() and len(asked) < 16 and int(asked) in steps else (steps[-1] if steps else None)
    at = steps.index(chosen) if chosen in steps else 0
    rows = list(job.samples.filter(step=chosen).order_by("pk")[:200]) if chosen is not None else []
    shown: list[dict[str, Any]] = [{"row": row, "id": _prompt_id(row.data)} for row in rows]
    mine = [sample for sample in shown if sample["id"] == pinned]
    others: list[Sample] = []
    if mine and chosen is not None:
        near = job.samples.exclude(step=chosen).filter(data__title=mine[0]["row"].data.get("title")).order_by("-step")[:400]
        others = [row for row in near if _prompt_id(row.data) == pinned][:SAMPLES]
    first = max(0, min(at - STRIP // 2, len(steps) - STRIP))
    return {
        "steps": steps[first : first + STRIP],
        "count": len(steps),
        "step": chosen,
        "before": steps[at - 1] if at > 0 else None,
        "after": steps[at + 1] if at + 1 < len(steps) else None,
        "pinned": pinned if mine else "",
        "rows": (mine or shown)[:SAMPLES],
        "alone": rows[0].data if len(rows) == len(steps) == 1 and rows[0].data.get("kind") == "table" else None,
        "others": others,
    }


def _checkpoints(job: Job) -> list[dict[str, Any]]:
    """Each with its first figures, that which tells the best before all others."""
    by = _best_by(job)
    rows = [(row, sorted(row.metrics.items(), key=lambda pair: (pair[0] != by, pair[0]))) for row in job.checkpoints.order_by("-step")]
    return [{"row": row, "registrable": _whole(row), "figures": figures[:2], "by": by} for row, figures in rows]


def _attempts(job: Job) -> list[dict[str, Any]]:
    places = Allocation.objects.filter(attempt__job=job).select_related("worker").order_by("rank")
    by_attempt: dict[int, list[str]] = {}
    for place in places:
        by_attempt.setdefault(place.attempt_id, []).append(f"{place.worker.name} {place.device}")
    return [{"row": row, "places": by_attempt.get(row.pk, [])} for row in job.attempts.order_by("-number")]


def _memory(job: Job) -> dict[str, Any] | None:
    """Of a job that ran out of memory: its peak beside what its place had."""
    if (job.error or {}).get("code") != "out_of_memory":
        return None
    attempt = job.attempts.order_by("-number").first()
    place = attempt.allocations.select_related("worker").order_by("rank").first() if attempt else None
    if place is None or attempt is None or not attempt.peak_bytes:
        return None
    own = [device.get("memory_bytes") for device in place.worker.devices if device["id"] == place.device]
    room = next(filter(None, own), place.worker.memory_bytes)
    most = max(room, attempt.peak_bytes)
    return {"peak": attempt.peak_bytes, "room": room, "used": 100 * attempt.peak_bytes / most, "limit": 100 * room / most}


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


@require_POST
@needs("editor")
def delete(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    try:
        services.delete_job(job=the_job(request, str(number)))
    except Problem as problem:
        sorry(request, problem)
        return redirect("job", ws=ws, number=number)
    done(request, _("Job #%(n)s was deleted.") % {"n": number})
    return redirect("jobs", ws=ws)
