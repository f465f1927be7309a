"""What the gateway needs to know of an endpoint, as one immutable snapshot read from the database in two queries."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import transaction

from controlplane import dispatch
from controlplane.serving.models import Endpoint, Replica, Revision
from workers.contract.states import ReplicaState

CHANNEL = "gateway.invalidate"  # where the gateways of all processes hear of changes; a hint, they also look by themselves


@dataclass(frozen=True, slots=True)
class ReplicaRoute:
    """Where a replica listens: `unix:/path` or `tcp:port` on `host`."""

    id: str
    address: str
    host: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RevisionRoute:
    """A revision that may be asked. traffic: percent · model: `name@3` · variant: empty for the version itself."""

    revision: int
    traffic: int
    model: str
    replicas: tuple[ReplicaRoute, ...]
    variant: str = ""


@dataclass(frozen=True, slots=True)
class EndpointRoute:
    """An endpoint as it can be called now. limits: {requests_per_minute, deadline_seconds} · scales: whether its
    number of replicas follows its load."""

    id: int
    workspace: str
    name: str
    task: str
    state: str
    reason: dict[str, Any] | None
    error: dict[str, Any] | None
    limits: dict[str, Any]
    created: int
    scales: bool
    revisions: tuple[RevisionRoute, ...]

    @property
    def ready(self) -> bool:
        return any(revision.replicas for revision in self.revisions)


def route_of(workspace: str, name: str) -> EndpointRoute | None:
    """The snapshot of one endpoint, None when there is none of this name."""
    endpoint = Endpoint.objects.filter(workspace__slug=workspace, name=name).select_related("workspace").first()
    return snapshot(endpoint) if endpoint else None


def snapshot(endpoint: Endpoint) -> EndpointRoute:
    """What can be called of an endpoint. Its revisions are those with at least one ready replica."""
    rows = Replica.objects.filter(revision__endpoint=endpoint, state=ReplicaState.READY).order_by("ready_at")
    replicas: dict[int, list[ReplicaRoute]] = {}
    for row in rows:
        replicas.setdefault(row.revision_id, []).append(ReplicaRoute(row.id, row.address, row.host, row.secret))
    revisions = Revision.objects.filter(pk__in=replicas).order_by("revision")
    return EndpointRoute(
        id=endpoint.pk,
        workspace=endpoint.workspace.slug,
        name=endpoint.name,
        task=endpoint.task,
        state=endpoint.state,
        reason=endpoint.reason,
        error=endpoint.error,
        limits=endpoint.limits,
        created=int(endpoint.created_at.timestamp()),
        scales=endpoint.replicas_max > endpoint.replicas_min,
        revisions=tuple(RevisionRoute(row.revision, row.traffic, row.model, tuple(replicas[row.pk]), row.variant) for row in revisions),
    )


def routes_in(workspaces: list[str]) -> list[EndpointRoute]:
    """Every endpoint of these workspaces, by workspace and name."""
    rows = Endpoint.objects.filter(workspace__slug__in=workspaces).select_related("workspace").order_by("workspace__slug", "name")
    return [snapshot(row) for row in rows]


def announce(endpoint: Endpoint) -> None:
    """Tell the gateways, once the transaction is through, that this endpoint is to be looked at again."""
    message = orjson.dumps({"endpoint": [endpoint.workspace.slug, endpoint.name]})
    transaction.on_commit(lambda: _publish(message))


def _publish(message: bytes) -> None:
    dispatch.ask("change of an endpoint", lambda: dispatch.client().publish(CHANNEL, message))  # unheard, gateways look by themselves
