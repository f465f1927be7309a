"""What the API says of endpoints. Plain functions from row to JSON: the fields are `api.md`'s."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import F, Prefetch, prefetch_related_objects

from controlplane.jobs.schemas import when
from controlplane.serving.models import Endpoint, Replica, Revision
from controlplane.serving.standing import stands
from controlplane.serving.traffic import shares_of
from workers.contract.home import door_url
from workers.contract.states import ReplicaState


def base_url() -> str:
    """The address people and programs reach this installation at."""
    return settings.PUBLIC_URL or door_url()


def endpoint_url(endpoint: Endpoint) -> str:
    return f"{base_url()}/v1/endpoints/{endpoint.workspace.slug}/{endpoint.name}"


def whole() -> "Prefetch[Any]":
    """What an endpoint's JSON reads beside its own row: its revisions as `in_order`, each with its `live` replicas. A list of
    endpoints fetches it for all of them at once."""
    live = Replica.objects.exclude(state=ReplicaState.ENDED).select_related("job").order_by("created_at")
    revisions = Revision.objects.select_related("created_by").annotate(recipe=F("model_version__recipe")).order_by("revision")
    return Prefetch("revisions", revisions.prefetch_related(Prefetch("replica_set", live, to_attr="live")), to_attr="in_order")


def endpoint_json(endpoint: Endpoint) -> dict[str, Any]:
    """One endpoint with all its revisions. model: what most of the traffic goes to, or is to go to."""
    prefetch_related_objects([endpoint], whole())
    revisions: list[Any] = endpoint.in_order  # type: ignore[attr-defined]
    replicas = [replica for revision in revisions for replica in revision.live]
    main: Any = main_revision(endpoint, revisions)
    return {
        "name": endpoint.name,
        "title": endpoint.title,
        "task": endpoint.task,
        "url": endpoint_url(endpoint),
        "openai": {"base_url": f"{base_url()}/v1", "model": f"{endpoint.workspace.slug}/{endpoint.name}"},
        "state": endpoint.state,
        "reason": endpoint.reason,
        "error": endpoint.error,
        "model": main.model if main else None,
        "variant": (main.variant or None) if main else None,
        "recipe": main.recipe if main else None,
        "revisions": [revision_json(endpoint, revision, replicas) for revision in revisions],
        "replicas": {
            "min": endpoint.replicas_min,
            "max": endpoint.replicas_max,
            "ready": sum(replica.state == ReplicaState.READY for replica in replicas),
            "items": [replica_json(replica) for replica in replicas],
        },
        "planned_traffic": endpoint.plan,
        "traffic_before_rollback": endpoint.before_rollback,
        "limits": endpoint.limits,
        "created_by": endpoint.created_by.email if endpoint.created_by else None,
        "created_at": when(endpoint.created_at),
        "updated_at": when(endpoint.updated_at),
    }


def main_revision(endpoint: Endpoint, revisions: Sequence[Revision]) -> Revision | None:
    """The revision with most of the traffic, now or planned; else the newest."""
    shares = shares_of(endpoint, revisions)
    return max(revisions, key=lambda revision: (shares.get(revision.revision, 0), revision.revision), default=None)


def revision_json(endpoint: Endpoint, revision: Revision, replicas: list[Replica]) -> dict[str, Any]:
    """state: how it stands; one whose replicas keep ending is failed, with the error."""
    ready = sum(replica.state == ReplicaState.READY for replica in replicas if replica.revision_id == revision.pk)
    state = stands(endpoint, revision, ready)
    return {
        "revision": revision.revision,
        "model": revision.model,
        "variant": revision.variant or None,
        "state": state,
        "traffic": revision.traffic,
        "error": revision.error if state == "failed" or revision.crashes else None,
        "crashes": revision.crashes,
        "retry_at": when(revision.retry_at) if revision.crashes else None,
        "replicas": ready,
        "created_by": revision.created_by.email if revision.created_by else None,
        "created_at": when(revision.created_at),
        "live_at": when(revision.live_at),
    }


def replica_json(replica: Replica) -> dict[str, Any]:
    """A replica without its address and secret, which only the gateway knows."""
    return {
        "id": replica.id,
        "revision": replica.revision.revision,
        "state": replica.state,
        "job": str(replica.job.number) if replica.job else None,
        "created_at": when(replica.created_at),
        "ready_at": when(replica.ready_at),
    }
