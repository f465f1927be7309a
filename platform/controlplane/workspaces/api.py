"""REST of people and teams: the caller, workspaces, members, the audit log. Invitations and tokens have their own files."""

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import Field

from controlplane.accounts.api import PersonIn, show_person
from controlplane.accounts.services import change_settings
from controlplane.audit.models import AuditEvent
from controlplane.errors import not_found
from controlplane.limits import LIMITS
from controlplane.paging import ListQuery, listing
from controlplane.workspaces import services
from controlplane.workspaces.access import needs, person, public, signed_in
from controlplane.workspaces.audit_log import FILTERS, chosen
from controlplane.workspaces.limits_page import used
from controlplane.workspaces.models import Membership, Role, Workspace

root = Router(tags=["workspaces"])
router = Router(tags=["workspaces"])


class WorkspaceIn(Schema):
    model_config = {"extra": "forbid"}
    slug: str = Field(max_length=100_000)
    title: str = Field("", max_length=100_000)


class WorkspaceChange(Schema):
    model_config = {"extra": "forbid"}
    title: str = Field(max_length=100_000)


class AuditQuery(ListQuery):
    actor: str = Field("", max_length=254)
    action: str = Field("", max_length=64, description="An action, or its beginning: `dataset.`")
    since: date | None = None
    until: date | None = None


class MemberChange(Schema):
    model_config = {"extra": "forbid"}
    role: Role


def show_workspace(workspace: Workspace, role: str) -> dict[str, Any]:
    shown = {"slug": workspace.slug, "title": workspace.title, "role": str(role), "personal": workspace.personal}
    return shown | {"created_at": workspace.created_at}


def warnings(request: HttpRequest, workspace: Workspace) -> dict[str, Any]:
    """What is odd about its title, for whoever just gave it."""
    return {"warnings": [oddity._asdict() for oddity in services.oddities_of(user=person(request), workspace=workspace)]}


def show_member(membership: Membership) -> dict[str, Any]:
    user = membership.user
    shown = {"id": str(membership.pk), "user": str(user.pk), "email": user.email, "name": user.name}
    return shown | {"role": membership.role, "created_at": membership.created_at}


def show_event(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": str(event.pk),
        "time": event.at,
        "actor": event.actor,
        "token": event.token,
        "action": event.action,
        "target": {"type": event.target_type, "id": event.target_id},
        "ip": event.ip,
        "request_id": event.request_id,
        "data": event.data,
    }


@root.get("/limits", summary="Every named limit")
@public
def get_limits(request: HttpRequest) -> Any:
    return {name: limit._asdict() for name, limit in LIMITS.items()}


@root.get("/me", summary="Who I am", tags=["people"])
@signed_in
def get_me(request: HttpRequest) -> Any:
    token = request.token  # type: ignore[attr-defined]
    spaces = services.workspaces_of(person(request))
    scopes = token.scopes if token else [scope.value for scope in services.ALL_SCOPES]
    if token and token.workspace_id:
        spaces = [space for space in spaces if space["slug"] == token.workspace.slug]
    return {"user": show_person(person(request)), "scopes": scopes, "workspaces": spaces}


@root.patch("/me", summary="Change my settings", tags=["people"])
@signed_in(scope="write")
def patch_me(request: HttpRequest, body: PersonIn) -> Any:
    return show_person(change_settings(user=person(request), **body.dict(exclude_unset=True)))


@root.get("/workspaces", summary="My workspaces")
@signed_in
def list_workspaces(request: HttpRequest, query: Query[ListQuery]) -> Any:
    rows = Membership.objects.filter(user=person(request)).select_related("workspace")
    token = request.token  # type: ignore[attr-defined]
    if token and token.workspace_id:
        rows = rows.filter(workspace_id=token.workspace_id)
    sorts = {"created_at": "workspace__created_at", "slug": "workspace__slug", "title": "workspace__title"}
    search = ["workspace__slug", "workspace__title"]
    return listing(rows, query, show=lambda row: show_workspace(row.workspace, row.role), sorts=sorts, search=search)


@root.post("/workspaces", summary="Make a workspace", response={201: Any})
@signed_in(scope="write")
def create_workspace(request: HttpRequest, body: WorkspaceIn) -> Any:
    services.refuse_bound_token(request.token)  # type: ignore[attr-defined]
    workspace = services.create_workspace(user=person(request), slug=body.slug, title=body.title)
    return Status(201, show_workspace(workspace, Role.OWNER) | warnings(request, workspace))


@router.get("", summary="One workspace")
@needs("viewer")
def get_workspace(request: HttpRequest, ws: str) -> Any:
    return show_workspace(request.workspace, request.role)  # type: ignore[attr-defined]


@router.patch("", summary="Rename a workspace")
@needs("owner")
def patch_workspace(request: HttpRequest, ws: str, body: WorkspaceChange) -> Any:
    workspace = services.update_workspace(workspace=request.workspace, title=body.title)  # type: ignore[attr-defined]
    return show_workspace(workspace, request.role) | warnings(request, workspace)  # type: ignore[attr-defined]


@router.delete("", summary="Delete a workspace and everything in it", response={204: None})
@needs("owner")
def delete_workspace(request: HttpRequest, ws: str) -> Any:
    services.delete_workspace(workspace=request.workspace)  # type: ignore[attr-defined]
    return Status(204, None)


@router.get("/members", summary="Members")
@needs("viewer")
def list_members(request: HttpRequest, ws: str, query: Query[ListQuery]) -> Any:
    rows = Membership.objects.filter(workspace=request.workspace).select_related("user")  # type: ignore[attr-defined]
    sorts = {"created_at": "created_at", "email": "user__email", "name": "user__name", "role": "role"}
    return listing(rows, query, show=show_member, sorts=sorts, default="created_at", search=["user__email", "user__name"])


def the_member(request: HttpRequest, id: str) -> Membership:
    rows = Membership.objects.filter(workspace=request.workspace).select_related("user")  # type: ignore[attr-defined]
    found = rows.filter(pk=int(id)).first() if id.isdecimal() and len(id) < 19 else None
    if found is None:
        raise not_found("member")
    return found


@router.patch("/members/{id}", summary="Give a member another role")
@needs("admin")
def patch_member(request: HttpRequest, ws: str, id: str, body: MemberChange) -> Any:
    return show_member(services.change_role(membership=the_member(request, id), role=body.role, acting=request.role))  # type: ignore[attr-defined]


@router.delete("/members/{id}", summary="Remove a member", response={204: None})
@needs("viewer", scope="admin")
def delete_member(request: HttpRequest, ws: str, id: str) -> Any:
    """Admins remove anybody but owners; everybody may leave."""
    member = the_member(request, id)
    services.leave_or_remove(membership=member, user=person(request), acting=request.role)  # type: ignore[attr-defined]
    return Status(204, None)


@router.get("/limits", summary="Every named limit, and how much of it is taken")
@needs("viewer", scope="read")
def workspace_limits(request: HttpRequest, ws: str) -> Any:
    """As `/limits`, with `used` for what fills up: storage and members of the workspace, your tokens and workspaces; else null."""
    return used(request)


@router.get("/audit", summary="Who did what, when, from where")
@needs("admin")
def list_audit(request: HttpRequest, ws: str, query: Query[AuditQuery]) -> Any:
    """since, until: days, both included, in UTC."""
    rows = chosen(request.workspace.pk, {name: getattr(query, name) for name in FILTERS})  # type: ignore[attr-defined]
    search = ["actor", "action", "target_id"]
    return listing(rows, query, show=show_event, sorts={"created_at": "at", "time": "at"}, default="-created_at", search=search)
