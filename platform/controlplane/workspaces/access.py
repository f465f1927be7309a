"""Who may do what: every operation, page and socket declares it here, and what declares nothing fails the tests.

    @router.get("/workspaces/{ws}/datasets")
    @needs("viewer", scope="read")          # request.user, request.token, request.workspace, request.role are set
    def list_datasets(request, ws: str): …

`needs` stands below the route's decorator. It works on API operations (sync or async) and on pages alike: an API caller
gets 401, 404 or 403, a browser on a page is sent to sign in, gets 404 or the 403 page. `{ws}` is the workspace's slug.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from ninja.decorators import decorate_view
from ninja.utils import check_csrf

from controlplane.accounts.models import User
from controlplane.audit.context import identify
from controlplane.errors import Problem, not_found
from controlplane.workspaces.models import ApiToken, Membership, Role, Scope
from controlplane.workspaces.tokens import find_token, unauthenticated

Kind = Literal["needs", "signed_in", "public", "worker_door", "operator"]
View = TypeVar("View", bound=Callable[..., Any])
SCOPE_OF = {"viewer": Scope.READ, "editor": Scope.WRITE, "admin": Scope.ADMIN, "owner": Scope.ADMIN}
INCLUDED = {Scope.ADMIN: {Scope.READ, Scope.WRITE}, Scope.WRITE: {Scope.READ}}


@dataclass(frozen=True)
class Permission:
    """What a route declares. query: query parameters it reads by itself, beside those of its signature."""

    kind: Kind
    role: Role | None = None
    scope: Scope | None = None
    query: frozenset[str] = frozenset()


def needs(role: str, scope: str | None = None, query: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Members of `{ws}` with at least this role; a token must also carry the scope (default: read, write or admin, as the role)."""
    return _declare(Permission("needs", Role(role), Scope(scope or SCOPE_OF[role]), frozenset(query)))


@overload
def signed_in(view: View) -> View: ...
@overload
def signed_in(*, scope: str = "read", query: tuple[str, ...] = ()) -> Callable[[View], View]: ...
def signed_in(view: Any = None, *, scope: str = "read", query: tuple[str, ...] = ()) -> Any:
    """Any person; usable as `@signed_in` and as `@signed_in(scope="write")`."""
    mark: Callable[[Any], Any] = _declare(Permission("signed_in", scope=Scope(scope), query=frozenset(query)))
    return mark(view) if view else mark


@overload
def public(view: View) -> View: ...
@overload
def public(*, query: tuple[str, ...] = ()) -> Callable[[View], View]: ...
def public(view: Any = None, *, query: tuple[str, ...] = ()) -> Any:
    """Anybody, without a word about who they are."""
    mark: Callable[[Any], Any] = _declare(Permission("public", query=frozenset(query)))
    return mark(view) if view else mark


def worker_door(view: View) -> View:
    """Worker hosts and attempts with their own tokens: the view checks them itself, before anything else."""
    view.permission = Permission("worker_door")  # type: ignore[attr-defined]
    return view


def _declare(permission: Permission) -> Callable[[View], View]:
    def mark(view: View) -> View:
        signature = inspect.signature(view)
        wants_ws = "ws" in signature.parameters

        def given(request: HttpRequest, kwargs: dict[str, Any]) -> dict[str, Any]:
            return {**kwargs, "ws": request.workspace.slug} if wants_ws and "ws" not in kwargs else kwargs  # type: ignore[attr-defined]

        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refusal = await sync_to_async(_guard_page)(request, permission, kwargs)
                return refusal or await view(request, *args, **given(request, kwargs))
        else:

            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                return _guard_page(request, permission, kwargs) or view(request, *args, **given(request, kwargs))

        # The framework reads parameters from the signature; `ws` stands in the prefix of the router and is none of them.
        rest = [parameter for name, parameter in signature.parameters.items() if name != "ws"]
        guarded.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        guarded.permission = permission  # type: ignore[attr-defined]
        from controlplane.workspaces.operation import guard  # the part that knows the API's framework

        return decorate_view(guard(permission))(guarded)  # type: ignore[return-value]

    return mark


def person(request: HttpRequest) -> User:
    """The signed-in person of a guarded request."""
    return cast(User, request.user)


def authenticate(request: HttpRequest) -> None:
    """Sets request.user and request.token from the Authorization header, else from the session. Problem 401 or 403 (CSRF)."""
    header = request.headers.get("Authorization", "")
    request.token = None  # type: ignore[attr-defined]
    if header:
        kind, _, text = header.partition(" ")
        if kind.lower() != "bearer" or not text.strip():
            raise unauthenticated("bad_authorization", "The Authorization header must read `Bearer slw_…`.")
        token = find_token(text.strip())
        request.token, request.user = token, token.user  # type: ignore[attr-defined]
        identify(actor_id=token.user_id, actor=token.user.email, token=token.prefix)
        return
    if not request.user.is_authenticated:
        raise unauthenticated()
    if request.method not in {"GET", "HEAD", "OPTIONS"} and check_csrf(request):
        raise Problem(403, "csrf", "The form's safety code is missing or old.", "Reload the page and try again.")
    identify(actor_id=request.user.pk, actor=request.user.email)


