"""What this room hands to the frame: counts, its stop of the lineage line, cards of the home page, what search finds."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlplane import catalog
from controlplane.frame import slots
from controlplane.frame.called import CALLED, called, job_name
from controlplane.frame.figures import duration
from controlplane.frame.templatetags.frame import progressed
from controlplane.jobs.models import Allocation, Job, Worker
from controlplane.jobs.remedy import remedy
from controlplane.jobs.scheduler import ONLINE, queue
from controlplane.jobs.transitions import now
from workers.contract.states import JobState

WEEK = timedelta(days=7)
LIVE = (JobState.STARTING, JobState.RUNNING, JobState.CANCELLING)

CALLED.update({name: spec.title for name, spec in catalog.recipes().items()})


def address(ws: str, number: int | str) -> str:
    return reverse("job", kwargs={"ws": ws, "number": int(number)})


@slots.counter("jobs")
def count(workspace: Any) -> slots.Count:
    live = Job.objects.filter(workspace=workspace, state__in=LIVE).exclude(kind="serve").count()
    return slots.Count(live or "", live=live > 0)


@slots.counter("workers")
def devices_in_use(workspace: Any) -> slots.Count:
    """Devices in use of all on online hosts."""
    total = sum(len(devices) for devices in Worker.objects.filter(seen_at__gte=now() - ONLINE).values_list("devices", flat=True))
    busy = Allocation.objects.filter(released_at=None, slot="whole").values("worker_id", "device").distinct().count()
    return slots.Count(f"{busy}/{total}")


@slots.finder("job")
def stop(thread: slots.Thread) -> slots.Stop:
    """The job itself, else those that used the dataset."""
    ws = thread.workspace.slug
    if thread.job is not None:
        job = Job.objects.filter(workspace=thread.workspace, number=thread.job).first()
        if job is None:
            return slots.Stop(_("Job"), _("#%(n)s, deleted") % {"n": thread.job})
        thread.dataset = thread.dataset or job.dataset
        thread.model = thread.model or job.model
        return slots.Stop(_("Job"), f"{job_name(job)} #{job.number}", address(ws, job.number))
    if thread.here != "dataset":
        return slots.Stop(_("Job"), _("Brought from elsewhere"))
    rows = Job.objects.filter(workspace=thread.workspace, dataset=thread.dataset, kind="train").order_by("-number")
    found, total = rows.first(), rows.count()
    if found is None:
        return slots.Stop(_("Jobs"), _("Not trained on yet"))
    more = ngettext("%(text)s and %(n)s more", "%(text)s and %(n)s more", total - 1) % {
        "text": f"{found.name} #{found.number}",
        "n": total - 1,
    }
    text = f"{found.name} #{found.number}" if total == 1 else more
    return slots.Stop(_("Jobs"), text, f"{reverse('jobs', kwargs={'ws': ws})}?dataset={thread.dataset}")


@slots.first_step("job")
def first_step(workspace: Any) -> dict[str, Any]:
    url = reverse("new-job", kwargs={"ws": workspace.slug})
    last = Job.objects.filter(workspace=workspace, kind="train").order_by("-number").first()
    if last and last.state in (*LIVE, JobState.QUEUED):
        text = _("%(name)s #%(n)s is under way.") % {"name": last.name, "n": last.number}
        link = {"url": address(workspace.slug, last.number), "action": _("Watch it")}
        return {"live": True, "text": text, "percent": progressed(last.progress), **link}
    done = Job.objects.filter(workspace=workspace, kind="train", state=JobState.SUCCEEDED).order_by("-number").first()
    if done is not None:
        took = duration((done.finished_at - done.started_at).total_seconds()) if done.finished_at and done.started_at else ""
        link = {"url": address(workspace.slug, done.number), "action": _("Open job")}
        return {"done": True, "text": _("%(name)s #%(n)s, took %(took)s") % {"name": done.name, "n": done.number, "took": took}, **link}
    also = [(_("Choose settings"), url)]
    if last and last.state == JobState.FAILED:
        also.append((_("Open log"), reverse("job-tab", kwargs={"ws": workspace.slug, "number": last.number, "tab": "logs"})))
    return {"text": "", "url": url, "action": _("Start training"), "fields": {"preset": "balanced"}, "also": also}


def shown(workspace: Any) -> Any:
    """Jobs people asked for; replicas and the like stand elsewhere."""
    return Job.objects.filter(workspace=workspace).exclude(kind="serve").select_related("created_by")


@slots.card("attention")
def attention(request: HttpRequest) -> slots.Card | None:
    """Jobs that failed within a week, newest first; not where a better one of the same name followed or the data was deleted."""
    rows = shown(request.workspace)  # type: ignore[attr-defined]
    later = Job.objects.filter(workspace=OuterRef("workspace"), name=OuterRef("name"), number__gt=OuterRef("number"))
    recent = rows.filter(state=JobState.FAILED, finished_at__gte=now() - WEEK)
    recent = recent.exclude(Exists(later.filter(state=JobState.SUCCEEDED)))
    prepared = list(recent.filter(kind="prepare").values_list("dataset", flat=True)[:1000])
    gone = set(prepared) - slots.standing["dataset"](request.workspace, prepared) if prepared else set()  # type: ignore[attr-defined]
    failed = recent.exclude(kind="prepare", dataset__in=gone).order_by("-number")[:5]
    return slots.Card("jobs/attention.html", {"jobs": [(job, remedy(job)) for job in failed]}) if failed else None


@slots.card("running")
def running(request: HttpRequest) -> slots.Card | None:
    rows = shown(request.workspace).filter(Q(state__in=LIVE) | Q(state=JobState.QUEUED)).order_by("-number")[:10]  # type: ignore[attr-defined]
    return slots.Card("jobs/running.html", {"jobs": [(job, ends(job)) for job in rows]})


def ends(job: Job) -> datetime | None:
    """When it will be done, as it says itself."""
    left = (job.progress or {}).get("eta_seconds")
    return now() + timedelta(seconds=left) if isinstance(left, int | float) and left < 1e7 else None


@slots.card("capacity")
def capacity(request: HttpRequest) -> slots.Card:
    """One square per device of every online host, filled when in use."""
    busy = set(Allocation.objects.filter(released_at=None, slot="whole").values_list("worker_id", "device"))
    places = [
        {"on": (worker.pk, device["id"]) in busy, "name": f"{worker.name} {device['id']}"}
        for worker in Worker.objects.filter(seen_at__gte=now() - ONLINE).order_by("name")
        for device in worker.devices
    ]
    free = sum(not place["on"] for place in places)
    waiting = queue()
    longest = max(((now() - job.queued_at).total_seconds() for job in waiting), default=0)
    return slots.Card("jobs/capacity.html", {"places": places, "free": free, "waiting": len(waiting), "longest": longest}, side=True)


def find(workspace: Any, q: str) -> tuple[Any, list[tuple[str, Any, str]]]:
    number = int(q.lstrip("#")) if q.lstrip("#").isdecimal() and len(q) < 10 else -1
    rows = shown(workspace).filter(Q(name__icontains=q) | Q(number=number)).order_by("-number")[:5]
    return _("Jobs"), [(job_name(row), f"#{row.number}", address(workspace.slug, row.number)) for row in rows]


def uses(workspace: Any, dataset: str) -> list[slots.Use]:
    """Jobs that read this dataset version."""
    rows = shown(workspace).filter(dataset=dataset).exclude(kind="prepare").order_by("-number")[:100]
    kinds = {"train": _("Training"), "evaluate": _("Evaluation"), "optimize": _("Variant"), "predict": _("Batch prediction")}
    return [
        slots.Use(
            kinds.get(row.kind) or called(row.kind),
            f"{job_name(row)} #{row.number}",
            address(workspace.slug, row.number),
            row,
            row.queued_at,
        )
        for row in rows
    ]


slots.uses.append(uses)
slots.searches.append(find)
