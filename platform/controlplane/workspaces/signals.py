"""What this room does when people come, and what it asks others before a workspace goes."""

from typing import Any

from django.dispatch import Signal, receiver

from controlplane.accounts.models import User
from controlplane.accounts.signals import person_joined
from controlplane.workspaces.services import create_personal_workspace

#: A workspace is about to be deleted. Receivers get `workspace` and return what stands in the way as words, or an empty list.
workspace_closing = Signal()


@receiver(person_joined, sender=User)
def give_personal_workspace(user: User, **_kwargs: Any) -> None:
    create_personal_workspace(user=user)
