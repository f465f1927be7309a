"""The page of worker hosts and the queue. The list of jobs and one job have modules of their own."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from controlplane.frame.pages import page
from controlplane.jobs.models import Allocation, Worker
from controlplane.jobs.scheduler import queue
from controlplane.jobs.schemas import worker_state
from controlplane.workspaces.access import needs


@require_GET
@needs("viewer")
def workers(request: HttpRequest, ws: str) -> HttpResponse:
    """Hosts serve every workspace: of jobs elsewhere only that a device is taken is shown."""
    mine = request.workspace.pk  # type: ignore[attr-defined]
    current = Allocation.objects.filter(released_at=None).select_related("attempt__job")
    by_host: dict[int, list[Allocation]] = {}
    for place in current:
        by_host.setdefault(place.worker_id, []).append(place)
    rows = []
    for worker in Worker.objects.order_by("name"):
        places = by_host.get(worker.pk, [])
        busy = {place.device for place in places if place.slot == "whole"}
        rows.append(
            {
                "worker": worker,
                "state": worker_state(worker),
                "devices": [{**device, "on": device["id"] in busy} for device in worker.devices],
                "running": [
                    {"job": place.attempt.job if place.attempt.job.workspace_id == mine else None, "device": place.device}
                    for place in places
                ],
                "memory": worker.memory_bytes - available if (available := worker.load.get("memory_available")) else None,
                "cpu": (worker.load.get("cpu") or [None])[0],
            }
        )
    waiting = [
        {"place": place, "job": job if job.workspace_id == mine else None, "reason": job.reason, "row": job}
        for place, job in enumerate(queue(), 1)
    ]
    context = {
        "nav": "workers",
        "crumbs": [(_("Workers & queue"), "")],
        "workers": rows,
        "online": sum(row["state"] == "online" for row in rows),
        "waiting": waiting,
    }
    return page(request, "jobs/workers.html", context, parts=("hosts",))