def authorise(request: HttpRequest, permission: Permission, ws: str | None) -> None:
    """After `authenticate`: finds the workspace, sets request.workspace and request.role. Problem 404 or 403."""
    token: ApiToken | None = request.token  # type: ignore[attr-defined]
    if permission.kind == "needs":
        enter(request, ws or "")
        role: Role = request.role  # type: ignore[attr-defined]
        if permission.role and not role.includes(permission.role):
            raise forbidden(request.workspace.pk, role, permission.role)  # type: ignore[attr-defined]
    if token and permission.scope and not has_scope(token, permission.scope):
        held = ", ".join(token.scopes) or "none"
        raise Problem(403, "scope_too_small", f"This needs the scope `{permission.scope}`; the token has: {held}.", "Make another token.")


def enter(request: HttpRequest, slug: str) -> None:
    """Sets request.workspace and request.role; the same 404 for a workspace that is not there and for one of others."""
    token: ApiToken | None = getattr(request, "token", None)
    found = Membership.objects.select_related("workspace").filter(workspace__slug=slug, user=person(request)).first()
    if found is None or (token and token.workspace_id not in {None, found.workspace_id}):
        raise not_found("workspace")
    request.workspace, request.role = found.workspace, Role(found.role)  # type: ignore[attr-defined]


def has_scope(token: ApiToken, scope: Scope) -> bool:
    """write includes read; admin includes both; predict stands alone."""
    return scope in token.scopes or any(scope in INCLUDED.get(Scope(held), set()) for held in token.scopes)


def forbidden(workspace: int, role: Role, needed: Role) -> Problem:
    """403 that names who can help."""
    owners = Membership.objects.filter(workspace_id=workspace, role=Role.OWNER).select_related("user")[:5]
    names = ", ".join(str(member.user) for member in owners)
    shown = {"role": role.label, "needed": needed.label, "owners": names}
    detail = f"This needs the role `{needed}`; you are `{role}`."
    problem = Problem(403, "role_too_small", detail, f"Owners of this workspace: {names}.")
    problem.shown = shown  # type: ignore[attr-defined]  # the same for the page, which says it in the reader's language
    return problem


def owners_only(request: HttpRequest) -> None:
    """For the part of an operation that only owners may ask for; a token also needs the scope admin. Raises Problem 403."""
    role: Role = request.role  # type: ignore[attr-defined]
    if not role.includes(Role.OWNER):
        raise forbidden(request.workspace.pk, role, Role.OWNER)  # type: ignore[attr-defined]
    token: ApiToken | None = request.token  # type: ignore[attr-defined]
    if token and not has_scope(token, Scope.ADMIN):
        held = ", ".join(token.scopes) or "none"
        raise Problem(403, "scope_too_small", f"This needs the scope `admin`; the token has: {held}.", "Make another token.")


def operators_only(request: HttpRequest) -> None:
    """For what concerns the whole installation. Raises PermissionDenied, with who can help, for everybody else."""
    if person(request).is_staff:
        return
    names = ", ".join(str(user) for user in User.objects.filter(is_staff=True, is_active=True)[:5])
    detail = "This concerns every workspace; only operators of this installation may do it."
    problem = Problem(
        403, "operators_only", detail, f"Operators: {names}." if names else "Make one with `python manage.py operator EMAIL`."
    )
    request.problem = problem  # type: ignore[attr-defined]
    raise PermissionDenied(problem.detail)


def _guard_page(request: HttpRequest, permission: Permission, kwargs: dict[str, Any]) -> HttpResponseBase | None:
    """For pages: the answer to who may not come in, or None. API operations were guarded before their parameters were read."""
    if getattr(request, "guarded", False) or permission.kind == "public":
        return None
    request.token = None  # type: ignore[attr-defined]
    if not request.user.is_authenticated:
        if request.headers.get("HX-Request"):
            raise unauthenticated()
        return redirect_to_login(request.get_full_path())
    identify(actor_id=request.user.pk, actor=request.user.email)
    try:
        authorise(request, permission, kwargs.get("ws"))
    except Problem as problem:
        if problem.status == 404:
            raise Http404(problem.detail) from problem
        request.problem = problem  # type: ignore[attr-defined]
        raise PermissionDenied(problem.detail) from problem
    return None
