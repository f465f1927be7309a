"""The limits that hold for a workspace, and how much of those that fill up is taken."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from controlplane.frame import slots
from controlplane.frame.figures import duration, figure, size
from controlplane.frame.pages import page
from controlplane.limits import LIMITS, Limit
from controlplane.workspaces.access import needs, person
from controlplane.workspaces.models import ApiToken, Membership, Role


@slots.quota("members_per_workspace")
def members(request: HttpRequest) -> int:
    space = request.workspace  # type: ignore[attr-defined]
    return int(space.memberships.count() + space.invitations.filter(accepted_at=None).count())


@slots.quota("tokens_per_user")
def tokens(request: HttpRequest) -> int:
    return ApiToken.objects.filter(user=person(request), revoked_at=None, hidden=False).count()


@slots.quota("workspaces_per_user")
def owned(request: HttpRequest) -> int:
    return Membership.objects.filter(user=person(request), role=Role.OWNER).count()


def used(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """{name: {value, unit, about, used}}; used: None where nothing fills up."""
    taken = {name: count(request) for name, count in slots.quotas.items()}
    return {name: {**limit._asdict(), "used": taken.get(name)} for name, limit in LIMITS.items()}


@require_GET
@needs("viewer")
def limits(request: HttpRequest, ws: str) -> HttpResponse:
    """Every named limit in the reader's language; first what fills up."""
    rows = used(request)
    filling = [(name, row) for name, row in rows.items() if row["used"] is not None]
    context = {
        "nav": "workers",
        "crumbs": [(_("Workers & queue"), reverse("workers", kwargs={"ws": ws})), (_("Limits"), "")],
        "quotas": [line(name, row["used"]) for name, row in filling],
        "limits": [line(name, None) for name, row in rows.items() if row["used"] is None],
    }
    return page(request, "workspaces/limits.html", context)


def line(name: str, taken: int | None) -> dict[str, Any]:
    limit = LIMITS[name]
    return {
        "name": name,
        "about": _(limit.about),
        "value": amount(limit, limit.value),
        "used": "" if taken is None else size(taken) if limit.unit == "bytes" else figure(taken),
        "percent": min(100.0, 100 * taken / limit.value) if taken is not None else None,
    }


def amount(limit: Limit, value: float) -> str:
    """With its unit, as pages write figures."""
    if limit.unit == "bytes":
        return size(value)
    if limit.unit == "seconds":
        days = round(value / 86_400)
        return duration(value) if value < 86_400 else ngettext("%(n)s day", "%(n)s days", days) % {"n": figure(days)}
    return f"{figure(value)} {_(limit.unit)}"
