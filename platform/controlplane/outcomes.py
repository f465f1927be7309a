"""A job ended, or a replica is ready: match the kind to the room's verb. Used by the workers' door and by the control loop."""

from typing import Any

from django.db import transaction

from controlplane.data import services as data
from controlplane.errors import Problem
from controlplane.jobs import leases, metrics, telling
from controlplane.jobs.models import Allocation, Attempt, Job
from controlplane.jobs.transitions import Conflict, move, now
from controlplane.registry import services as registry
from controlplane.serving import services as serving
from workers.contract.events import End
from workers.contract.states import FINAL, AttemptState, JobState


def attempt_ended(allocation: Allocation, end: End) -> None:
    """The last word of an attempt. Said twice, it does nothing the second time."""
    with transaction.atomic():
        attempt = allocation.attempt
        job = attempt.job
        if end.outcome == "lost":
            leases.lose(attempt, end.error or {"code": "worker_lost", "message": "The process was ended from outside."})
            settle_final(job)
            return
        if not leases.release(attempt, AttemptState.ENDED, end.error, end.peak_bytes):
            return
        job.refresh_from_db()
        finish(job, end)


def attempt_lost(attempt: Attempt) -> None:
    """The reaper's word: the lease ran out."""
    error = {"code": "worker_lost", "message": f"Nothing was heard of attempt {attempt.number} for too long.", "hint": "", "loc": {}}
    with transaction.atomic():
        settle_final(leases.lose(attempt, error))


def settle_final(job: Job) -> None:
    """Let the room know of a job that became final without its child's word: cancelled while queued, or lost once too often."""
    job.refresh_from_db()
    if job.state not in FINAL or job.settled:
        return
    end = End(outcome="cancelled" if job.state == JobState.CANCELLED else "failed", error=job.error)
    model = settle(job, end)
    Job.objects.filter(pk=job.pk).update(settled=True, model=model or job.model)
    telling.ended(job)


def settle_all() -> int:
    """The control loop's backstop for `settle_final`; returns how many were left."""
    left = list(Job.objects.filter(state__in=FINAL, settled=False).select_related("workspace")[:100])
    for job in left:
        with transaction.atomic():
            settle_final(job)
    return len(left)


def finish(job: Job, end: End) -> None:
    """Let the room take what was made, then move the job to its final state. What cannot be taken fails the job, named."""
    try:
        with transaction.atomic():
            model = settle(job, end)
    except Problem as problem:
        error = {"code": problem.code, "message": problem.detail, "hint": problem.hint, "loc": {}}
        end, model = End(outcome="failed", error=error), None
        settle(job, end)
    state = {"succeeded": JobState.SUCCEEDED, "cancelled": JobState.CANCELLED}.get(end.outcome, JobState.FAILED)
    if state == JobState.CANCELLED and job.state != JobState.CANCELLING:
        state = JobState.FAILED  # nobody asked: the child gave up by itself
    if state == JobState.FAILED and job.state == JobState.CANCELLING:
        state = JobState.CANCELLED
    fields: dict[str, Any] = {"model": model or job.model, "settled": True}
    if end.result and end.result.get("metrics"):
        fields["metrics"] = held_out(job, end.result["metrics"])
    if state == JobState.FAILED:
        fields["error"] = end.error or {"code": "crashed", "message": "The job ended without a word.", "hint": "See its log.", "loc": {}}
    try:
        move(job, state, **fields)
    except Conflict:
        return  # somebody else has ended it
    telling.ended(job)


def held_out(job: Job, results: dict[str, Any]) -> dict[str, Any]:
    """The job's metrics with what its child measured last, each as a curve of one point; a curve that is there stays."""
    known = dict(job.metrics)
    at = now().timestamp()
    for key, value in results.items():
        if key not in known and isinstance(value, int | float):
            points = metrics.Points.of([(float(job.progress.get("step") or 0), value, at)])
            metrics.append(job.pk, key, points)
            metrics.fold_metrics(known, key, points)
    return known


def settle(job: Job, end: End) -> str | None:
    """The room's verb for this kind; for a training job the reference `name@n` of what it made."""
    match job.kind:
        case "prepare":
            data.preparation_ended(job=job, end=end)
        case "import":
            registry.import_ended(job=job, end=end)
        case "train":
            version = registry.training_ended(job=job, end=end)
            return str(version) if version else None
        case "evaluate":
            registry.evaluation_ended(job=job, end=end)
        case "optimize":
            registry.optimisation_ended(job=job, end=end)
        case "predict":
            registry.prediction_ended(job=job, end=end)
        case "serve":
            serving.replica_ended(job=job, end=end)
    return None


def replica_ready(allocation: Allocation, data: dict[str, Any]) -> None:
    """A replica is warm and checked, and told where it listens."""
    host = allocation.worker.host
    serving.replica_ready(job=allocation.attempt.job, data={**data, "host": host})


def heard(allocation: Allocation, cpu: float | None, memory: int | None) -> None:
    """A heartbeat says what its process uses; of a replica that is kept."""
    if allocation.attempt.job.kind == "serve":
        serving.replica_measured(job=allocation.attempt.job, allocation=allocation, cpu=cpu, memory=memory)
