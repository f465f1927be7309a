"""The verbs about teams: the only writers of workspaces and memberships."""

from itertools import chain, count
from typing import Any

from django.db import IntegrityError, transaction

from controlplane.accounts.models import User
from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.limits import limit
from controlplane.lookalikes import Oddity, oddities
from controlplane.names import check_slug, check_title, slugify
from controlplane.workspaces import revocation
from controlplane.workspaces.events import role_changed
from controlplane.workspaces.models import ApiToken, Membership, Role, Scope, Workspace
from controlplane.workspaces.tokens import end_membership_tokens

ALL_SCOPES = tuple(Scope)
RESERVED = frozenset({"new", "me", "api", "admin", "settings", "static", "accounts"})


@transaction.atomic
def create_workspace(*, user: User, slug: str, title: str = "", personal: bool = False) -> Workspace:
    """A workspace with this person as its owner. Problem 409 `name_taken`, 422 for a bad slug or title."""
    check_slug(slug, field="slug")
    if slug in RESERVED:
        raise Problem(409, "name_taken", f"The name `{slug}` is reserved.", "Choose another.")
    owned = Membership.objects.filter(user=user, role=Role.OWNER).count()
    if owned >= limit("workspaces_per_user"):
        raise Problem(409, "limit_exceeded", f"You own {owned} workspaces already.", "Delete one you no longer use.")
    try:
        with transaction.atomic():
            workspace = Workspace.objects.create(slug=slug, title=check_title(title), personal=personal)
    except IntegrityError as error:
        raise Problem(409, "name_taken", f"The name `{slug}` is taken.", "Choose another.") from error
    Membership.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    record(action="workspace.create", target=workspace, workspace=workspace, request_or_actor=user)
    return workspace


def create_personal_workspace(*, user: User) -> Workspace:
    """The workspace everybody gets, named after their address; a number is added until the name is free."""
    base = slugify(user.email.split("@")[0])[:50] or "workspace"
    taken = set(Workspace.objects.filter(slug__startswith=base).values_list("slug", flat=True)) | RESERVED
    slug = next(name for name in chain([base], (f"{base}-{n}" for n in count(2))) if name not in taken)
    return create_workspace(user=user, slug=slug, title=user.name, personal=True)


@transaction.atomic
def update_workspace(*, workspace: Workspace, title: str, by: User | None = None) -> Workspace:
    workspace.title = check_title(title)
    workspace.save(update_fields=["title"])
    record(action="workspace.update", target=workspace, workspace=workspace, data={"title": workspace.title}, request_or_actor=by)
    return workspace


@transaction.atomic
def delete_workspace(*, workspace: Workspace) -> None:
    """Everything in it goes too. Problem 409 `in_use` naming what still runs."""
    from controlplane.workspaces.signals import workspace_closing

    answers = workspace_closing.send(sender=Workspace, workspace=workspace)
    users: list[str] = [word for _receiver, words in answers for word in words or ()]
    if users:
        detail = f"Still at work here: {', '.join(users[:10])}."
        raise Problem(409, "in_use", detail, "Stop it first.", errors=[{"loc": ["workspace"], "msg": user} for user in users[:100]])
    record(action="workspace.delete", target=workspace, workspace=workspace)
    pk = workspace.pk
    workspace.delete()
    transaction.on_commit(lambda: revocation.announce(workspace=pk))


def _may_touch(acting: Role, *roles: str) -> None:
    """Owners are made and unmade by owners only."""
    if Role.OWNER in roles and acting is not Role.OWNER:
        raise Problem(403, "role_too_small", "Only an owner manages owners.")


def _keep_an_owner(membership: Membership) -> None:
    """There is always one. Owner rows are locked, so that two owners cannot leave at the same moment."""
    owners = Membership.objects.select_for_update().filter(workspace=membership.workspace_id, role=Role.OWNER)
    if not [owner for owner in owners if owner.pk != membership.pk]:
        raise Problem(409, "last_owner", "A workspace always has an owner.", "Make another member owner first.")


@transaction.atomic
def change_role(*, membership: Membership, role: str, acting: Role) -> Membership:
    """Gives a member another role. Problem 403 for owners by others, 409 `last_owner`."""
    _may_touch(acting, membership.role, role)
    if membership.role == Role.OWNER and role != Role.OWNER:
        _keep_an_owner(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    record(action="member.update", target=membership.user, workspace=membership.workspace_id, data={"from": before, "to": role})
    user, workspace = membership.user_id, membership.workspace_id
    transaction.on_commit(lambda: revocation.announce(user=user, workspace=workspace))
    role_changed.send(sender=Membership, membership=membership)
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, acting: Role) -> None:
    """Takes a person out; their tokens for this workspace and their open pages end with it."""
    _may_touch(acting, membership.role)
    if membership.role == Role.OWNER:
        _keep_an_owner(membership)
    record(action="member.remove", target=membership.user, workspace=membership.workspace_id, data={"role": membership.role})
    end_membership_tokens(membership=membership)
    membership.delete()


def leave_or_remove(*, membership: Membership, user: User, acting: Role) -> None:
    """Everybody may leave; removing others takes an admin."""
    leaving = membership.user_id == user.pk
    if not leaving and not acting.includes(Role.ADMIN):
        raise Problem(403, "role_too_small", f"Removing others needs the role `{Role.ADMIN}`; you are `{acting}`.")
    remove_member(membership=membership, acting=Role.OWNER if leaving else acting)


def refuse_bound_token(token: ApiToken | None) -> None:
    """A token made for one workspace does nothing outside it."""
    if token and token.workspace_id:
        raise Problem(403, "scope_too_small", "This token is limited to one workspace.", "Use a token without that limit.")


@transaction.atomic
def add_member(*, workspace: Workspace, user: User, role: str) -> Membership:
    """Makes a person a member, or raises what they are to `role`; never lowers it."""
    membership, created = Membership.objects.get_or_create(workspace=workspace, user=user, defaults={"role": role})
    if not created and not Role(membership.role).includes(role):
        membership.role = role
        membership.save(update_fields=["role"])
    record(action="member.add", target=user, workspace=workspace, data={"role": membership.role})
    return membership


def oddities_of(*, user: User, workspace: Workspace) -> list[Oddity]:
    """What this person is to be told of the workspace's title: does it look like another one they know?"""
    known = Workspace.objects.filter(memberships__user=user).exclude(pk=workspace.pk).values_list("title", "slug")
    return oddities(workspace.title, chain.from_iterable(known))


def workspaces_of(user: User) -> list[dict[str, Any]]:
    """The person's workspaces with their role in each, by slug: what `GET /me` and the switcher show."""
    memberships = Membership.objects.filter(user=user).select_related("workspace").order_by("workspace__slug")
    return [{"slug": m.workspace.slug, "title": m.workspace.title, "role": m.role} for m in memberships]
