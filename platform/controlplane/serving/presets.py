"""Settings of the playground kept under a name: each person's own, for one task of a workspace."""

from typing import Any

from django.db.models import QuerySet

from controlplane.errors import Problem, not_found
from controlplane.serving.models import Preset

PRESETS_MAX = 100


def presets_of(*, workspace: Any, user: Any, task: str = "") -> "QuerySet[Preset]":
    rows: QuerySet[Preset] = Preset.objects.visible_to(user).filter(workspace=workspace, created_by=user)
    return (rows.filter(task=task) if task else rows).order_by("name")


def save_preset(*, workspace: Any, user: Any, task: str, name: str, values: dict[str, Any]) -> Preset:
    """Keep settings under a name; the same name again replaces them. Raises Problem 409 when there are too many."""
    own = presets_of(workspace=workspace, user=user)
    if own.count() >= PRESETS_MAX and not own.filter(task=task, name=name).exists():
        raise Problem(409, "too_many_presets", f"You have {PRESETS_MAX} presets in this workspace.", "Delete one first.")
    key = {"workspace": workspace, "created_by": user, "task": task, "name": name}
    preset: Preset = Preset.objects.update_or_create(**key, defaults={"values": values})[0]
    return preset


def delete_preset(*, workspace: Any, user: Any, preset: int) -> None:
    """Raises Problem 404 for one that is not theirs."""
    if not presets_of(workspace=workspace, user=user).filter(pk=preset).delete()[0]:
        raise not_found("preset")


def preset_json(preset: Preset) -> dict[str, Any]:
    return {"id": str(preset.pk), "task": preset.task, "name": preset.name, "values": preset.values}
