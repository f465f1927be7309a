"""What this room does when a workspace has gone: every stored byte of it goes too."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from controlplane import artifacts
from controlplane.workspaces.models import Workspace


@receiver(post_delete, sender=Workspace)
def forget_bytes(instance: Workspace, **_kwargs: Any) -> None:
    """Only once the deletion is certain. Parts of unfinished uploads are swept with the day's others."""
    prefix = f"ws/{instance.pk}"
    transaction.on_commit(lambda: artifacts.delete_prefix(prefix))
