"""What the API says of jobs and workers. Plain functions from row to JSON: the fields are `api.md`'s."""

from datetime import datetime
from typing import Any

from controlplane.jobs.models import Job, Worker
from controlplane.jobs.scheduler import ONLINE
from controlplane.jobs.transitions import now
from workers.contract.states import JobState


def when(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def job_json(job: Job) -> dict[str, Any]:
    """One job. `columns`, `base_model` and `params` are those used, after presets and defaults."""
    work = job.work
    return {
        "id": str(job.number),
        "kind": job.kind,
        "recipe": job.recipe or None,
        "task": job.recipe.split("/")[0] if job.recipe else work.get("task"),
        "name": job.name,
        "dataset": job.dataset or None,
        "columns": work.get("columns") or {},
        "base_model": job.request.get("base_model"),
        "preset": job.request.get("preset"),
        "model_name": job.request.get("model_name"),
        "params": work.get("params") or work.get("options") or {},
        "resources": job.resources,
        "priority": job.priority,
        "state": job.state,
        "reason": job.reason,
        "progress": {key: job.progress.get(key) for key in ("step", "total_steps", "epoch", "eta_seconds")},
        "error": job.error,
        "attempt": max((attempt.number for attempt in job.attempts.all()), default=0),  # lists prefetch them
        "metrics": job.metrics,
        "model": job.model or None,
        "cursor": job.cursor,
        "created_by": job.created_by.email if job.created_by else None,
        "created_at": when(job.created_at),
        "started_at": when(job.started_at),
        "finished_at": when(job.finished_at),
    }


def worker_state(worker: Worker) -> str:
    if worker.seen_at < now() - ONLINE:
        return "offline"
    return "draining" if worker.draining else "online"


def worker_json(worker: Worker) -> dict[str, Any]:
    """A host with what runs on it: only job kinds and numbers' owners are left out, since hosts serve every workspace."""
    current = worker.allocations.filter(released_at=None)
    return {
        "name": worker.name,
        "state": worker_state(worker),
        "devices": worker.devices,
        "cpus": worker.cpus,
        "memory_bytes": worker.memory_bytes,
        "load": worker.load,
        "running": current.filter(attempt__job__state__in=[JobState.RUNNING, JobState.CANCELLING]).count(),
        "allocated": current.count(),
        "joined_at": when(worker.joined_at),
        "seen_at": when(worker.seen_at),
    }
