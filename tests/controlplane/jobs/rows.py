"""Rows as finished and running jobs leave them, written straight into the database: many, and in any state."""

import math
from datetime import timedelta
from typing import Any

from controlplane.jobs import metrics, store
from controlplane.jobs.models import Job, JobCounter
from controlplane.jobs.transitions import now
from controlplane.workspaces.models import Workspace
from django.db import transaction

from workers.contract.events import Event


def job_rows(workspace: Workspace, user: Any, count: int, **more: Any) -> list[Job]:
    """`count` more training jobs of a workspace, oldest first. more: fields that all of them have."""
    counter, _ = JobCounter.objects.get_or_create(workspace=workspace)
    at = now()
    rows = []
    for number in range(counter.last + 1, counter.last + count + 1):
        fields: dict[str, Any] = {
            "kind": "train",
            "name": f"reviews run {number}",
            "state": "succeeded",
            "recipe": "text-classification/finetune",
            "dataset": "reviews@1",
            "work": {"params": {"learning_rate": 1e-4 * (1 + number % 3), "epochs": 3, "batch_size": 16}},
            "request": {"model_name": "reviews"},
            "progress": {"step": 100 + number, "total_steps": 400, "epoch": 1.5},
            "metrics": {
                "eval/loss": {"last": 0.5 + number / 1e5, "best": 0.4, "min": 0.4, "max": 1.2, "step": 100},
                "eval/accuracy": {"last": 0.9 - number / 1e5, "best": 0.95, "min": 0.5, "max": 0.95, "step": 100},
                "train/learning_rate": {"last": 1e-4, "best": 2e-4, "min": 1e-5, "max": 2e-4, "step": 100},
            },
            "queued_at": at,
            "started_at": at - timedelta(minutes=30),
            "finished_at": at - timedelta(minutes=30 - number % 20),
            "created_by": user,
        }
        rows.append(Job(workspace=workspace, number=number, **(fields | more)))
    made = Job.objects.bulk_create(rows, batch_size=500)
    JobCounter.objects.filter(workspace=workspace).update(last=counter.last + count)
    return made


def log_rows(job: Job, lines: int, *, error_at: int = 0) -> None:
    """A log of that many lines as an ended job keeps it: a few large chunks."""
    at = now().timestamp() - lines / 100
    for first in range(0, lines, 8000):
        events = []
        for line in range(first + 1, min(first + 8000, lines) + 1):
            text = f"step={line} loss={1 / (1 + line / 5e4):.4f} lr=1.83e-04 grad_norm=0.91 tok/s=11,869"
            level = "error" if line == error_at else "warning" if line % 997 == 0 else "info"
            events.append(Event(seq=line, time=at + line / 100, type="log", data={"level": level, "text": text}))
        with transaction.atomic():
            store.append(job=job.pk, attempt=1, rank=0, first_seq=first + 1, events=events)
    job.refresh_from_db()


def curve(job: Job, key: str, points: int, *, noise: float = 0.05, start: float = 3.3, floor: float = 0.9) -> None:
    """A metric that falls and trembles, as its job would have logged it."""
    began = (job.started_at or now()).timestamp()
    rows = []
    for step in range(points):
        wobble = noise * math.sin(step * 12.9898) * math.cos(step * 78.233)
        rows.append((float(step), floor + (start - floor) * math.exp(-4 * step / points) + wobble, began + step / 2))
    known = Job.objects.get(pk=job.pk).metrics
    metrics.append(job.pk, key, metrics.Points.of(rows))
    metrics.fold_metrics(known, key, metrics.Points.of(rows))
    Job.objects.filter(pk=job.pk).update(metrics=known)
