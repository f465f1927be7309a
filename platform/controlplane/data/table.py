"""The list of datasets: each with its newest version, what kind of data it is, its health, and how many jobs used it."""

from collections import Counter
from typing import Any

from django.db.models import CharField, Count, F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from controlplane.data.models import Dataset, DatasetVersion
from controlplane.frame.templatetags.frame import progressed
from controlplane.jobs.models import Job
from controlplane.paging import ListQuery, listing
from workers.contract.states import VersionState

KINDS: dict[str, tuple[str | Promise, str, tuple[str, ...]]] = {  # name → word, icon, formats
    "table": (pgettext_lazy("kind of dataset", "Text and tables"), "table-2", ("csv", "tsv", "json", "jsonl", "parquet", "txt")),
    "image": (pgettext_lazy("kind of dataset", "Images"), "image", ("images",)),
    "audio": (pgettext_lazy("kind of dataset", "Audio"), "audio-lines", ("audio",)),
}
KIND_OF = {fmt: name for name, (_word, _icon, formats) in KINDS.items() for fmt in formats}
DEFAULT = "-updated"
SORTS = {"created_at": "created_at", "name": "name", "size": "newest_size", "updated": "newest_at"}
STATES = (VersionState.PREPARING, VersionState.READY, VersionState.FAILED)
TROUBLES = ("leakage", "conflicts", "duplicates", "rejected")


def with_newest(rows: "QuerySet[Dataset]", *names: str) -> Any:
    """Each dataset with these facts of its newest version, to filter and sort by; each is a look into another table for every row."""
    newest: Any = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-version")
    facts = {
        "newest_pk": Subquery(newest.values("pk")[:1]),
        "newest_state": Subquery(newest.values("state")[:1]),
        "newest_format": Subquery(newest.values("format")[:1]),
        "newest_size": Coalesce(Subquery(newest.values("size_bytes")[:1]), 0),
        "newest_at": Coalesce(Subquery(newest.values("created_at")[:1]), F("created_at")),
    }
    return rows.annotate(**{name: facts[name] for name in names})


def page(rows: "QuerySet[Dataset]", query: ListQuery, kind: str) -> dict[str, Any]:
    """{items, next}: one page of the list."""
    sort = SORTS.get((query.sort or DEFAULT).lstrip("-"), "")
    needed = {name for name in (sort, "newest_format" if kind in KINDS else "", "newest_state" if query.state else "") if "newest" in name}
    asked = with_newest(rows, *needed)
    asked = asked.filter(newest_format__in=KINDS[kind][2]) if kind in KINDS else asked
    found = listing(
        asked,
        query,
        show=lambda row: row,
        sorts=SORTS,
        default=DEFAULT,
        search=["name", "title"],
        states=STATES,
        state_field="newest_state",
    )
    whole = with_newest(rows, "newest_pk", "newest_at").select_related("created_by").in_bulk([row.pk for row in found["items"]])
    return {**found, "items": lines([whole[row.pk] for row in found["items"] if row.pk in whole])}


def toolbar(rows: "QuerySet[Dataset]") -> dict[str, Any]:
    """{kinds: [(name, word, datasets)], total, bytes}: what stands above the list."""
    counts = dict(with_newest(rows, "newest_format").values_list("newest_format").annotate(n=Count("pk")).order_by())
    kinds = [(name, word, sum(counts.get(fmt, 0) for fmt in formats)) for name, (word, _icon, formats) in KINDS.items()]
    stored = DatasetVersion.objects.filter(dataset__in=rows.values("pk")).aggregate(n=Coalesce(Sum("size_bytes"), 0))["n"]
    return {"kinds": [entry for entry in kinds if entry[2]], "total": sum(counts.values()), "bytes": stored}


def lines(rows: list[Any]) -> list[dict[str, Any]]:
    """What stands in each line."""
    versions = DatasetVersion.objects.select_related("job", "created_by").defer("statistics", "shards", "sources", "classes")
    newest = versions.annotate(health=KeyTransform("health", "statistics")).in_bulk([row.newest_pk for row in rows if row.newest_pk])
    used = _jobs(rows)
    return [_line(row, newest.get(row.newest_pk), used.get(row.name, 0)) for row in rows]


def _jobs(rows: list[Any]) -> dict[str, int]:
    """Dataset → how many training jobs used a version of it."""
    if not rows:
        return {}
    reference = Concat("dataset__name", Value("@"), Cast("version", CharField()))
    references = DatasetVersion.objects.filter(dataset__in=[row.pk for row in rows]).values_list(reference)
    trained = Job.objects.filter(workspace_id=rows[0].workspace_id, dataset__in=references, kind="train")
    used: Counter[str] = Counter()
    for version, jobs in trained.values_list("dataset").annotate(n=Count("pk")).order_by():
        used[version.partition("@")[0]] += jobs
    return used


def _line(row: Any, version: Any, jobs: int) -> dict[str, Any]:
    health = version.health if version is not None and isinstance(version.health, dict) else None
    kind = KIND_OF.get(version.format) if version else None
    return {
        "row": row,
        "version": version,
        "kind": KINDS[kind][:2] if kind else None,
        "rows": sum(version.splits.values()) if version else 0,
        "percent": progressed(version.job.progress) if version and version.job and version.state == VersionState.PREPARING else 0,
        "troubles": sum(1 for name in TROUBLES if health.get(name)) if health else None,
        "jobs": jobs,
    }
