"""Who answers how much: shares of traffic, rolling back to an earlier revision, and coming back from there."""

from collections.abc import Iterable

from django.db import transaction

from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.serving import reconcile as loop
from controlplane.serving.models import Endpoint, Revision


def plan(endpoint: Endpoint, shares: dict[int, int]) -> None:
    """Let these revisions come up, and what is on its way but not among them go."""
    endpoint.plan = {str(number): percent for number, percent in shares.items()}
    endpoint.save(update_fields=["plan"])
    for revision in endpoint.revisions.all():
        if revision.revision in shares and revision.state in ("draining", "stopped", "failed") and endpoint.desired == "ready":
            revive(revision)
        elif revision.revision not in shares and revision.state == "deploying" and revision.traffic == 0:
            loop.drain_revision(revision)


def revive(revision: Revision) -> None:
    Revision.objects.filter(pk=revision.pk).update(state="deploying", crashes=0, retry_at=None, error=None)


def read_traffic(endpoint: Endpoint, given: dict[str, int]) -> dict[int, int]:
    """{revision: percent}, checked: known revisions, 100 in all. Raises Problem 422."""
    known = {revision.revision: revision for revision in endpoint.revisions.select_related("model_version")}
    shares: dict[int, int] = {}
    for key, percent in given.items():
        number = int(key) if key.isdigit() and len(key) < 9 else 0
        if number not in known:
            names = ", ".join(str(each) for each in sorted(known)[-20:])
            raise wrong("traffic", "unknown_revision", f"There is no revision `{key[:20]}`.", f"Revisions: {names}.")
        if not known[number].servable:
            code = "model_gone" if known[number].model_version is None else "variant_gone"
            raise wrong("traffic", code, f"The model of revision {number} ({known[number].what}) was deleted.")
        if not 0 <= percent <= 100:
            raise wrong("traffic", "bad_traffic", f"Revision {number} cannot get {percent} %.")
        shares[number] = percent
    if sum(shares.values()) != 100:
        raise wrong("traffic", "bad_traffic", f"The shares add up to {sum(shares.values())}, not to 100.")
    return shares


def shares_of(endpoint: Endpoint, revisions: Iterable[Revision]) -> dict[int, int]:
    """{revision: percent} as it is planned, else as it is; only those that get some."""
    planned = {int(number): percent for number, percent in (endpoint.plan or {}).items()}
    shares = planned or {revision.revision: revision.traffic for revision in revisions}
    return {number: percent for number, percent in shares.items() if percent > 0}


def earlier(endpoint: Endpoint, revisions: Iterable[Revision]) -> Revision | None:
    """Where rolling back leads: the newest revision that once answered and is older than the newest that gets traffic."""
    rows = list(revisions)
    newest = max(shares_of(endpoint, rows), default=0)
    able = [row for row in rows if row.revision < newest and row.ready_once and row.servable]
    return max(able, key=lambda row: row.revision, default=None)


def roll_back(*, endpoint: Endpoint, to: int | None = None) -> Endpoint:
    """All traffic to an earlier revision as soon as it is ready; newer ones get none until `resume`. Raises Problem 409, 422.

    to: the revision's number, None = the one before the newest that gets traffic.
    """
    with transaction.atomic():
        endpoint = _running(endpoint)
        revisions = list(endpoint.revisions.select_related("model_version"))
        found = earlier(endpoint, revisions)
        target = to if to is not None else found.revision if found else None
        before = shares_of(endpoint, revisions)
        if target is None or target >= max(before, default=0):
            raise Problem(409, "nothing_earlier", "There is no earlier revision to roll back to.", "Deploy another version instead.")
        shares = read_traffic(endpoint, {str(target): 100})
        endpoint.before_rollback = endpoint.before_rollback or {str(number): percent for number, percent in before.items()}
        _set(endpoint, shares, "endpoint.roll_back")
    endpoint.refresh_from_db()
    return endpoint


def resume(*, endpoint: Endpoint) -> Endpoint:
    """The shares as they were before it was rolled back. Raises Problem 409, 422 (a model was deleted since)."""
    with transaction.atomic():
        endpoint = _running(endpoint)
        if not endpoint.before_rollback:
            raise Problem(409, "not_rolled_back", "This endpoint was not rolled back.")
        shares = read_traffic(endpoint, endpoint.before_rollback)
        endpoint.before_rollback = None
        _set(endpoint, shares, "endpoint.resume")
    endpoint.refresh_from_db()
    return endpoint


def _running(endpoint: Endpoint) -> Endpoint:
    """The endpoint, its row locked. Problem 409 for one that is stopped."""
    locked: Endpoint = Endpoint.objects.select_for_update().select_related("workspace").get(pk=endpoint.pk)
    if locked.desired == "stopped":
        raise Problem(409, "stopped", f"`{locked.name}` is stopped.", "Start it first.")
    return locked


def _set(endpoint: Endpoint, shares: dict[int, int], action: str) -> None:
    endpoint.save(update_fields=["before_rollback"])
    plan(endpoint, shares)
    record(action=action, target=endpoint, data={"traffic": {str(number): percent for number, percent in shares.items()}})
    loop.reconcile(endpoint.pk)


def wrong(field: str, code: str, message: str, hint: str = "") -> Problem:
    """Problem 422 about one field of the body."""
    return Problem(422, code, message, hint, errors=[{"loc": ["body", field], "msg": message}])
