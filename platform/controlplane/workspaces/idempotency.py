"""A creating call sent twice does its work once: the first answer is kept 24 hours under the caller's Idempotency-Key.

The answer is written in the transaction of the work itself, so a process that is killed in between leaves neither.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from controlplane.dispatch import ask, client
from controlplane.errors import Problem
from controlplane.limits import limit
from controlplane.workspaces.models import IdempotentCall

RUNNING_SECONDS = 10
KEPT = ("Content-Type", "Location")


def once(request: HttpRequest, run: Callable[[], HttpResponseBase], key: str | None = None) -> HttpResponseBase:
    """Runs a POST with an Idempotency-Key (or a form's own `key`), or gives its first answer again. Problem 400, 409 or 422."""
    key = key or request.headers.get("Idempotency-Key")
    if request.method != "POST" or key is None or not request.user.is_authenticated:
        return run()
    if not 0 < len(key) <= limit("idempotency_key"):
        raise Problem(400, "bad_idempotency_key", f"An Idempotency-Key has 1 to {limit('idempotency_key')} characters.")
    fingerprint = _fingerprint(request)
    if answer := _first_answer(request.user.pk, key, fingerprint):
        return answer
    mark = f"idempotency:{request.user.pk}:{hashlib.sha256(key.encode()).hexdigest()}"
    if not _begin(mark):
        hint = "Wait for its answer, then send it again with the same key."
        raise Problem(409, "idempotency_running", "A call with this Idempotency-Key is still running.", hint, headers={"Retry-After": "1"})
    try:
        return _run(request.user.pk, key, fingerprint, run)
    finally:
        _end(mark)


def _run(user: int, key: str, fingerprint: str, run: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    try:
        with transaction.atomic():
            row = IdempotentCall.objects.create(user_id=user, key=key, fingerprint=fingerprint)
            response = run()
            if response.status_code >= 400 or not isinstance(response, HttpResponse):
                transaction.set_rollback(True)  # nothing was made: the same key may try again
            else:
                row.status, row.body = response.status_code, response.content
                row.headers = {name: response[name] for name in KEPT if name in response}
                row.save()
            return response
    except IntegrityError:
        answer = _first_answer(user, key, fingerprint)
        if answer is None:
            raise
        return answer


def _fingerprint(request: HttpRequest) -> str:
    parts = hashlib.sha256(f"{request.method} {request.get_full_path()}\n{request.content_type}\n".encode())
    parts.update(request.body)
    return parts.hexdigest()


def _first_answer(user: int, key: str, fingerprint: str) -> HttpResponse | None:
    since = timezone.now() - timedelta(seconds=limit("idempotency_seconds"))
    calls = IdempotentCall.objects.filter(user_id=user, key=key)
    row = calls.first()
    if row is None:
        return None
    if row.created_at < since:
        calls.delete()
        return None
    if row.fingerprint != fingerprint:
        hint = "Use a new key for another call."
        raise Problem(422, "idempotency_mismatch", "This Idempotency-Key was used for another call or another body.", hint)
    return HttpResponse(bytes(row.body), status=row.status, headers={**row.headers, "Idempotency-Replayed": "true"})


def _begin(mark: str) -> bool:
    """Only a courtesy to parallel callers; that the work is done once is the database's word."""
    return bool(ask("mark of a call", lambda: client().set(mark, b"1", nx=True, ex=RUNNING_SECONDS), True))


def _end(mark: str) -> None:
    ask("mark of a call", lambda: client().delete(mark))


def forget_old_calls() -> int:
    """Removes answers older than a day; called by the control process now and then."""
    return IdempotentCall.objects.filter(created_at__lt=timezone.now() - timedelta(seconds=limit("idempotency_seconds"))).delete()[0]
