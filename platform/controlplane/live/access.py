"""Who may watch: asked when a socket opens, and again every few seconds, because a socket outlives a logout."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.utils.module_loading import import_string

from controlplane.errors import Problem, not_found
from controlplane.guard import Scope, header
from controlplane.jobs.models import Job
from controlplane.workspaces.access import Permission, authenticate, authorise
from controlplane.workspaces.models import Role
from controlplane.workspaces.models import Scope as TokenScope
from controlplane.workspaces.tokens import PREFIX, mark_exposed

PERMISSION = Permission("needs", Role.VIEWER, TokenScope.READ)


@dataclass(frozen=True)
class Ticket:
    """What a socket opened with. Two sockets with equal tickets may or may not watch together."""

    authorization: str
    session: str
    workspace: str
    job: int


@dataclass(frozen=True)
class Seat:
    """A socket that may watch. user, job: primary keys; newest: the job's cursor when it opened."""

    user: int
    job: int
    newest: int


def origin_fits(scope: Scope) -> bool:
    """A browser's cookie counts only on pages of this very host; a token is no browser's and needs no origin."""
    if header(scope, b"authorization"):
        return True
    origin = (header(scope, b"origin") or b"").decode("latin-1")
    host = (header(scope, b"host") or b"").decode("latin-1")
    parts = urlsplit(origin)
    return bool(parts.netloc) and (parts.netloc.lower() == host.lower() or origin in settings.CSRF_TRUSTED_ORIGINS)


def ticket_of(scope: Scope, workspace: str, job: int) -> Ticket:
    request = _as_http(scope)
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return Ticket((header(scope, b"authorization") or b"").decode("latin-1"), session, workspace, job)


def take_seat(ticket: Ticket, query: bytes) -> Seat:
    """Sync, reads the database. Problem 400 (key in the address), 401, 403 or 404."""
    for _name, value in parse_qsl(query.decode("latin-1")):
        if PREFIX in value:
            mark_exposed(value)
            raise Problem(400, "token_in_url", "The address holds a key.", "Send it in the Authorization header, and replace this key.")
    request = _request(ticket)
    authenticate(request)
    authorise(request, PERMISSION, ticket.workspace)
    rows = Job.objects.visible_to(request.user).filter(workspace=request.workspace, number=ticket.job)  # type: ignore[attr-defined]
    job = rows.only("pk", "cursor").first()
    if job is None:
        raise not_found("job")
    return Seat(request.user.pk, job.pk, job.cursor)


def still_fits(ticket: Ticket) -> int | None:
    """The code to close with when access has ended since, else None. Sync, reads the database."""
    try:
        take_seat(ticket, b"")
    except Problem as problem:
        return close_code(problem)
    return None


def close_code(problem: Problem) -> int:
    return {401: 4401, 400: 1008}.get(problem.status, 4404)


def _request(ticket: Ticket) -> Any:
    """The bare request `authenticate` needs."""
    headers = [(b"authorization", ticket.authorization.encode("latin-1"))] if ticket.authorization else []
    request = ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": headers}, BytesIO())
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(ticket.session or None)
    request.user = get_user(request)  # type: ignore[assignment]
    return request


def _as_http(scope: Scope) -> ASGIRequest:
    return ASGIRequest({**scope, "type": "http", "method": "GET"}, BytesIO())
