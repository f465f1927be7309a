"""What the models of a workspace take of its storage."""

from typing import Any

from django.db.models import Sum
from django.db.models.functions import Coalesce

from controlplane.data.intake import storage_hook
from controlplane.registry.models import ModelVersion


@storage_hook
def model_bytes(workspace: Any) -> int:
    """The files of every version, whoever made it."""
    rows = ModelVersion.objects.filter(model__workspace=workspace)
    return int(rows.aggregate(n=Coalesce(Sum("size_bytes"), 0))["n"])
