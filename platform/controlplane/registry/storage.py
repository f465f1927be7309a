"""What this room keeps of a workspace's storage, and what goes with its rows."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.db.models.signals import post_delete
from django.dispatch import receiver

from controlplane import artifacts
from controlplane.data.intake import storage_hook
from controlplane.registry.models import Evaluation, ModelVersion, Prediction, Variant


@storage_hook
def model_bytes(workspace: Any) -> int:
    """The files of every version and variant, whoever made it; what evaluations and batch predictions answered."""
    kept = (
        ModelVersion.objects.filter(model__workspace=workspace),
        Variant.objects.filter(version__model__workspace=workspace),
        Evaluation.objects.filter(version__model__workspace=workspace),
        Prediction.objects.filter(job__workspace=workspace),
    )
    return sum(int(rows.aggregate(n=Coalesce(Sum("size_bytes"), 0))["n"]) for rows in kept)


@receiver(post_delete, sender=Evaluation)
@receiver(post_delete, sender=Prediction)
@receiver(post_delete, sender=Variant)
def forget_files(instance: Evaluation | Prediction | Variant, **_kwargs: Any) -> None:
    """Whatever took the row along, its job, its version or its workspace; once that is certain."""
    for file in instance.files:
        transaction.on_commit(partial(artifacts.delete, file["uri"]))
