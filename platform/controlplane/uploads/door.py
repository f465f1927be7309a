"""Who sends an upload: the API's own checks of token, session, CSRF, role and scope, for a request that never enters Django."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import BadRequest, DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.utils.module_loading import import_string

from controlplane.audit import context as audit
from controlplane.errors import Problem
from controlplane.uploads.wire import Request, in_database
from controlplane.workspaces.access import Permission, authenticate, authorise
from controlplane.workspaces.models import Role, Scope, Workspace
from controlplane.workspaces.tokens import PREFIX, mark_exposed


@dataclass(frozen=True)
class Access:
    """A caller who may. http: the same request as Django sees it, with what identifies a creating call as its body."""

    user: Any
    workspace: Workspace
    http: ASGIRequest


async def enter(request: Request, slug: str, *, reading: bool) -> Access:
    """Members may read, editors may write. Raises Problem 400 (key in the address), 401, 403, 404."""
    permission = Permission("needs", Role.VIEWER, Scope.READ) if reading else Permission("needs", Role.EDITOR, Scope.WRITE)
    access = await in_database(_check, request, slug, permission)
    audit.identify(actor_id=access.user.pk, actor=access.user.email, token=getattr(access.http.token, "prefix", ""))  # type: ignore[attr-defined]
    return access


def _check(request: Request, slug: str, permission: Permission) -> Access:
    http = _as_django(request)
    audit.begin(ip=http.META.get("REMOTE_ADDR"), request_id=request.id)
    for value in request.query.values():
        if PREFIX in value:
            mark_exposed(value)
            raise Problem(400, "token_in_url", "The address holds a key.", "Send it as `Authorization: Bearer …`, and replace this key.")
    authenticate(http)
    authorise(http, permission, slug)
    return Access(http.user, http.workspace, http)  # type: ignore[attr-defined]


def _as_django(request: Request) -> ASGIRequest:
    """The head of the request; its body stays on the wire."""
    names = ("upload-length", "upload-metadata")
    body = "\n".join(f"{name}: {request.headers.get(name, '')}" for name in names)
    try:
        http = ASGIRequest(request.scope, BytesIO(body.encode()))
        http.get_host()
    except (DisallowedHost, BadRequest):
        raise Problem(400, "bad_host", "This host name is not served here.") from None
    store = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    http.session = store(http.COOKIES.get(settings.SESSION_COOKIE_NAME))
    http.user = get_user(http)
    return http
