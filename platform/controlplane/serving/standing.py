"""How an endpoint stands, read off its revisions and replicas: one state, and the reason behind it."""

from typing import Any

from controlplane.serving import telling
from controlplane.serving.models import Endpoint, Replica, Revision
from workers.contract.states import EndpointState, JobState, ReplicaState

CRASH_LOOP = 3  # replicas lost in a row


def settle(endpoint: Endpoint) -> None:
    """Write down state, reason and error if they have changed."""
    endpoint.refresh_from_db(fields=["plan", "desired"])
    state, reason, error = judge(endpoint)
    if (state, reason, error) != (endpoint.state, endpoint.reason, endpoint.error):
        before, reason_before = endpoint.state, endpoint.reason
        endpoint.state, endpoint.reason, endpoint.error = state, reason, error
        endpoint.save(update_fields=["state", "reason", "error", "updated_at"])
        telling.changed(endpoint, before, reason_before)


def judge(endpoint: Endpoint) -> tuple[str, dict[str, Any] | None, dict[str, Any] | None]:
    """(state, reason, error) of an endpoint as its rows are."""
    revisions = list(endpoint.revisions.order_by("revision"))
    if endpoint.desired == "stopped":
        return EndpointState.STOPPED, None, None
    ready = _ready_counts(endpoint)
    answering = [revision for revision in revisions if revision.traffic > 0 and ready.get(revision.pk)]
    if endpoint.plan:
        return EndpointState.DEPLOYING, _rolling_out(endpoint, revisions, answering), None
    expected = [revision for revision in revisions if revision.traffic > 0]
    newest_failed = next((revision for revision in reversed(revisions) if revision.state == "failed"), None)
    if not expected:
        error = newest_failed.error if newest_failed else None
        return EndpointState.FAILED, _reason("failed", (error or {}).get("message", "No revision is left.")), error
    short = [revision for revision in expected if ready.get(revision.pk, 0) < endpoint.replicas_min]
    if answering and not short:
        if newest_failed and newest_failed.revision > max(revision.revision for revision in answering):
            detail = (newest_failed.error or {}).get("message", "")
            message = f"Revision {newest_failed.revision} ({newest_failed.what}) could not be started; the one before answers. {detail}"
            facts = {"revision": newest_failed.revision, "model": newest_failed.what}
            return EndpointState.DEGRADED, _reason("rollout_failed", message.strip(), facts), newest_failed.error
        return EndpointState.READY, None, None
    return _short(short, bool(answering))


def stands(endpoint: Endpoint, revision: Revision, ready: int) -> str:
    """How a revision with that many ready replicas stands: `ready` only as long as they answer; failed once they end again and again."""
    if revision.state != "ready" or ready >= endpoint.replicas_min or endpoint.desired == "stopped":
        return revision.state
    return "failed" if not ready and revision.crashes >= CRASH_LOOP else "degraded"


def _short(short: list[Revision], answers: bool) -> tuple[str, dict[str, Any] | None, dict[str, Any] | None]:
    """Revisions with traffic lack replicas."""
    worst = max(short, key=lambda revision: revision.crashes)
    facts = {"revision": worst.revision, "model": worst.what}
    if worst.crashes >= CRASH_LOOP:
        message = f"Replicas of revision {worst.revision} keep ending: {(worst.error or {}).get('message', '')}"
        state = EndpointState.DEGRADED if answers else EndpointState.FAILED
        return state, _reason("crash_loop", message, facts), worst.error
    if worst.crashes:
        message = f"A replica of revision {worst.revision} has ended; another one starts."
        return EndpointState.DEGRADED, _reason("restarting", message, facts), None
    state = EndpointState.DEGRADED if answers else EndpointState.DEPLOYING
    return state, _waiting(worst) or _reason("starting", f"Replicas of revision {worst.revision} are loading.", facts), None


def _rolling_out(endpoint: Endpoint, revisions: list[Revision], answering: list[Revision]) -> dict[str, Any]:
    """What the plan waits for."""
    coming = [revision for revision in revisions if (endpoint.plan or {}).get(str(revision.revision)) and revision.state == "deploying"]
    for revision in coming:
        if waiting := _waiting(revision):
            return waiting
    names = ", ".join(f"revision {revision.revision} ({revision.what})" for revision in coming) or "A revision"
    meanwhile = f"; revision {answering[-1].revision} answers meanwhile" if answering else ""
    message = f"{names} is loading{meanwhile}."
    facts: dict[str, Any] = {"revision": ", ".join(str(row.revision) for row in coming), "model": ", ".join(row.what for row in coming)}
    if answering:
        facts["answering"] = answering[-1].revision
    return _reason("loading", message[0].upper() + message[1:], facts if coming else {})


def _waiting(revision: Revision) -> dict[str, Any] | None:
    """Why a starting replica has no place yet, in the queue's own words."""
    rows = Replica.objects.filter(revision=revision, state=ReplicaState.STARTING, job__state=JobState.QUEUED).select_related("job")
    return next((row.job.reason for row in rows if row.job and row.job.reason), None)


def _ready_counts(endpoint: Endpoint) -> dict[int, int]:
    counts: dict[int, int] = {}
    for pk in Replica.objects.filter(revision__endpoint=endpoint, state=ReplicaState.READY).values_list("revision_id", flat=True):
        counts[pk] = counts.get(pk, 0) + 1
    return counts


def _reason(code: str, message: str, facts: dict[str, Any] | None = None) -> dict[str, Any]:
    """facts: what the message names, for words in another language."""
    return {"code": code, "message": message, **({"facts": facts} if facts else {})}
