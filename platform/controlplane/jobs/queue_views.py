"""The queue as a page shows it: when each job starts, why it waits, what would let it start; and the forms that change it."""

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from controlplane.errors import Problem
from controlplane.frame.figures import listed, size
from controlplane.frame.pages import done, sorry
from controlplane.frame.reasons import words
from controlplane.jobs import forecast
from controlplane.jobs import queue as changes
from controlplane.jobs.api import the_job
from controlplane.jobs.models import Job
from controlplane.jobs.scheduler import WHOLE, Host, hosts
from controlplane.jobs.transitions import now
from controlplane.workspaces.access import needs

PRIORITIES = ((5, gettext_lazy("High")), (0, gettext_lazy("Normal")), (-5, gettext_lazy("Low")))
SHOWN = 4  # jobs named in one reason
ROWS = 25  # of the page; what stands behind them is counted


class Fix(NamedTuple):
    """A way out as a button: a form with one field. operator: only they may."""

    label: str
    url: str
    field: str
    value: str
    operator: bool = False


def waiting(workspace: Any, line: list[Job]) -> list[dict[str, Any]]:
    """The head of the queue, in order; of jobs in other workspaces only that they are there."""
    begins, places, spare = forecast.starts(line), hosts(), hosts(draining=True)
    mine = [job for job in line if job.workspace_id == workspace.pk]
    rows = []
    for place, job in enumerate(line[:ROWS], 1):
        start = begins.get(job.pk, forecast.Start())
        own = job if job.workspace_id == workspace.pk else None
        alike = [other.pk for other in mine if other.priority == job.priority] if own else []
        rows.append(
            {
                "place": place,
                "job": own,
                "priority": (job.priority > 0) - (job.priority < 0),
                "row": job,
                "needs": needed(job),
                "waited": (now() - job.queued_at).total_seconds(),
                "begins": start.at,
                "begins_in": (start.at - now()).total_seconds() if start.at else None,
                "why": why(job, start, places, workspace) if own else [words(job.reason)],
                "fixes": fixes(job, places, spare, workspace.slug) if own else [],
                "up": own and alike.index(job.pk) > 0,
                "down": own and alike.index(job.pk) < len(alike) - 1,
            }
        )
    return rows


def needed(job: Job) -> str:
    """What it asks for, in words."""
    if job.kind in WHOLE:
        return _("1 GPU, any worker") if job.resources.get("device") == "cuda" else _("1 CPU, any worker")
    return _("memory, any worker") if job.kind == "serve" else _("a small place, any worker")


def why(job: Job, start: forecast.Start, places: list[Host], workspace: Any) -> list[str]:
    """Sentences: what is lacking, who has it, and what its turn waits for."""
    code = (job.reason or {}).get("code")
    said = [words(job.reason)]
    if code == "waiting_for_memory" and places:
        roomy = max(places, key=lambda host: host.worker.memory_bytes - host.memory)
        free = roomy.worker.memory_bytes - roomy.memory
        figures = {"need": size(job.resources.get("memory_bytes")), "name": roomy.worker.name, "free": size(free)}
        said.append(_("It asks for %(need)s; %(name)s has most free, %(free)s.") % figures)
    elif start.after is not None and start.worker:
        place = {"worker": start.worker, "job": link(start.after, workspace)}
        said = [format_html(_("Its place on {worker} comes free when {job} ends."), **place)]
    elif start.at is not None:
        said = [_("A place on %(worker)s is free and is given to it in a moment.") % {"worker": start.worker}]
    elif start.holders and code in ("waiting_for_device", "waiting_for_slot"):
        said.append(held(start.holders, workspace))
    return [sentence for sentence in said if sentence]


def held(holders: tuple[Job, ...], workspace: Any) -> str:
    """Who has the places, as far as this workspace may know."""
    own = [job for job in holders if job.workspace_id == workspace.pk]
    others = len(holders) - len(own[:SHOWN])
    names = listed([link(job, workspace) for job in own[:SHOWN]])
    if not own:
        return ngettext("A job of another workspace has it.", "%(n)s jobs of other workspaces have them.", others) % {"n": others}
    if others:
        return format_html(
            ngettext("{jobs} and {n} more job have them.", "{jobs} and {n} more jobs have them.", others), jobs=SafeString(names), n=others
        )
    return format_html(ngettext("{jobs} has it.", "{jobs} have them.", len(own)), jobs=SafeString(names))


def link(job: Job, workspace: Any) -> SafeString:
    if job.workspace_id != workspace.pk:
        return format_html("{}", _("a job of another workspace"))
    url = reverse("job", kwargs={"ws": workspace.slug, "number": job.number})
    return format_html('<a class="link" href="{}">#{}</a>', url, job.number)


def fixes(job: Job, places: list[Host], spare: list[Host], ws: str) -> list[Fix]:
    """What would let it start at once, or at all: judged by the scheduler's own measure."""
    url, out = reverse("job-device", kwargs={"ws": ws, "number": job.number}), []
    missing = (job.reason or {}).get("code") == "no_device"
    for device in changes.other_devices(job):
        if any(host.place(job, device) for host in places):
            label = _("Use a GPU, start now") if device == "cuda" else _("Use the CPU, start now")
        elif missing and any(host.devices(device) for host in places):
            label = _("Use a GPU") if device == "cuda" else _("Use the CPU")
        else:
            continue
        out.append(Fix(label, url, "device", device))
    resting = next((host for host in spare if host.place(job)), None)
    if resting:
        name = resting.worker.name
        drained = reverse("drain-worker", kwargs={"ws": ws, "name": name})
        out.append(Fix(_("Let %(name)s take jobs again") % {"name": name}, drained, "act", "resume", operator=True))
    return out


def back(request: HttpRequest, ws: str) -> HttpResponse:
    """To the page the form stood on, with the same span and the same hosts unfolded."""
    page, came = reverse("workers", kwargs={"ws": ws}), urlsplit(request.headers.get("Referer", ""))
    kept = [(name, value) for name, value in parse_qsl(came.query, keep_blank_values=True) if name in ("span", "open")]
    return redirect(f"{page}?{urlencode(kept)}" if kept and came.path == page else page)


@require_POST
@needs("owner")
def priority(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    """Owners say what is served first, by class or by one step within it."""
    given, to = request.POST.get("priority", ""), request.POST.get("move", "")
    job = the_job(request, str(number))
    try:
        if to in ("up", "down"):
            changes.move(job=job, to="up" if to == "up" else "down")
            done(request, _("Job #%(n)s has changed its place.") % {"n": number})
        elif given in {str(value) for value, _name in PRIORITIES}:
            changes.set_priority(job=job, priority=int(given))
            done(request, _("The priority of job #%(n)s was changed.") % {"n": number})
        else:
            raise Http404
    except Problem as problem:
        sorry(request, problem)
    return back(request, ws)


@require_POST
@needs("editor")
def device(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    """Let a waiting job run on another kind of device."""
    try:
        job = changes.set_device(job=the_job(request, str(number)), device=request.POST.get("device", ""))
        kind = _("a GPU") if job.resources["device"] == "cuda" else _("the CPU")
        done(request, _("Job #%(n)s now asks for %(device)s.") % {"n": number, "device": kind})
    except Problem as problem:
        sorry(request, problem)
    return back(request, ws)
