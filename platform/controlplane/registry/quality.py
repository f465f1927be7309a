"""How good a variant has to be: the model's own limit for its recipe's main metric, else nearly what the version itself reaches."""

from typing import Any, NamedTuple

from django.db import transaction

from controlplane import catalog
from controlplane.audit.services import record
from controlplane.registry.models import Model, ModelVersion, Variant

MOST = 1e9
LOSS = 0.01  # of the reference's value, that a variant may lose where the model has no limit of its own


class Limit(NamedTuple):
    """metric: its key among what was measured · goal: max = at least `value`, min = at most · own: somebody has set it."""

    metric: str
    goal: str
    value: float
    own: bool


@transaction.atomic
def set_quality_limit(*, model: Model, limit: float | None) -> Model:
    """What the main metric of every variant has to reach; None = nearly what its version reaches."""
    model.quality_limit = limit
    model.save(update_fields=["quality_limit"])
    record(action="model.quality_limit", target=model, workspace=model.workspace, data={"limit": limit})
    return model


def main_metric(version: ModelVersion, metrics: dict[str, Any]) -> str:
    """The key under which the metric stands by which models of this recipe are judged; empty where it was not measured."""
    spec = catalog.recipe(version.recipe)
    name = spec.main_metric.split("/")[-1] if spec else ""
    found = [key for key in metrics if key.split("/")[-1] == name]
    return next((key for key in found if key.startswith("test/")), found[0] if found else "")


def limit_of(version: ModelVersion, reference: dict[str, Any]) -> Limit | None:
    """The limit for variants of this version. reference: the figures of the version itself; None without the main metric among them."""
    metric = main_metric(version, reference)
    spec, known, own = catalog.recipe(version.recipe), reference.get(metric), version.model.quality_limit
    if spec is None or not isinstance(known, int | float):
        return None
    goal = spec.main_metric_goal
    share = 1 - LOSS if goal == "max" else 1 + LOSS
    return Limit(metric, goal, known * share if own is None else own, own is not None)


def verdict(variant: Variant) -> str | None:
    """within_limit | below_limit; None as long as there is nothing to judge."""
    figures = variant.measured.get("variant") or {}
    limit = limit_of(variant.version, (variant.measured.get("reference") or {}).get("metrics") or {})
    value = (figures.get("metrics") or {}).get(limit.metric) if limit else None
    if limit is None or not isinstance(value, int | float):
        return None
    within = value >= limit.value if limit.goal == "max" else value <= limit.value
    return "within_limit" if within else "below_limit"
