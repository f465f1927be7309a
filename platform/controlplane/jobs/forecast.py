"""When what waits will start, as far as it can be known: places come free as running jobs end, and are taken in the queue's order.

A guess from what jobs say of themselves and from how long their like took; None where neither is known.
"""

import statistics
from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from controlplane.jobs.models import Allocation, Job
from controlplane.jobs.scheduler import LIGHT_SLOTS, WHOLE, hosts, queue
from controlplane.jobs.transitions import now
from workers.contract.states import JobState

UNFIT = frozenset({"waiting_for_memory", "no_device", "no_worker"})  # a free place would not help
EARLIER = 5  # jobs of the same recipe that are looked at


class Place(NamedTuple):
    """Where a job may run. at: when it comes free, None = nobody knows · after: the job that has to end first, None = it is free."""

    at: datetime | None
    worker: str
    after: Job | None = None


class Start(NamedTuple):
    """When and where a job will start. holders: the jobs that have the places it could take, those that end first before others."""

    at: datetime | None = None
    worker: str = ""
    after: Job | None = None
    holders: tuple[Job, ...] = ()


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


def starts(line: list[Job] | None = None) -> dict[int, Start]:
    """{primary key of each queued job: when and where it will start}. line: the queue, where it is known already."""
    usual, at, line = Usual(), now(), queue() if line is None else line
    places: dict[str, list[Place]] = defaultdict(list)
    for host in hosts():
        for device in host.worker.devices:
            if device["id"] not in host.whole:
                places[device["kind"]].append(Place(at, host.worker.name))
        places["light"] += [Place(at, host.worker.name)] * max(0, LIGHT_SLOTS - host.light)
    for place in Allocation.objects.filter(released_at=None, worker__draining=False).select_related("attempt__job__workspace", "worker"):
        if place.slot != "memory":
            kind = "light" if place.slot == "light" else place.device.split(":")[0]
            job = place.attempt.job
            places[kind].append(Place(ends(job, usual, at), place.worker.name, job))
    return {job.pk: _take(places["light" if job.kind not in WHOLE else job.resources.get("device", "cpu")], job, usual) for job in line}


def _take(places: list[Place], job: Job, usual: Usual) -> Start:
    """The earliest of these places, which is free again when this job is over."""
    places.sort(key=lambda place: (place.at is None, place.at or job.queued_at))
    holders = tuple(place.after for place in places if place.after)
    if not places or places[0].at is None or job.kind == "serve" or (job.reason or {}).get("code") in UNFIT:
        return Start(holders=holders)
    first = places.pop(0)
    span = usual.of(job)
    places.append(Place(first.at + span if first.at and span else None, first.worker, job))
    return Start(first.at, first.worker, first.after, holders)
