"""Claims, heartbeats, leases and their end: the life of an attempt as the door and the reaper see it."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from controlplane import artifacts, dispatch
from controlplane.errors import Problem
from controlplane.jobs.models import Allocation, Attempt, Job, Worker
from controlplane.jobs.scheduler import ONLINE, schedule
from controlplane.jobs.transitions import Conflict, move, newest, now
from workers.contract.events import Desired
from workers.contract.names import (
    INFRASTRUCTURE_RESTARTS,
    LEASE_SECONDS,
    POLITE_STOP_SECONDS,
    REPORT_IDLE_SECONDS,
    REPORT_WATCHED_SECONDS,
    RESEND_SECONDS,
)
from workers.contract.orders import CheckpointRef, Claimed, FileRef, Order, Resources
from workers.contract.states import FINAL, AttemptState, JobState

STALE = Problem(409, "stale_attempt", "A newer attempt owns this job, or this one has ended.")
SERVE_THREADS = 1
LEASE, RESEND = timedelta(seconds=LEASE_SECONDS), timedelta(seconds=RESEND_SECONDS)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def claim(*, allocation_id: int, worker: Worker) -> Claimed:
    """Give the allocation's order to the first who asks; 409 to everybody after, and for what is no longer granted."""
    token = "att_" + secrets.token_urlsafe(32)
    at = now()
    with transaction.atomic():
        allocation = Allocation.objects.select_related("attempt__job__workspace").filter(pk=allocation_id, worker=worker).first()
        if allocation is None:
            raise Problem(404, "not_found", "No such allocation on this worker.")
        job = allocation.attempt.job
        won = Allocation.objects.filter(pk=allocation.pk, claimed_at=None, released_at=None).update(
            claimed_at=at, seen_at=at, lease_until=at + timedelta(seconds=LEASE_SECONDS), token_hash=digest(token)
        )
        if won != 1 or job.state not in (JobState.STARTING, JobState.CANCELLING):
            raise Problem(409, "not_granted", "This allocation is claimed already or no longer granted.")
        Attempt.objects.filter(pk=allocation.attempt_id).update(state=AttemptState.RUNNING, started_at=at)
        if job.state == JobState.STARTING:
            move(job, JobState.RUNNING, started_at=job.started_at or at)
    return Claimed(order=order_of(allocation), token=token, lease=LEASE_SECONDS)


def order_of(allocation: Allocation) -> Order:
    """The order with its links filled in, and the newest checkpoint to go on from."""
    job = allocation.attempt.job
    work = dict(job.work)
    if job.kind == "train":
        work |= resume_points(job)
    return Order(
        workspace=job.workspace.slug,
        job=str(job.pk),
        attempt=allocation.attempt.number,
        rank=allocation.rank,
        device=allocation.device,
        threads=SERVE_THREADS if job.kind == "serve" else max(1, allocation.worker.cpus),
        resources=Resources(**job.resources),
        network=job.network,  # type: ignore[arg-type]
        work=artifacts.fill(work),
    )


def resume_points(job: Job) -> dict[str, Any]:
    """The newest checkpoint to go on from, older ones for when its bytes are damaged, and the best so far."""
    points = job.checkpoints.order_by("-step")
    limit = job.request.get("from_step")
    if limit is not None:
        points = points.filter(step__lte=limit)
    rows = list(points)
    refs = [CheckpointRef(step=row.step, files=[FileRef(**f) for f in row.files]).model_dump() for row in rows]
    best = next((ref for row, ref in zip(rows, refs, strict=True) if row.best and ref is not refs[0]), None)
    return {"resume": refs[0] if refs else None, "fallback": refs[1:], "best": best}


def of_token(allocation_id: int, token: str) -> Allocation:
    """The allocation this secret belongs to, if it is still the job's newest attempt and has not ended; else 409."""
    allocation = (
        Allocation.objects.select_related("attempt__job__workspace", "worker").filter(pk=allocation_id, token_hash=digest(token)).first()
        if token
        else None
    )
    if allocation is None:
        raise Problem(401, "bad_token", "This attempt's token is not known.")
    if allocation.released_at is not None and allocation.attempt.state != AttemptState.LOST:
        raise STALE
    if newest(allocation.attempt.job) != allocation.attempt.number:
        raise STALE
    return allocation


def heartbeat(allocation: Allocation) -> Desired:
    """Renew the lease. A late one revives an attempt given up for lost, as long as no newer one has been granted."""
    at = now()
    with transaction.atomic():
        if allocation.attempt.state == AttemptState.LOST:
            revive(allocation)
        Allocation.objects.filter(pk=allocation.pk).update(seen_at=at, lease_until=at + timedelta(seconds=LEASE_SECONDS))
    return desired(allocation)


