"""Rows as finished and running jobs leave them, written straight into the database: many, and in any state."""

from datetime import timedelta
from typing import Any

from controlplane.jobs.models import Job, JobCounter
from controlplane.jobs.transitions import now
from controlplane.workspaces.models import Workspace


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
