"""What this room hands to the frame."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from controlplane.frame import slots
from controlplane.workspaces.services import workspaces_of

LAST = "workspace"  # cookie: the workspace that was open last
PAGES = (
    ("datasets", _("Datasets")),
    ("jobs", _("Jobs")),
    ("models", _("Registry")),
    ("endpoints", _("Deployments")),
    ("playground", _("Playground")),
    ("workers", _("Workers & queue")),
    ("members", _("Members")),
)


def switcher(request: HttpRequest) -> list[dict[str, Any]]:
    """The person's workspaces, for the switcher."""
    return workspaces_of(request.user) if request.user.is_authenticated else []  # type: ignore[arg-type]


slots.switchers.append(switcher)


def pages(ws: str, q: str) -> list[tuple[str, str, str]]:
    """Pages whose name holds the search."""
    return [(str(name), "", reverse(route, kwargs={"ws": ws})) for route, name in PAGES if q.lower() in str(name).lower()]
