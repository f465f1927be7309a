"""Brings an endpoint from what is to what is wanted: starts missing replicas, moves traffic, drains, and says how it stands.

Called after every change and each second by the control loop. It only reads rows and writes rows, under the endpoint's lock, so it
may run anywhere, any number of times.
"""

import logging
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from controlplane import catalog
from controlplane.errors import Problem
from controlplane.jobs.services import cancel_job, create_job
from controlplane.registry import services as registry
from controlplane.serving import standing
from controlplane.serving.models import Endpoint, Replica, Revision
from controlplane.serving.routes import announce, snapshot
from controlplane.serving.scaling import Scaler
from workers.contract.names import MiB
from workers.contract.orders import Resources, ServeWork
from workers.contract.states import FINAL, EndpointState, ReplicaState

log = logging.getLogger(__name__)
scaler = Scaler()
LIVE = (ReplicaState.STARTING, ReplicaState.READY)
DRAIN_GRACE = timedelta(seconds=2)  # gateways have heard of it by then; a replica that drains finishes what it has
BACK_OFF_MAX = 300
HEALTHY = timedelta(seconds=60)  # a replica that answered this long was no crash in a row
LOST_BEFORE_READY_MAX = 5
INFRASTRUCTURE = frozenset({"worker_lost", "worker_gone"})


def reconcile(endpoint_id: int) -> None:
    """One step for one endpoint. Nothing happens when it is gone."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().filter(pk=endpoint_id).first()
        if endpoint is None:
            return
        before = snapshot(endpoint)
        step(endpoint)
        standing.settle(endpoint)
        if snapshot(endpoint) != before:
            announce(endpoint)


def step(endpoint: Endpoint) -> None:
    """Under the endpoint's lock: end what has ended, begin what is missing, apply the plan, drain what is not wanted."""
    _bury(endpoint)
    for revision in endpoint.revisions.filter(state__in=["deploying", "ready"]).select_related("model_version__model").order_by("revision"):
        _staff(endpoint, revision)
    _apply_plan(endpoint)
    for replica in Replica.objects.filter(revision__endpoint=endpoint, state=ReplicaState.DRAINING).select_related("job__workspace"):
        _drain(replica)
    idle = endpoint.revisions.filter(state="draining").exclude(replica_set__state__in=[*LIVE, ReplicaState.DRAINING])
    idle.update(state="stopped")


def _bury(endpoint: Endpoint) -> None:
    """Replicas whose jobs have ended without anybody telling this room."""
    rows = Replica.objects.filter(revision__endpoint=endpoint, job__state__in=list(FINAL)).exclude(state=ReplicaState.ENDED)
    for replica in rows.select_related("job", "revision"):
        ended(replica, replica.job.error if replica.job else None)


def _staff(endpoint: Endpoint, revision: Revision) -> None:
    """Start what is missing, drain what is too many, note what has become ready."""
    live = list(revision.replica_set.filter(state__in=LIVE).order_by("-created_at"))
    want = wanted(endpoint)
    if want == 0:
        drain_revision(revision)
        return
    if len(live) < want and (revision.retry_at is None or due(revision.retry_at, BACK_OFF_MAX)):
        for _ in range(want - len(live)):
            _start(endpoint, revision)
    for replica in sorted(live, key=lambda each: each.state == ReplicaState.READY)[: max(0, len(live) - want)]:
        _let_go(replica)
    if revision.state == "deploying" and sum(replica.state == ReplicaState.READY for replica in live) >= min(want, 1):
        revision.state, revision.ready_once, revision.error = "ready", True, None
        revision.save(update_fields=["state", "ready_once", "error"])


def due(at: datetime, most: float) -> bool:
    """Whether the moment has come. most: seconds it can lie ahead; one that lies further was written before the clock was set back."""
    ahead = (at - timezone.now()).total_seconds()
    return ahead <= 0 or ahead > most


def wanted(endpoint: Endpoint) -> int:
    """Replicas of each revision that is to answer."""
    low, high = endpoint.replicas_min, endpoint.replicas_max
    return min(high, max(low, endpoint.replicas_wanted)) if endpoint.desired == "ready" else 0


def _start(endpoint: Endpoint, revision: Revision) -> None:
    """A new replica: a job that does not end."""
    version = revision.model_version
    spec = catalog.recipe(version.recipe) if version else None
    model = registry.served(version, revision.variant) if version else None
    if version is None or spec is None or model is None:
        code = "variant_gone" if version and spec else "model_gone"
        fail_revision(revision, {"code": code, "message": f"The model {revision.what} is not here any more.", "hint": "", "loc": {}})
        return
    replica = Replica(id=secrets.token_hex(8), revision=revision)
    work = ServeWork(recipe=version.recipe, model=model, replica=replica.id, example=spec.example)
    replica.job = create_job(
        workspace=endpoint.workspace,
        user=endpoint.created_by,
        kind="serve",
        name=f"Serve {endpoint.name} r{revision.revision}",
        work=work,
        resources=Resources.model_validate({"memory_bytes": memory_of(sum(file.size for file in model.files))}),
        priority=10,
        request={"endpoint": endpoint.name, "revision": revision.revision, "model": revision.model, "variant": revision.variant or None},
        recipe=version.recipe,
        network="listen",
    )
    replica.save(force_insert=True)


