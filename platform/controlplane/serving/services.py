"""The verbs of the serving room: deploy, change, delete an endpoint; and what the data plane says of its replicas."""

import re
import tempfile
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.jobs.models import Job
from controlplane.jobs.services import cancel_job
from controlplane.names import check_slug, check_title
from controlplane.registry import services as registry
from controlplane.registry.models import ModelVersion
from controlplane.serving import reconcile as loop
from controlplane.serving.models import Endpoint, Replica, Revision
from controlplane.serving.reconcile import reconcile, tick
from controlplane.serving.resources import measured as replica_measured
from controlplane.serving.routes import announce, route_of, routes_in
from controlplane.serving.traffic import plan, read_traffic, resume, revive, roll_back, wrong
from workers.contract.events import End
from workers.contract.states import FINAL, ReplicaState

__all__ = [
    "delete",
    "deploy",
    "replica_ended",
    "replica_measured",
    "replica_ready",
    "resume",
    "roll_back",
    "route_of",
    "routes_in",
    "tick",
    "update",
]
REPLICAS_MAX = 16
_RUNTIME = re.compile(r"slipway-\d+-[0-9a-f]{10}")


def deploy(
    *,
    workspace: Any,
    user: Any,
    name: str,
    model_version: ModelVersion,
    variant: str | None = None,
    replicas: dict[str, int] | None = None,
    title: str = "",
    limits: dict[str, Any] | None = None,
) -> Endpoint:
    """A new endpoint, `deploying` its first revision. Raises Problem 409 (name taken, model not ready), 422."""
    check_slug(name)
    registry.require_ready(model_version)
    variant = registry.find_variant(model_version, variant)
    low, high = read_replicas(replicas or {})
    try:
        with transaction.atomic():
            endpoint: Endpoint = Endpoint.objects.create(
                workspace=workspace,
                name=name,
                title=check_title(title),
                task=model_version.task,
                replicas_min=low,
                replicas_max=high,
                limits=limits or {},
                created_by=user,
            )
            revision = _add_revision(endpoint, model_version, variant, user)
            plan(endpoint, {revision.revision: 100})
            record(action="endpoint.deploy", target=endpoint, workspace=workspace, data={"model": revision.what})
            reconcile(endpoint.pk)
    except IntegrityError:
        hint = "Choose another name, or update the endpoint that is there."
        raise Problem(409, "name_taken", f"There is already an endpoint `{name}` in this workspace.", hint) from None
    endpoint.refresh_from_db()
    return endpoint


def update(
    *,
    endpoint: Endpoint,
    user: Any,
    model_version: ModelVersion | None = None,
    variant: str | None = None,
    traffic: dict[str, int] | None = None,
    replicas: dict[str, int] | None = None,
    state: str | None = None,
    limits: dict[str, Any] | None = None,
    title: str | None = None,
) -> Endpoint:
    """Change what is wanted; the change itself happens behind it. Raises Problem 409, 422, and then nothing has changed.

    model_version, variant: a new revision that takes 100 % when ready, or what `traffic` gives it (it may be named there by its coming
    number).
    """
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().select_related("workspace").get(pk=endpoint.pk)
        changed: dict[str, Any] = {"traffic": traffic, "replicas": replicas, "state": state}
        if replicas is not None:
            endpoint.replicas_min, endpoint.replicas_max = read_replicas(replicas, endpoint)
        if limits is not None:
            endpoint.limits = {key: value for key, value in {**endpoint.limits, **limits}.items() if value is not None}
        if title is not None:
            endpoint.title = check_title(title)
        if model_version is not None or traffic is not None:
            endpoint.before_rollback = None
        endpoint.save()
        if model_version is None and variant:
            raise wrong("variant", "invalid", "`variant` goes with the `model` it is one of.")
        if model_version is not None:
            registry.require_ready(model_version)
            variant = registry.find_variant(model_version, variant)
            if model_version.task != endpoint.task:
                raise wrong("model", "other_task", f"This endpoint does {endpoint.task}; {model_version} is for {model_version.task}.")
            revision = _add_revision(endpoint, model_version, variant, user)
            changed["model"] = revision.what
            plan(endpoint, {revision.revision: 100} if traffic is None else read_traffic(endpoint, traffic))
        elif traffic is not None:
            plan(endpoint, read_traffic(endpoint, traffic))
        if state is not None:
            _want(endpoint, state)
        record(action="endpoint.update", target=endpoint, data={key: value for key, value in changed.items() if value is not None})
        reconcile(endpoint.pk)
    endpoint.refresh_from_db()
    return endpoint


