"""What is known to help a failed job, as a change of its settings."""

from typing import Any

from controlplane.jobs.models import Job
from workers.contract.states import JobState


def remedy(job: Job) -> dict[str, Any] | None:
    """A retry whose change is known to help: a quarter of the batch, accumulated as often, so that the result stays comparable."""
    params = job.work.get("params") or {}
    size = params.get("batch_size")
    if job.state != JobState.FAILED or (job.error or {}).get("code") != "out_of_memory" or not isinstance(size, int) or size < 2:
        return None
    smaller = max(1, size // 4)
    return {"batch_size": smaller, "accumulation": (params.get("gradient_accumulation_steps") or 1) * (size // smaller)}
