"""What this room has to say before a workspace goes."""

from typing import Any

from django.dispatch import receiver

from controlplane.jobs.models import Job
from controlplane.workspaces.signals import workspace_closing
from workers.contract.states import FINAL


@receiver(workspace_closing)
def unfinished_jobs(workspace: Any, **_kwargs: Any) -> list[str]:
    """Jobs that are not over; replicas are named by their endpoints."""
    rows = Job.objects.filter(workspace=workspace).exclude(state__in=FINAL).exclude(kind="serve").order_by("number")[:10]
    return [f"job #{job.number} ({job.state})" for job in rows]
