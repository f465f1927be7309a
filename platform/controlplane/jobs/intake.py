"""What workers report, written down: batches of events into the store, metrics, samples, checkpoints and progress.

A batch is unique by attempt, rank and sequence; what has been seen is skipped, so replays do no harm.
"""

import math
from collections import defaultdict
from functools import partial
from typing import Any

from django.db import transaction

from controlplane import artifacts
from controlplane.errors import Problem
from controlplane.jobs import leases, metrics, store
from controlplane.jobs.models import Allocation, Checkpoint, Job, Sample
from controlplane.jobs.transitions import now
from workers.contract.events import Batch, Desired, Event, UploadAsk, UploadSlot
from workers.contract.names import LOG_LINE_MAX

KEYS_MAX = 1000
KEEP_CHECKPOINTS = 2
FOLDERS = ("model", "shards", "evaluation", "predictions", "checkpoints/")


def take(allocation: Allocation, batch: Batch) -> tuple[Desired, list[Event]]:
    """Store a batch. Returns the door's word and the `ready` events, which concern the serving room."""
    with transaction.atomic():
        job = Job.objects.select_for_update().get(pk=allocation.attempt.job_id)
        allocation.refresh_from_db(fields=["seq"])
        fresh = [clean(e) for e in batch.events if e.seq > allocation.seq]
        if fresh:
            if fresh[0].seq != allocation.seq + 1:
                raise Problem(409, "gap", f"Events after {allocation.seq} were expected, got {fresh[0].seq}.")
            number = allocation.attempt.number
            store.append(job=job.pk, attempt=number, rank=allocation.rank, first_seq=fresh[0].seq, events=fresh)
            apply(job, number, fresh)
            allocation.seq = fresh[-1].seq
            Allocation.objects.filter(pk=allocation.pk).update(seq=allocation.seq)
    desired = leases.heartbeat(allocation)
    desired.acked = allocation.seq
    return desired, [e for e in fresh if e.type == "ready"]


def clean(event: Event) -> Event:
    """Bounds on what a child may say; cut visibly, never dropped."""
    if event.type == "log":
        text = str(event.data.get("text", ""))
        if len(text) > LOG_LINE_MAX:
            event.data["text"] = text[:LOG_LINE_MAX] + f" … ({len(text) - LOG_LINE_MAX} characters cut)"
    if event.type == "metric":
        values = event.data.get("values") or {}
        event.data["values"] = {str(k)[:200]: finite(v) for k, v in values.items()}
    return event


def finite(value: Any) -> float | None:
    """Non-finite numbers are null on the wire."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def apply(job: Job, attempt: int, events: list[Event]) -> None:
    """Bring the job's own columns up to date with what happened."""
    series: dict[str, metrics.Points] = defaultdict(metrics.Points.of)
    progress: dict[str, Any] | None = None
    for event in events:
        if event.type == "metric":
            for key, value in event.data["values"].items():
                series[key].add(float(event.data.get("step") or 0), math.nan if value is None else value, event.time)
        elif event.type == "progress":
            progress = event.data
        elif event.type == "sample":
            Sample.objects.create(job=job, step=event.data.get("step") or 0, cursor=0, data=event.data, created_at=now())
        elif event.type == "checkpoint":
            add_checkpoint(job, attempt, event.data)
    known = job.metrics
    for key, points in series.items():
        if key in known or len(known) < KEYS_MAX:
            metrics.append(job.pk, key, points)
            metrics.fold_metrics(known, key, points)
    changes: dict[str, Any] = {}
    if series:
        changes["metrics"] = known
    if progress is not None:
        changes["progress"] = {k: progress.get(k) for k in ("step", "total_steps", "epoch", "eta_seconds")}
    if changes:
        Job.objects.filter(pk=job.pk).update(**changes)


def add_checkpoint(job: Job, attempt: int, data: dict[str, Any]) -> None:
    """A checkpoint counts now: its files are stored and their manifest is here. Older ones beyond the last two and the best go."""
    files = data["files"]
    step = int(data["step"])
    if data.get("best"):
        job.checkpoints.update(best=False)
    Checkpoint.objects.update_or_create(
        job=job,
        step=step,
        defaults={
            "attempt": attempt,
            "metrics": data.get("metrics") or {},
            "best": bool(data.get("best")),
            "files": files,
            "size_bytes": sum(f.get("size", 0) for f in files),
            "created_at": now(),
        },
    )
    keep = list(job.checkpoints.order_by("-step").values_list("pk", flat=True)[:KEEP_CHECKPOINTS])
    for old in job.checkpoints.filter(best=False).exclude(pk__in=keep):
        uris = [f["uri"] for f in old.files]
        old.delete()
        transaction.on_commit(partial(delete_all, uris))


def delete_all(uris: list[str]) -> None:
    for uri in uris:
        artifacts.delete(uri)


def slots(allocation: Allocation, ask: UploadAsk) -> list[UploadSlot]:
    """Where a shepherd may put files: below its own attempt only."""
    if not (ask.folder in FOLDERS or any(f.endswith("/") and ask.folder.startswith(f) for f in FOLDERS)):
        raise Problem(422, "bad_folder", f"Folder {ask.folder!r} is not one of {FOLDERS}.")
    attempt = allocation.attempt
    base = f"ws/{attempt.job.workspace_id}/jobs/{attempt.job_id}/{attempt.number}/{ask.folder}"
    try:
        return [artifacts.slot(f"{base}/{file.name}", name=file.name) for file in ask.files]
    except ValueError as error:
        raise Problem(422, "bad_name", f"A file cannot be stored under this name: {error}.") from None


def known_uris(allocation: Allocation) -> set[str]:
    """The files this attempt may read: those its order names, and its job's checkpoints."""
    job = allocation.attempt.job
    uris: set[str] = set()
    stack: list[Any] = [job.work, list(job.checkpoints.values_list("files", flat=True))]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if isinstance(value.get("uri"), str):
                uris.add(value["uri"])
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return uris
