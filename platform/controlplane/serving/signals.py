"""What this room has to say before a workspace goes."""

from typing import Any

from django.dispatch import receiver

from controlplane.serving.models import Endpoint
from controlplane.workspaces.signals import workspace_closing


@receiver(workspace_closing)
def live_endpoints(workspace: Any, **_kwargs: Any) -> list[str]:
    """Endpoints somebody may be calling."""
    return [f"endpoint {e.name}" for e in Endpoint.objects.filter(workspace=workspace).exclude(desired="stopped").order_by("name")[:10]]
