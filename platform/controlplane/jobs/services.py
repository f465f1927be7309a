"""The verbs of the jobs room: create, cancel, resume, and the workers that join."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import models, transaction

from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.jobs import store
from controlplane.jobs.intake import delete_all
from controlplane.jobs.models import Job, JobCounter
from controlplane.jobs.scheduler import schedule
from controlplane.jobs.transitions import move, now
from workers.contract.orders import Resources, Work
from workers.contract.states import FINAL, JobState

_users: list[Callable[[Job], list[str]]] = []


def users_hook(find: Callable[[Job], list[str]]) -> Callable[[Job], list[str]]:
    """Let a room above name what an ended job has made and still explains (`model reviews-clf@1`); usable as a decorator."""
    _users.append(find)
    return find


def next_number(workspace_id: int) -> int:
    """The workspace's next job number. Inside a transaction; the counter's row is the lock."""
    JobCounter.objects.get_or_create(workspace_id=workspace_id)
    JobCounter.objects.filter(workspace_id=workspace_id).update(last=models.F("last") + 1)
    return JobCounter.objects.values_list("last", flat=True).get(workspace_id=workspace_id)


def create_job(
    *,
    workspace: Any,
    user: Any,
    kind: str,
    name: str,
    work: Work,
    resources: Resources | None = None,
    priority: int = 0,
    request: dict[str, Any] | None = None,
    recipe: str = "",
    dataset: str = "",
    network: str = "none",
) -> Job:
    """Write the job down and give it a place at once if there is one. work: with storage URIs, no links."""
    at = now()
    with transaction.atomic():
        job = Job.objects.create(
            workspace=workspace,
            number=next_number(workspace.pk),
            kind=kind,
            name=name[:200],
            work=work.model_dump(mode="json"),
            network=network,
            request=request or {},
            recipe=recipe,
            dataset=dataset,
            resources=(resources or Resources()).model_dump(mode="json"),
            priority=priority,
            created_by=user,
            queued_at=at,
            turn=at,
        )
        store.append_state(job=job, attempt=0, data={"state": JobState.QUEUED, "reason": None})
        record(action=f"{kind}.start", target=job, workspace=workspace, data={"job": job.number, "name": job.name})
        transaction.on_commit(schedule)
    job.refresh_from_db()
    return job


def cancel_job(*, job: Job, keep: bool = True) -> Job:
    """Ask a job to stop. A queued one is cancelled at once; a working one stops politely first, then is killed."""
    with transaction.atomic():
        job.refresh_from_db()
        if job.state in FINAL:
            raise Problem(
                409, "job_ended", f"Job #{job.number} has already {job.state}.", hint="Only queued or running jobs can be stopped."
            )
        asked: dict[str, Any] = {"stop": "keep" if keep else "discard", "keep": keep, "stop_asked_at": now()}
        if job.state == JobState.QUEUED:
            move(job, JobState.CANCELLED, **asked)
        elif job.state == JobState.CANCELLING:
            Job.objects.filter(pk=job.pk).update(stop=asked["stop"], keep=keep)
        else:
            move(job, JobState.CANCELLING, **asked)
        record(action="job.cancel", target=job, workspace=job.workspace, data={"job": job.number, "kind": job.kind, "keep": keep})
    job.refresh_from_db()
    return job


def resume_job(*, job: Job, from_step: int | None = None, params: dict[str, Any] | None = None) -> Job:
    """Continue a failed or cancelled job as its next attempt, from the newest checkpoint (or the newest up to `from_step`).

    params: complete, already validated by the recipe's spec; None keeps the job's.
    """
    with transaction.atomic():
        job.refresh_from_db()
        if job.state not in (JobState.FAILED, JobState.CANCELLED):
            raise Problem(409, "not_resumable", f"Job #{job.number} is {job.state}.", hint="Only failed or stopped jobs can be resumed.")
        if from_step is not None and not job.checkpoints.filter(step=from_step).exists():
            steps = list(job.checkpoints.order_by("step").values_list("step", flat=True))
            raise Problem(
                422, "no_such_checkpoint", f"Job #{job.number} has no checkpoint of step {from_step}.", hint=f"Its checkpoints: {steps}."
            )
        work = dict(job.work)
        if params is not None:
            work["params"] = params
        request, at = {**job.request, "from_step": from_step}, now()
        move(
            job, JobState.QUEUED, work=work, request=request, error=None, stop="", stop_asked_at=None,
            restarts=0, settled=False, folded=False, finished_at=None, queued_at=at, turn=at,
        )  # fmt: skip
        record(action="job.resume", target=job, workspace=job.workspace, data={"job": job.number, "from_step": from_step})
        transaction.on_commit(schedule)
    job.refresh_from_db()
    return job


def delete_job(*, job: Job) -> None:
    """Remove an ended job with its log, figures and checkpoints. Raises Problem 409 while it works or while what it made is kept."""
    with transaction.atomic():
        job = Job.objects.select_for_update().get(pk=job.pk)
        if job.state not in FINAL:
            raise Problem(409, "job_not_ended", f"Job #{job.number} is {job.state}.", hint="Stop it first.")
        if users := [user for find in _users for user in find(job)]:
            raise Problem(409, "in_use", f"Job #{job.number} is how {', '.join(users[:10])} came to be.", hint="Delete what it made first.")
        uris = [file["uri"] for files in job.checkpoints.values_list("files", flat=True) for file in files]
        record(action="job.delete", target=job, workspace=job.workspace, data={"job": job.number, "kind": job.kind, "name": job.name})
        job.delete()
        transaction.on_commit(partial(delete_all, uris))
