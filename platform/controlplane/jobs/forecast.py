"""When what waits will start, as far as it can be known: places come free as running jobs end, and are taken in the queue's order.

A guess from what jobs say of themselves and from how long their like took; None where neither is known.
"""

import statistics
from collections import defaultdict
from datetime import datetime, timedelta

from controlplane.jobs.models import Allocation, Job
from controlplane.jobs.scheduler import LIGHT_SLOTS, WHOLE, hosts, queue
from controlplane.jobs.transitions import now
from workers.contract.states import JobState

UNFIT = frozenset({"waiting_for_memory", "no_device", "no_worker"})  # a free place would not help
EARLIER = 5  # jobs of the same recipe that are looked at


class Usual:
    """How long jobs like this one took, asked once for each like."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str, str], timedelta | None] = {}

    def of(self, job: Job) -> timedelta | None:
        like = (job.workspace_id, job.kind, job.recipe)
        if like not in self.known:
            rows = Job.objects.filter(workspace_id=like[0], kind=like[1], recipe=like[2], state=JobState.SUCCEEDED).order_by("-number")
            spans = [end - begun for begun, end in rows.values_list("started_at", "finished_at")[:EARLIER] if begun and end]
            self.known[like] = statistics.median(spans) if spans else None
        return self.known[like]


def ends(job: Job, usual: Usual, at: datetime) -> datetime | None:
    """When a running job will be over."""
    eta = (job.progress or {}).get("eta_seconds")
    if isinstance(eta, int | float):
        return at + timedelta(seconds=eta)
    span = usual.of(job)
    return max(at, (job.started_at or at) + span) if span else None


def starts() -> dict[int, datetime | None]:
    """{primary key of each queued job: when it will start}."""
    usual, at = Usual(), now()
    free: dict[str, list[datetime | None]] = defaultdict(list)
    for host in hosts():
        for device in host.worker.devices:
            if device["id"] not in host.whole:
                free[device["kind"]].append(at)
        free["light"] += [at] * max(0, LIGHT_SLOTS - host.light)
    for place in Allocation.objects.filter(released_at=None, worker__draining=False).select_related("attempt__job", "worker"):
        if place.slot != "memory":
            kind = "light" if place.slot == "light" else place.device.split(":")[0]
            free[kind].append(ends(place.attempt.job, usual, at))
    return {job.pk: _take(free["light" if job.kind not in WHOLE else job.resources.get("device", "cpu")], job, usual) for job in queue()}


def _take(places: list[datetime | None], job: Job, usual: Usual) -> datetime | None:
    """The earliest of these places, which is free again when this job is over."""
    known = [place for place in places if place is not None]
    if not known or job.kind == "serve" or (job.reason or {}).get("code") in UNFIT:
        return None
    begin = min(known)
    places.remove(begin)
    span = usual.of(job)
    places.append(begin + span if span else None)
    return begin
