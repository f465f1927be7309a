"""The list of jobs as a table: which columns one person sees, which figure stands in the metric column, what a page of rows shows."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane import catalog
from controlplane.frame.following import marked
from controlplane.frame.words import metric
from controlplane.jobs.metrics import direction
from controlplane.jobs.models import Job, TableChoice
from controlplane.jobs.transitions import now
from workers.contract.states import FINAL

COLUMNS = {
    "state": _("State"),
    "task": _("Task"),
    "dataset": _("Dataset"),
    "progress": _("Progress"),
    "metric": _("Metric"),
    "model": _("Model"),
    "created": _("Created"),
    "duration": _("Duration"),
    "by": _("By"),
}
SHOWN = ("state", "task", "dataset", "progress", "metric", "model", "created", "by")
TAKES = ("last", "min", "max")
SORTS = {"id": "number", "name": "name", "state": "state", "task": "recipe", "dataset": "dataset", "created": "created_at"}
HEAVY = ("work", "request", "resources")  # what no list shows


class Choice(NamedTuple):
    columns: tuple[str, ...] = SHOWN
    metric: str = ""
    take: str = "last"


def choice_of(user: Any) -> Choice:
    row = TableChoice.objects.filter(user=user).first()
    if row is None:
        return Choice()
    return Choice(tuple(name for name in COLUMNS if name in row.columns), row.metric, row.take)


def choose(*, user: Any, columns: Iterable[str], metric: str, take: str) -> None:
    """Keep a person's choice; what is unknown is left out."""
    kept = {
        "columns": [name for name in columns if name in COLUMNS],
        "metric": metric[:200],
        "take": take if take in TAKES else "last",
    }
    TableChoice.objects.update_or_create(user=user, defaults=kept)


def taken(job: Job, key: str, take: str) -> float | None:
    """The last, smallest or largest value of a metric. Jobs from before min and max were kept know one of the two by `best`."""
    entry = job.metrics.get(key) or {}
    if take == "last" or entry.get(take) is not None:
        return entry.get(take)
    return entry.get("best") if direction(key) == (-1 if take == "min" else 1) else None


def headline(job: Job) -> str:
    """The metric a job of this recipe is judged by, as far as it has come: held out, else of validation, else of training."""
    spec = catalog.recipe(job.recipe)
    name = spec.main_metric.split("/")[-1] if spec else "loss"
    wanted = [f"{part}/{word}" for word in (name, "loss") for part in ("test", "eval", "train")]
    return next((key for key in wanted if key in job.metrics), "")


def row(job: Job, choice: Choice) -> dict[str, Any]:
    """One job as the table draws it."""
    key = choice.metric or headline(job)
    until = job.finished_at or (now() if job.state not in FINAL else None)
    seconds = (until - job.started_at).total_seconds() if job.started_at and until else None
    return {"job": job, "metric": metric(key) if key else "", "value": taken(job, key, choice.take) if key else None, "seconds": seconds}


def known_metrics(rows: QuerySet[Job]) -> list[str]:
    """Names of metrics to choose from: those of the newest jobs."""
    found: set[str] = set()
    for metrics in rows.order_by("-number").values_list("metrics", flat=True)[:50]:
        found |= set(metrics)
    return sorted(found)[:200]


def mark(items: list[dict[str, Any]], extra: Any) -> str:
    """Two pages of rows with the same mark look the same."""
    seen = [
        (
            row["job"].pk,
            row["job"].state,
            row["job"].name,
            row["job"].model,
            row["value"],
            (row["job"].progress or {}).get("step"),
            (row["job"].reason or {}).get("code"),
        )
        for row in items
    ]
    return marked(seen, extra)
