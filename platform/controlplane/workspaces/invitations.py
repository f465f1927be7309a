"""The verbs about invitations: a link that works once, for seven days."""

import base64
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from controlplane.accounts.models import User
from controlplane.accounts.services import digest
from controlplane.audit.services import record
from controlplane.errors import Problem
from controlplane.limits import INVITATION_SECONDS, limit
from controlplane.workspaces.events import invitation_accepted
from controlplane.workspaces.models import Invitation, Membership, Role, Workspace
from controlplane.workspaces.services import add_member


def _fresh(invitation: Invitation) -> str:
    """Gives it a new code and a new week; the old link stops working."""
    invitation.expires_at = timezone.now() + timedelta(seconds=INVITATION_SECONDS)
    code = _code(invitation)
    invitation.code_hash = digest(code)
    return code


def _code(invitation: Invitation) -> str:
    """256 bits that only this installation can work out again, so that an admin may copy the link later; the row keeps their hash."""
    what = f"{invitation.workspace_id}:{invitation.email}:{invitation.expires_at.isoformat()}"
    return base64.urlsafe_b64encode(salted_hmac("slipway.invitation", what, algorithm="sha256").digest()).decode().rstrip("=")


def link_of(*, invitation: Invitation, base_url: str) -> str:
    """The link of an open invitation once more; empty for one that was made by another secret key."""
    code = _code(invitation)
    return _link(base_url, code) if digest(code) == invitation.code_hash else ""


@transaction.atomic
def invite(*, workspace: Workspace, email: str, role: str, by: User, acting: Role, base_url: str) -> tuple[Invitation, str]:
    """An invitation and its link, which is mailed too. Problem 403, 409 `already_member` or `already_invited`, 422."""
    email = _checked(email)
    if role == Role.OWNER and acting is not Role.OWNER:
        raise Problem(403, "role_too_small", "Only an owner invites owners.")
    if Membership.objects.filter(workspace=workspace, user__email=email).exists():
        raise Problem(409, "already_member", f"{email} is a member already.")
    Invitation.objects.filter(workspace=workspace, email=email, accepted_at=None, expires_at__lte=timezone.now()).delete()
    if Invitation.objects.filter(workspace=workspace, email=email, accepted_at=None).exists():
        raise Problem(409, "already_invited", f"{email} has an open invitation.", "Send it again, or delete it.")
    if workspace.memberships.count() + workspace.invitations.filter(accepted_at=None).count() >= limit("members_per_workspace"):
        raise Problem(409, "limit_exceeded", f"A workspace has at most {limit('members_per_workspace')} members.")
    invitation = Invitation(workspace=workspace, email=email, role=role, invited_by=by)
    link = _link(base_url, _fresh(invitation))
    invitation.save()
    record(action="invitation.create", target=("invitation", email), workspace=workspace, data={"role": role})
    transaction.on_commit(lambda: _mail(invitation, link))
    return invitation, link


def _checked(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        detail = f"{email[:100]!r} is not an email address."
        raise Problem(422, "bad_email", detail, errors=[{"loc": ["body", "email"], "msg": detail}]) from error
    return email


@transaction.atomic
def resend(*, invitation: Invitation, base_url: str) -> str:
    """A new link for an open invitation; the old one stops working. Problem 409 once it was accepted."""
    if invitation.accepted_at:
        raise Problem(409, "already_member", f"{invitation.email} has accepted already.")
    link = _link(base_url, _fresh(invitation))
    invitation.save(update_fields=["code_hash", "expires_at"])
    record(action="invitation.resend", target=("invitation", invitation.email), workspace=invitation.workspace_id)
    transaction.on_commit(lambda: _mail(invitation, link))
    return link


@transaction.atomic
def withdraw(*, invitation: Invitation) -> None:
    """Ends an invitation; its link stops working."""
    record(action="invitation.delete", target=("invitation", invitation.email), workspace=invitation.workspace_id)
    invitation.delete()


def find_invitation(*, code: str) -> Invitation | None:
    """The open invitation this code opens, or None. Used by the page that shows it before it is accepted."""
    rows = Invitation.objects.select_related("workspace", "invited_by")
    return rows.filter(code_hash=digest(code), accepted_at=None, expires_at__gt=timezone.now()).first()


@transaction.atomic
def accept(*, code: str, user: User) -> Membership:
    """Makes the person who opened the link a member. Problem 404 when it is unknown, used, withdrawn or too old."""
    invitation = find_invitation(code=code)
    now = timezone.now()
    if invitation is None or Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(accepted_at=now, accepted_by=user) != 1:
        raise Problem(404, "invitation_gone", "This invitation was used, withdrawn or is too old.", "Ask for a new one.")
    record(action="invitation.accept", target=("invitation", invitation.email), workspace=invitation.workspace_id, request_or_actor=user)
    membership = add_member(workspace=invitation.workspace, user=user, role=invitation.role)
    invitation_accepted.send(sender=Invitation, invitation=invitation, user=user)
    return membership


def _link(base_url: str, code: str) -> str:
    return f"{(settings.PUBLIC_URL or base_url).rstrip('/')}/invitations/{code}"


def _mail(invitation: Invitation, link: str) -> None:
    """Sends it; that a mail server is away must not undo the invitation, whose link the inviter has as well."""
    subject = _("Invitation to %(workspace)s") % {"workspace": invitation.workspace}
    words = _("Open this link to join %(workspace)s as %(role)s. It works once, for seven days.")
    text = words % {"workspace": invitation.workspace, "role": invitation.get_role_display()}
    send_mail(f"[Slipway] {subject}", f"{text}\n\n{link}\n", None, [invitation.email], fail_silently=True)
