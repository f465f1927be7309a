"""What this room does when people come, and what it asks others before a workspace goes."""

from typing import Any

from django.dispatch import Signal, receiver

from controlplane.accounts.models import User
from controlplane.accounts.signals import person_joined, person_named
from controlplane.workspaces.models import Role, Workspace
from controlplane.workspaces.services import create_personal_workspace, update_workspace

#: A workspace is about to be deleted. Receivers get `workspace` and return what stands in the way as words, or an empty list.
workspace_closing = Signal()


@receiver(person_joined, sender=User)
def give_personal_workspace(user: User, **_kwargs: Any) -> None:
    create_personal_workspace(user=user)


@receiver(person_named, sender=User)
def name_personal_workspace(user: User, workspace: str, **_kwargs: Any) -> None:
    """Only one that has no title yet: what somebody called it stays."""
    mine = Workspace.objects.filter(personal=True, title="", memberships__user=user, memberships__role=Role.OWNER).first()
    if mine and workspace:
        update_workspace(workspace=mine, title=workspace, by=user)
