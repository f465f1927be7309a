"""The page of worker hosts and the queue. The list of jobs and one job have modules of their own."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from controlplane.errors import Problem
from controlplane.frame.pages import done, page, sorry
from controlplane.jobs import forecast, hosts, services
from controlplane.jobs import workers as verbs
from controlplane.jobs.api import the_job
from controlplane.jobs.models import Worker
from controlplane.jobs.scheduler import queue
from controlplane.jobs.transitions import now
from controlplane.workspaces.access import needs, operators_only
from controlplane.workspaces.models import Membership, Role
from workers.contract.home import door_url

PRIORITIES = ((5, gettext_lazy("High")), (0, gettext_lazy("Normal")), (-5, gettext_lazy("Low")))
SPANS = (("1h", gettext_lazy("1 h")), ("24h", gettext_lazy("24 h")), ("7d", gettext_lazy("7 d")))


@require_GET
@needs("viewer", query=("span",))
def workers(request: HttpRequest, ws: str) -> HttpResponse:
    """Hosts serve every workspace: of jobs elsewhere only that a device is taken is shown."""
    space, role = request.workspace, request.role  # type: ignore[attr-defined]
    span = request.GET.get("span", "1h")
    span = span if span in hosts.SPANS else "1h"
    rows = hosts.rows(space.pk, span)
    online = [row for row in rows if row["state"] != "offline"]
    devices = [device for row in online for device in row["devices"]]
    owners = Membership.objects.filter(workspace=space, role=Role.OWNER).select_related("user")[:5]
    context = {
        "nav": "workers",
        "crumbs": [(_("Workers & queue"), "")],
        "workers": rows,
        "online": len(online),
        "offline": len(rows) - len(online),
        "devices": len(devices),
        "taken": sum(device["state"] != "free" for device in devices),
        "waiting": waiting(space.pk),
        "priorities": PRIORITIES,
        "may_order": role is Role.OWNER,
        "owners": ", ".join(str(owner.user) for owner in owners),
        "span": span,
        "spans": SPANS,
        "since": now() - timedelta(minutes=hosts.SPANS[span]),
        "until": now(),
        "form": "clock" if span == "1h" else "when",
        "every": 5 if span == "1h" else 60,
        "door": settings.PUBLIC_URL or door_url(),
    }
    return page(request, "jobs/workers.html", context, parts=("hosts",))


def waiting(workspace: int) -> list[dict[str, Any]]:
    """The queue in order; of jobs in other workspaces only that they are there."""
    begins = forecast.starts()
    rows = []
    for place, job in enumerate(queue(), 1):
        begin = begins.get(job.pk)
        seconds = (begin - now()).total_seconds() if begin else None
        rows.append(
            {
                "place": place,
                "job": job if job.workspace_id == workspace else None,
                "priority": (job.priority > 0) - (job.priority < 0),
                "row": job,
                "waited": (now() - job.queued_at).total_seconds(),
                "begins": begin,
                "begins_in": seconds,
            }
        )
    return rows


@require_POST
@needs("owner")
def priority(request: HttpRequest, ws: str, number: int) -> HttpResponse:
    """Owners say what is served first."""
    given = request.POST.get("priority", "")
    if given not in {str(value) for value, _name in PRIORITIES}:
        raise Http404
    try:
        services.set_priority(job=the_job(request, str(number)), priority=int(given))
        done(request, _("The priority of job #%(n)s was changed.") % {"n": number})
    except Problem as problem:
        sorry(request, problem)
    return redirect("workers", ws=ws)


@require_POST
@needs("viewer", scope="admin")
def drain(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """An operator lets a host run empty, or use again."""
    operators_only(request)
    worker = Worker.objects.filter(name=name).first()
    if worker is None:
        raise Http404
    draining = request.POST.get("act") != "resume"
    verbs.set_draining(worker=worker, draining=draining)
    said = _("%(name)s gets nothing new and finishes what it has.") if draining else _("%(name)s takes jobs again.")
    done(request, said % {"name": name})
    return redirect("workers", ws=ws)
