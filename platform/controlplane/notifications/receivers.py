"""What happens in teams becomes news: to who invited, and to whose role is another."""

import time
from typing import Any

from django.dispatch import receiver
from django.urls import reverse

from controlplane.accounts.models import User
from controlplane.notifications.services import notify
from controlplane.workspaces.events import invitation_accepted, role_changed
from controlplane.workspaces.models import Invitation, Membership


@receiver(invitation_accepted)
def tell_who_invited(invitation: Invitation, user: User, **_kwargs: Any) -> None:
    path = reverse("members", kwargs={"ws": invitation.workspace.slug})
    key, data = f"invitation:{invitation.pk}", {"name": str(user), "email": invitation.email}
    notify(users=[invitation.invited_by], kind="invitation.accepted", key=key, path=path, workspace=invitation.workspace, data=data)


@receiver(role_changed)
def tell_the_member(membership: Membership, **_kwargs: Any) -> None:
    path = reverse("members", kwargs={"ws": membership.workspace.slug})
    key, data = f"role:{membership.pk}:{membership.role}:{int(time.time())}", {"role": str(membership.role)}
    notify(users=[membership.user], kind="member.role", key=key, path=path, workspace=membership.workspace, data=data)
