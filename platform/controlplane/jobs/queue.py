"""What people change about a job that waits: its priority, its turn among its own workspace's, the device it asks for."""

from datetime import timedelta
from typing import Literal

from django.db import transaction

from controlplane import catalog
from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.jobs.models import Job
from controlplane.jobs.scheduler import WHOLE, schedule
from workers.contract.states import JobState


def waiting(job: Job) -> Job:
    """The job, its row locked. Problem 409 once it has left the queue, where none of this means anything any more."""
    locked: Job | None = Job.objects.select_for_update().filter(pk=job.pk, state=JobState.QUEUED).first()
    if locked is None:
        raise Problem(409, "job_started", f"Job #{job.number} does not wait any more.")
    return locked


@transaction.atomic
def set_priority(*, job: Job, priority: int) -> Job:
    """Higher is served first. Raises Problem 409."""
    before = waiting(job).priority
    Job.objects.filter(pk=job.pk).update(priority=priority)
    record(action="job.priority", target=job, workspace=job.workspace_id, data={"job": job.number, "from": before, "to": priority})
    job.priority = priority
    transaction.on_commit(schedule)
    return job


@transaction.atomic
def move(*, job: Job, to: Literal["up", "down"]) -> Job:
    """Change places with the next or the previous job of the same priority in its workspace. Raises Problem 409 at the end of the line.

    Jobs of other workspaces are not overtaken this way: among workspaces the queue is fair by itself.
    """
    mine = waiting(job)
    line = list(Job.objects.filter(workspace=job.workspace_id, state=JobState.QUEUED, priority=mine.priority).order_by("turn", "pk"))
    at = next(place for place, other in enumerate(line) if other.pk == job.pk)
    there = at + (-1 if to == "up" else 1)
    if not 0 <= there < len(line):
        raise Problem(409, "no_further", f"No job of the same priority stands {'before' if to == 'up' else 'behind'} #{job.number}.")
    first, second = sorted((line[at], line[there]), key=line.index)
    later = second.turn if second.turn > first.turn else first.turn + timedelta(microseconds=1)
    Job.objects.filter(pk=first.pk).update(turn=later)
    Job.objects.filter(pk=second.pk).update(turn=first.turn)
    record(action="job.move", target=job, workspace=job.workspace_id, data={"job": job.number, "to": to, "past": line[there].number})
    transaction.on_commit(schedule)
    job.refresh_from_db()
    return job


def other_devices(job: Job) -> list[str]:
    """Kinds of devices this job could run on instead of the one it asks for."""
    spec = catalog.recipe(job.recipe)
    asked = job.resources.get("device", "cpu")
    return [kind for kind in spec.devices if kind != asked] if spec and job.kind in WHOLE else []


@transaction.atomic
def set_device(*, job: Job, device: str) -> Job:
    """Let it run on another kind of device than it was started for. Raises Problem 409, 422."""
    mine = waiting(job)
    if device not in [*other_devices(mine), mine.resources.get("device", "cpu")]:
        places = [{"loc": ["body", "device"], "msg": "not a device of this job"}]
        raise Problem(422, "wrong_device", f"Job #{job.number} cannot run on `{device[:20]}`.", errors=places)
    before = mine.resources.get("device", "cpu")
    Job.objects.filter(pk=job.pk).update(resources={**mine.resources, "device": device})
    record(action="job.device", target=job, workspace=job.workspace_id, data={"job": job.number, "from": before, "to": device})
    transaction.on_commit(schedule)
    job.refresh_from_db()
    return job
