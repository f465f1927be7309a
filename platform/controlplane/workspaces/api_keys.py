"""REST of invitations and API tokens: what lets somebody in."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.responses import Status
from pydantic import AwareDatetime, Field

from controlplane.errors import Problem, not_found
from controlplane.paging import ListQuery, listing
from controlplane.workspaces import invitations, tokens
from controlplane.workspaces.access import has_scope, needs, person, signed_in
from controlplane.workspaces.models import ApiToken, Invitation, Membership, Role, Scope, Workspace

root = Router(tags=["tokens"])
router = Router(tags=["workspaces"])


class InvitationIn(Schema):
    model_config = {"extra": "forbid"}
    email: str = Field(max_length=254)
    role: Role = Role.VIEWER


class TokenIn(Schema):
    """workspace: its slug, to limit the token to it; expires_at: RFC 3339 with its zone; default: never."""

    model_config = {"extra": "forbid"}
    name: str = Field("", max_length=100_000)
    scopes: list[str] = Field(min_length=1, max_length=8)
    workspace: str | None = Field(None, max_length=63)
    expires_at: AwareDatetime | None = None


def show_invitation(invitation: Invitation, link: str | None = None) -> dict[str, Any]:
    shown = {
        "id": str(invitation.pk),
        "email": invitation.email,
        "role": invitation.role,
        "state": invitation.state,
        "invited_by": invitation.invited_by.email if invitation.invited_by else None,
        "created_at": invitation.created_at,
        "expires_at": invitation.expires_at,
    }
    return shown | ({"url": link} if link else {})


def show_token(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "prefix": token.prefix,
        "scopes": token.scopes,
        "workspace": token.workspace.slug if token.workspace else None,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "exposed": token.exposed_at is not None,
    }


@router.get("/invitations", summary="Open invitations")
@needs("admin")
def list_invitations(request: HttpRequest, ws: str, query: Query[ListQuery]) -> Any:
    rows = Invitation.objects.visible_to(person(request)).filter(workspace=request.workspace)  # type: ignore[attr-defined]
    return listing(rows.filter(accepted_at=None).select_related("invited_by"), query, show=show_invitation, search=["email"])


@router.post("/invitations", summary="Invite somebody", response={201: Any})
@needs("admin")
def create_invitation(request: HttpRequest, ws: str, body: InvitationIn) -> Any:
    """The answer's `url` is the link; it is mailed too."""
    base = request.build_absolute_uri("/")
    who = {"by": person(request), "acting": request.role}  # type: ignore[attr-defined]
    made, link = invitations.invite(workspace=request.workspace, email=body.email, role=body.role, base_url=base, **who)  # type: ignore[attr-defined]
    return Status(201, show_invitation(made, link))


def the_invitation(request: HttpRequest, id: str) -> Invitation:
    rows = Invitation.objects.visible_to(person(request)).filter(workspace=request.workspace)  # type: ignore[attr-defined]
    found: Invitation | None = rows.filter(pk=int(id)).first() if id.isdecimal() and len(id) < 19 else None
    if found is None:
        raise not_found("invitation")
    return found


@router.delete("/invitations/{id}", summary="Withdraw an invitation", response={204: None})
@needs("admin")
def delete_invitation(request: HttpRequest, ws: str, id: str) -> Any:
    invitations.withdraw(invitation=the_invitation(request, id))
    return Status(204, None)


@router.post("/invitations/{id}/resend", summary="Send an invitation again")
@needs("admin")
def resend_invitation(request: HttpRequest, ws: str, id: str) -> Any:
    found = the_invitation(request, id)
    return show_invitation(found, invitations.resend(invitation=found, base_url=request.build_absolute_uri("/")))


@root.get("/tokens", summary="My API tokens")
@signed_in
def list_tokens(request: HttpRequest, query: Query[ListQuery]) -> Any:
    rows = ApiToken.objects.visible_to(person(request)).filter(revoked_at=None, hidden=False)  # type: ignore[attr-defined]
    return listing(rows.select_related("workspace"), query, show=show_token, search=["name", "prefix"])


@root.post("/tokens", summary="Make an API token", response={201: Any})
@signed_in(scope="admin")
def create_token(request: HttpRequest, body: TokenIn) -> Any:
    """The answer's `token` is shown this once. A token cannot make one that may do more than itself."""
    held: ApiToken | None = request.token  # type: ignore[attr-defined]
    scopes = [scope for scope in body.scopes if scope in set(Scope)]
    if held and not all(has_scope(held, Scope(scope)) for scope in scopes):
        raise Problem(403, "scope_too_small", "A token cannot make one with more scopes than its own.")
    workspace = _workspace(request, body.workspace)
    expires: datetime | None = body.expires_at
    if held and held.expires_at and (expires is None or expires > held.expires_at):
        expires = held.expires_at
    made, text = tokens.create_token(user=person(request), scopes=body.scopes, workspace=workspace, name=body.name, expires_at=expires)
    return Status(201, show_token(made) | {"token": text})


def _workspace(request: HttpRequest, slug: str | None) -> Workspace | None:
    """The workspace a new token is limited to; a token that is limited itself makes only such as itself."""
    held: ApiToken | None = request.token  # type: ignore[attr-defined]
    bound = held.workspace if held else None
    if slug is None:
        return bound
    found = Membership.objects.select_related("workspace").filter(workspace__slug=slug, user=person(request)).first()
    if found is None or (bound and bound.pk != found.workspace_id):
        raise not_found("workspace")
    return found.workspace


@root.delete("/tokens/{id}", summary="Revoke an API token", response={204: None})
@signed_in(scope="write")
def delete_token(request: HttpRequest, id: str) -> Any:
    found = ApiToken.objects.visible_to(person(request)).filter(id=id, revoked_at=None).first()  # type: ignore[attr-defined]
    if found is None:
        raise not_found("token")
    tokens.revoke_token(token=found)
    return Status(204, None)
