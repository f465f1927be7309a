"""Who is told how an endpoint stands: its maker that it is ready; its maker and the workspace's owners that it is in trouble."""

import time
from typing import Any

from django.urls import reverse

from controlplane.accounts.models import User
from controlplane.notifications.services import notify
from controlplane.serving.models import Endpoint
from controlplane.workspaces.models import Role
from workers.contract.states import EndpointState

LASTING = frozenset({"crash_loop", "rollout_failed"})  # reasons of `degraded` that do not pass by themselves
AGAIN_SECONDS = 3600  # an endpoint that comes and goes is told of once in an hour


def changed(endpoint: Endpoint, before: str, reason_before: dict[str, Any] | None) -> None:
    """Its state or reason is another now. Inside the transaction that changed it."""
    code = (endpoint.reason or {}).get("code")
    if endpoint.state == EndpointState.READY and before == EndpointState.DEPLOYING:
        tell(endpoint, [maker(endpoint)], f"ready:{endpoint.last_revision}")
    elif endpoint.state == EndpointState.FAILED and before != EndpointState.FAILED:
        tell(endpoint, responsible(endpoint), f"failed:{int(time.time()) // AGAIN_SECONDS}")
    elif endpoint.state == EndpointState.DEGRADED and code in LASTING and code != (reason_before or {}).get("code"):
        tell(endpoint, responsible(endpoint), f"{code}:{int(time.time()) // AGAIN_SECONDS}")


def tell(endpoint: Endpoint, users: list[User | None], key: str) -> None:
    reason = endpoint.error or endpoint.reason
    said = {"code": reason.get("code"), "message": str(reason.get("message") or "")[:500]} if reason else None
    path = reverse("endpoint", kwargs={"ws": endpoint.workspace.slug, "name": endpoint.name})
    data = {"name": endpoint.name, "reason": said}
    kind = f"endpoint.{endpoint.state}"
    notify(users=users, kind=kind, key=f"endpoint:{endpoint.pk}:{key}", path=path, workspace=endpoint.workspace, data=data)


def maker(endpoint: Endpoint) -> User | None:
    """Who deployed the newest revision."""
    newest = endpoint.revisions.order_by("-revision").select_related("created_by").first()
    return newest.created_by if newest and newest.created_by else endpoint.created_by


def responsible(endpoint: Endpoint) -> list[User | None]:
    owners = User.objects.filter(memberships__workspace=endpoint.workspace_id, memberships__role=Role.OWNER)
    return [maker(endpoint), *owners]
