"""One state machine: every change of a job's state is one compare-and-set against `TRANSITIONS`.

What came first wins; what came late gets a Conflict.
"""

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from controlplane.jobs import store
from controlplane.jobs.models import Attempt, Job
from workers.contract.states import FINAL, TRANSITIONS, JobState


class Conflict(Exception):
    """The job was not in a state from which this change is allowed."""


def now() -> datetime:
    return timezone.now()


def move(job: Job, to: JobState, *, reason: dict[str, Any] | None = None, **fields: Any) -> None:
    """Compare-and-set the job to `to` from any state the table allows; raises Conflict otherwise. Inside a transaction."""
    allowed = [state for state, targets in TRANSITIONS.items() if to in targets]
    fields = {"state": to, "reason": reason, **fields}
    if to in FINAL:
        fields.setdefault("finished_at", now())
    if Job.objects.filter(pk=job.pk, state__in=allowed).update(**fields) != 1:
        raise Conflict(f"job {job.pk} cannot become {to}")
    for name, value in fields.items():
        setattr(job, name, value)
    store.append_state(job=job, attempt=newest(job), data={"state": to, "reason": reason, "error": job.error, "model": job.model or None})


def newest(job: Job) -> int:
    """The number of the job's newest attempt, 0 before the first."""
    return Attempt.objects.filter(job=job).aggregate(n=models.Max("number"))["n"] or 0


def set_reason(job: Job, code: str, message: str) -> None:
    """Why it waits, shown beside the state; written only when it changes."""
    reason = {"code": code, "message": message}
    if job.reason != reason:
        job.reason = reason
        Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(reason=reason)
