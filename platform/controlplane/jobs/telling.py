"""Who is told that a job has ended: the person who started it. Stopping it oneself is no news."""

from typing import Any

from django.urls import reverse

from controlplane.jobs.models import Job
from controlplane.jobs.transitions import newest
from controlplane.notifications.services import notify
from workers.contract.states import JobState

SILENT = frozenset({"serve"})  # endpoints speak for their replicas


def ended(job: Job) -> None:
    """Inside the transaction that ended it. Of a preparing job its dataset is the news."""
    words = {JobState.SUCCEEDED: ("succeeded", "ready"), JobState.FAILED: ("failed", "failed")}.get(JobState(job.state))
    if words is None or job.kind in SILENT or job.created_by is None:
        return
    name, _, version = job.dataset.partition("@")
    place: dict[str, Any] = {"ws": job.workspace.slug}
    data: dict[str, Any] = {"name": job.name, "number": job.number, "reason": short(job.error)}
    if job.kind == "prepare" and version.isdecimal():
        kind, data["name"] = f"dataset.{words[1]}", job.dataset
        path = reverse("dataset-version", kwargs={**place, "name": name, "n": int(version)})
    else:
        kind, path = f"job.{words[0]}", reverse("job", kwargs={**place, "number": job.number})
    key = f"job:{job.pk}:{newest(job)}:{job.state}"
    notify(users=[job.created_by], kind=kind, key=key, path=path, workspace=job.workspace, data=data)


def short(error: dict[str, Any] | None) -> dict[str, Any] | None:
    return {"code": error.get("code"), "message": str(error.get("message") or "")[:500]} if error else None
