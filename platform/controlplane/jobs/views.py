"""The page of worker hosts and the queue, and what operators do with hosts. What changes the queue is in queue_views.py."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from controlplane.errors import Problem
from controlplane.frame.pages import done, page, sorry
from controlplane.jobs import hosts
from controlplane.jobs import workers as verbs
from controlplane.jobs.api import the_worker
from controlplane.jobs.queue_views import PRIORITIES, ROWS, back, waiting
from controlplane.jobs.scheduler import queue
from controlplane.jobs.transitions import now
from controlplane.workspaces.access import needs
from controlplane.workspaces.models import Membership, Role
from workers.contract.home import door_url

SPANS = (("1h", gettext_lazy("1 h")), ("24h", gettext_lazy("24 h")), ("7d", gettext_lazy("7 d")))


@require_GET
@needs("viewer", query=("span", "open", "reconnect"))
def workers(request: HttpRequest, ws: str) -> HttpResponse:
    """Hosts serve every workspace: of jobs elsewhere only that a device is taken is shown."""
    space, role = request.workspace, request.role  # type: ignore[attr-defined]
    span = request.GET.get("span", "1h")
    span = span if span in hosts.SPANS else "1h"
    given = request.GET.get("open")
    rows = hosts.rows(space.pk, span, None if given is None else set(given.split(",")))
    line = queue()
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
        "waiting": waiting(space, line),
        "waits": len(line),
        "behind": max(0, len(line) - ROWS),
        "longest": max(((now() - job.queued_at).total_seconds() for job in line), default=0),
        "priorities": PRIORITIES,
        "may_order": role is Role.OWNER,
        "may_edit": role.includes(Role.EDITOR),
        "reconnect": request.GET.get("reconnect", ""),
        "away": [row["worker"] for row in rows if row["state"] == "offline"],
        "opened": given,
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


@require_POST
@needs("viewer", scope="admin")
def drain(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """An operator lets a host run empty, or use again."""
    worker = the_worker(request, name)
    draining = request.POST.get("act") != "resume"
    verbs.set_draining(worker=worker, draining=draining)
    said = _("%(name)s gets nothing new and finishes what it has.") if draining else _("%(name)s takes jobs again.")
    done(request, said % {"name": name})
    return back(request, ws)


@require_POST
@needs("viewer", scope="admin")
def remove(request: HttpRequest, ws: str, name: str) -> HttpResponse:
    """An operator forgets a host that is gone."""
    worker = the_worker(request, name)
    try:
        verbs.remove(worker=worker)
        done(request, _("%(name)s is forgotten. It joins again when its processes are started.") % {"name": name})
    except Problem as problem:
        sorry(request, problem)
    return back(request, ws)