def memory_of(size_bytes: int) -> int:
    """Memory a replica reserves: its weights, as much again to compute with, and the libraries."""
    return 768 * MiB + 2 * size_bytes


def _apply_plan(endpoint: Endpoint) -> None:
    """Move the traffic once every revision that is to get some is ready; then drain what the plan does not name."""
    if not endpoint.plan or endpoint.desired != "ready":
        return
    shares = {int(number): percent for number, percent in endpoint.plan.items()}
    needed = [number for number, percent in shares.items() if percent > 0]
    if endpoint.revisions.filter(revision__in=needed, state="ready").count() < len(needed):
        return
    for revision in endpoint.revisions.all():
        traffic = shares.get(revision.revision, 0)
        if revision.traffic != traffic:
            went_live = {"live_at": timezone.now()} if revision.traffic == 0 else {}
            Revision.objects.filter(pk=revision.pk).update(traffic=traffic, **went_live)
        if revision.revision not in shares and revision.state in ("deploying", "ready"):
            drain_revision(revision)
    endpoint.plan = None
    endpoint.save(update_fields=["plan"])


def drain_revision(revision: Revision) -> None:
    """Nothing new goes to it from now on; what it has it finishes."""
    if revision.state in ("deploying", "ready"):
        revision.state = "draining"
        revision.save(update_fields=["state"])
    for replica in revision.replica_set.filter(state__in=LIVE):
        _let_go(replica)


def _let_go(replica: Replica) -> None:
    Replica.objects.filter(pk=replica.pk, state__in=LIVE).update(state=ReplicaState.DRAINING, drain_at=timezone.now() + DRAIN_GRACE)


def _drain(replica: Replica) -> None:
    """Ask its job to stop once the gateways have let go of it; one that never got to answer is stopped at once."""
    if replica.job is None:
        ended(replica, None)
        return
    if replica.job.stop or (replica.ready_at and replica.drain_at and not due(replica.drain_at, DRAIN_GRACE.total_seconds())):
        return
    try:
        cancel_job(job=replica.job, keep=True)
    except Problem:
        ended(replica, None)  # it has ended by itself
        return
    if replica.job.state in FINAL:
        ended(replica, None)


def ended(replica: Replica, error: dict[str, Any] | None) -> None:
    """A replica is gone. If nobody wanted that, its revision tries again later, or has failed if it never could load."""
    was, now = replica.state, timezone.now()
    if (
        Replica.objects.filter(pk=replica.pk).exclude(state=ReplicaState.ENDED).update(state=ReplicaState.ENDED, ended_at=now, error=error)
        != 1
    ):
        return
    revision = Revision.objects.get(pk=replica.revision_id)
    if was == ReplicaState.DRAINING or revision.state not in ("deploying", "ready"):
        return
    error = error or {"code": "replica_ended", "message": "The replica ended.", "hint": "See its job's log.", "loc": {}}
    crashes = 0 if replica.ready_at and now - replica.ready_at > HEALTHY else revision.crashes
    revision.crashes, revision.error = crashes + 1, error
    revision.retry_at = now + timedelta(seconds=min(BACK_OFF_MAX, 2**crashes))
    revision.save(update_fields=["crashes", "retry_at", "error"])
    if not revision.ready_once and (error.get("code") not in INFRASTRUCTURE or revision.crashes >= LOST_BEFORE_READY_MAX):
        fail_revision(revision, error)


def fail_revision(revision: Revision, error: dict[str, Any]) -> None:
    """It will not be tried again; a plan that counts on it is given up, and what answered before goes on."""
    for replica in revision.replica_set.filter(state__in=LIVE):
        _let_go(replica)
    Revision.objects.filter(pk=revision.pk).update(state="failed", error=error, retry_at=None)
    endpoint = Endpoint.objects.get(pk=revision.endpoint_id)
    if endpoint.plan and endpoint.plan.get(str(revision.revision)):
        others = [int(number) for number in endpoint.plan if int(number) != revision.revision]
        for other in endpoint.revisions.filter(revision__in=others, traffic=0, state="deploying"):
            drain_revision(other)
        Endpoint.objects.filter(pk=endpoint.pk).update(plan=None, before_rollback=None)


def unsettled() -> set[int]:
    """Endpoints that are not as they are wanted, in a few queries whatever their number."""
    now = timezone.now()
    moving = [EndpointState.DEPLOYING, EndpointState.DEGRADED]
    found = set(Endpoint.objects.filter(Q(state__in=moving) | Q(plan__isnull=False)).values_list("pk", flat=True))
    replicas = Replica.objects.exclude(state=ReplicaState.ENDED)
    busy = Q(state=ReplicaState.DRAINING) | Q(job__state__in=list(FINAL)) | Q(job=None)
    found |= set(replicas.filter(busy).values_list("revision__endpoint_id", flat=True))
    come = Q(retry_at__lte=now) | Q(retry_at__gt=now + timedelta(seconds=BACK_OFF_MAX))
    late = Revision.objects.filter(come, state__in=["deploying", "ready"], endpoint__state=EndpointState.FAILED)
    return found | set(late.values_list("endpoint_id", flat=True))


def tick() -> int:
    """One step for every endpoint that needs one; how many. Called each second by the control loop."""
    todo = unsettled() | scaler.scale()
    for endpoint_id in todo:
        try:
            reconcile(endpoint_id)
        except Exception:
            log.exception("endpoint %s could not be brought forward", endpoint_id)
    return len(todo)