def delete(*, endpoint: Endpoint) -> None:
    """Remove an endpoint; its replicas finish what they have and end."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().select_related("workspace").get(pk=endpoint.pk)
        live = Replica.objects.filter(revision__endpoint=endpoint).exclude(state=ReplicaState.ENDED).select_related("job__workspace")
        jobs = [replica.job for replica in live if replica.job is not None and replica.job.state not in FINAL]
        record(action="endpoint.delete", target=endpoint, data={"model": list(endpoint.revisions.values_list("model", flat=True))[-1:]})
        announce(endpoint)
        endpoint.delete()
        for job in jobs:
            cancel_job(job=job, keep=True)


def _add_revision(endpoint: Endpoint, version: ModelVersion, variant: str, user: Any) -> Revision:
    endpoint.last_revision += 1
    endpoint.save(update_fields=["last_revision"])
    return Revision.objects.create(
        endpoint=endpoint, revision=endpoint.last_revision, model_version=version, model=str(version), variant=variant, created_by=user
    )


def _want(endpoint: Endpoint, state: str) -> None:
    """stopped: every replica goes; ready: what had traffic, or was to get some, comes up again."""
    if state == endpoint.desired:
        return
    endpoint.desired = state
    endpoint.save(update_fields=["desired"])
    planned = [int(number) for number in endpoint.plan or {}]
    for revision in endpoint.revisions.all():
        if state == "ready" and (revision.traffic > 0 or revision.revision in planned):
            revive(revision)


def read_replicas(given: dict[str, int], endpoint: Endpoint | None = None) -> tuple[int, int]:
    """(min, max), checked. Raises Problem 422."""
    low = given.get("min", endpoint.replicas_min if endpoint else 1)
    high = given.get("max", max(low, endpoint.replicas_max if endpoint else 1))
    if not 1 <= low <= high <= REPLICAS_MAX:
        raise wrong("replicas", "bad_replicas", f"`replicas` needs 1 ≤ min ≤ max ≤ {REPLICAS_MAX}, got min {low}, max {high}.")
    return low, high


def replica_ready(*, job: Job, data: dict[str, Any]) -> None:
    """A replica is warm and checked and says where it listens: {address, secret, host}. One nobody waits for is ignored."""
    replica = Replica.objects.filter(job=job, state=ReplicaState.STARTING).select_related("revision").first()
    if replica is None:
        return
    address = check_address(str(data.get("address", "")), replica.id)
    with transaction.atomic():
        Endpoint.objects.select_for_update().get(pk=replica.revision.endpoint_id)
        Replica.objects.filter(pk=replica.pk, state=ReplicaState.STARTING).update(
            state=ReplicaState.READY,
            ready_at=timezone.now(),
            address=address,
            host=str(data.get("host") or "")[:255],
            secret=str(data.get("secret") or "")[:64],
        )
        reconcile(replica.revision.endpoint_id)


def check_address(address: str, replica: str) -> str:
    """`unix:/…` in a runtime folder of ours with the replica's id in its name, or `tcp:port`; else Problem 422.

    A worker may say where its replica listens, but never make the gateway talk to something else.
    """
    kind, _, place = address.partition(":")
    if kind == "tcp" and place.isdigit() and 1024 <= int(place) <= 65535:
        return address
    path = Path(place)
    inside = path.is_absolute() and ".." not in path.parts and Path(tempfile.gettempdir()) in path.parents
    if kind == "unix" and inside and any(_RUNTIME.fullmatch(part) for part in path.parts[:-1]) and replica in path.name:
        return address
    raise Problem(422, "bad_address", "A replica listens at `unix:` in its runtime folder, or at `tcp:` and a port.")


def replica_ended(*, job: Job, end: End) -> None:
    """A replica's job has ended, for whatever reason. Said twice, it does nothing the second time."""
    replica = Replica.objects.filter(job=job).exclude(state=ReplicaState.ENDED).select_related("revision").first()
    if replica is None:
        return
    with transaction.atomic():
        Endpoint.objects.select_for_update().get(pk=replica.revision.endpoint_id)
        replica.refresh_from_db()
        loop.ended(replica, end.error)
        reconcile(replica.revision.endpoint_id)
