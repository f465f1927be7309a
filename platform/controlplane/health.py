"""`/health`: this process answers. `/ready`: one line each for database, Redis, storage and workers."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from controlplane import artifacts
from controlplane.dispatch import client
from controlplane.errors import CONTENT_TYPE, standard
from controlplane.jobs.models import Worker
from controlplane.workspaces.access import public
from workers.contract.names import LEASE_SECONDS

log = logging.getLogger(__name__)


@public
def health(request: HttpRequest) -> JsonResponse:
    """Liveness: touches nothing else."""
    return JsonResponse({"status": "ok"})


class NotReady(Exception):
    """Says in words what is missing."""


@public
def ready(request: HttpRequest) -> JsonResponse:
    """Readiness: 200 when the main job can be done from end to end, else 503; `checks` says what is missing."""
    found = {name: _try(check) for name, check in CHECKS.items()}
    fine = all(well for well, _line in found.values())
    body = {"status": "ready" if fine else "not ready", "checks": {name: line for name, (_well, line) in found.items()}}
    answer = JsonResponse(body, status=200 if fine else 503, headers={} if fine else {"Retry-After": "2"})
    answer._has_been_logged = True  # type: ignore[attr-defined]  # asked again and again while starting: no error of ours
    return answer


def _try(check: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, f"ok: {check()}"
    except NotReady as missing:
        return False, str(missing)
    except Exception as error:  # whatever a driver raises means: not ready; its words may hold addresses, so they go to the log
        log.warning("not ready: %s", error)
        return False, f"failed: {type(error).__name__}"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
        cursor.fetchone()
    return connection.vendor


def _redis() -> str:
    redis = client()
    redis.ping()
    memory: dict[str, Any] = redis.info("memory")  # type: ignore[assignment]
    most, used = memory.get("maxmemory", 0), memory.get("used_memory", 0)
    if most and used >= 0.98 * most:
        raise NotReady("degraded: broker full")
    return "answers"


def _workers() -> str:
    since = timezone.now() - timedelta(seconds=LEASE_SECONDS)
    count = Worker.objects.filter(seen_at__gt=since, draining=False).count()
    if not count:
        raise NotReady("none online: start a worker host")
    return f"{count} online"


CHECKS: dict[str, Callable[[], str]] = {"database": _database, "redis": _redis, "storage": artifacts.check, "workers": _workers}


@csrf_exempt  # there is nothing here to forge, and a POST to nowhere is 404 as well
@public
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Every other address of the API."""
    body = standard(404).as_bytes(getattr(request, "request_id", ""))
    return HttpResponse(body, status=404, content_type=CONTENT_TYPE)