def revive(allocation: Allocation) -> None:
    job = allocation.attempt.job
    if Attempt.objects.filter(pk=allocation.attempt_id, state=AttemptState.LOST).update(state=AttemptState.RUNNING, ended_at=None) != 1:
        raise STALE
    Allocation.objects.filter(pk=allocation.pk).update(released_at=None)
    try:
        move(job, JobState.RUNNING, restarts=max(0, job.restarts - 1))
    except Conflict:
        raise STALE from None


def desired(allocation: Allocation) -> Desired:
    """What the control plane wants of this attempt now."""
    job = Job.objects.only("pk", "stop", "stop_asked_at").get(pk=allocation.attempt.job_id)
    stop = job.stop or None
    if stop and job.stop_asked_at and now() - job.stop_asked_at > timedelta(seconds=2 * POLITE_STOP_SECONDS + LEASE_SECONDS):
        stop = "kill"
    report = REPORT_WATCHED_SECONDS if dispatch.watched(job.pk) else REPORT_IDLE_SECONDS
    return Desired(stop=stop, report=report, acked=allocation.seq)  # type: ignore[arg-type]


def release(attempt: Attempt, state: AttemptState, error: dict[str, Any] | None = None, peak: int | None = None) -> bool:
    """End an attempt once; its places are free. False if it had ended before."""
    at = now()
    open_states = [AttemptState.GRANTED, AttemptState.RUNNING, AttemptState.LOST]
    changed = Attempt.objects.filter(pk=attempt.pk, state__in=open_states).update(state=state, ended_at=at, error=error, peak_bytes=peak)
    Allocation.objects.filter(attempt=attempt, released_at=None).update(released_at=at)
    return changed == 1


def lose(attempt: Attempt, error: dict[str, Any]) -> Job:
    """An attempt is gone without its own fault: the job waits for another place, or fails after too many of these."""
    job = attempt.job
    release(attempt, AttemptState.LOST, error)
    job.refresh_from_db()
    if job.state in FINAL:
        return job
    if job.state == JobState.CANCELLING:
        move(job, JobState.CANCELLED)
    elif job.kind == "serve" or job.restarts >= INFRASTRUCTURE_RESTARTS:
        move(job, JobState.FAILED, error=error)
    else:
        at, reason = now(), {"code": "restarting", "message": error["message"]}
        move(job, JobState.QUEUED, reason=reason, restarts=job.restarts + 1, queued_at=at, turn=at)
        transaction.on_commit(schedule)
    return job


def outside(field: str, *, since: timedelta, until: timedelta) -> Q:
    """Rows whose time lies before `since` or after `until` from now: what lies too far ahead was written before the clock was set back."""
    at = now()
    return Q(**{f"{field}__lt": at + since}) | Q(**{f"{field}__gt": at + until})


def overdue(share: float = 0.2) -> list[Attempt]:
    """Attempts whose lease ran out, oldest first, only a share of all live ones, so that our own blindness never reaps everything."""
    live = Allocation.objects.filter(released_at=None, claimed_at__isnull=False)
    take = max(1, int(live.count() * share))
    late = (
        live.filter(outside("lease_until", since=timedelta(0), until=2 * LEASE))
        .order_by("lease_until")
        .select_related("attempt__job__workspace")[:take]
    )
    return [a.attempt for a in late]


def unclaimed() -> list[Allocation]:
    """Granted places nobody has claimed in time."""
    return list(
        Allocation.objects.filter(outside("hinted_at", since=-RESEND, until=RESEND), released_at=None, claimed_at=None).select_related(
            "attempt__job__workspace", "worker"
        )[:500]
    )


def resend() -> int:
    """Hint again what is granted and unclaimed; take it back from a host that has gone. A query, not a table."""
    sent = 0
    for allocation in unclaimed():
        if allocation.attempt.job.state == JobState.CANCELLING or allocation.worker.seen_at < now() - 2 * ONLINE:
            with transaction.atomic():
                lose(allocation.attempt, {"code": "worker_gone", "message": f"Worker {allocation.worker.name} did not take the job."})
            continue
        Allocation.objects.filter(pk=allocation.pk).update(hinted_at=now())
        dispatch.hint(allocation.worker.name, allocation.pk)
        sent += 1
    return sent


def has_ended(allocation_id: int, token: str) -> bool:
    """Whether this attempt has said its last word already."""
    return Allocation.objects.filter(pk=allocation_id, token_hash=digest(token), attempt__state=AttemptState.ENDED).exists()
