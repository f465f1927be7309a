"""The list of datasets: which columns one person sees, and in each line the newest version, its health, and how many jobs used it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Count, F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from controlplane.accounts.models import User
from controlplane.data.figures import troubles
from controlplane.data.kinds import KINDS
from controlplane.data.models import Dataset, DatasetVersion, ListChoice
from controlplane.frame.templatetags.frame import progressed
from controlplane.jobs.models import Job
from controlplane.paging import ListQuery, listing
from workers.contract.states import VersionState

DEFAULT = "-updated"
SORTS = {"created_at": "created_at", "name": "name", "size": "newest_size", "updated": "newest_at"}
STATES = (VersionState.PREPARING, VersionState.READY, VersionState.FAILED)
COLUMNS = {
    "type": _("Type"),
    "amount": _("Amount"),
    "size": _("Size"),
    "state": _("State"),
    "health": _("Health"),
    "jobs": _("Training jobs"),
    "updated": _("Updated"),
    "by": _("Updated by"),
    "columns": _("Columns"),
    "created": _("Created"),
    "creator": _("Creator"),
}
SHOWN = ("type", "amount", "size", "state", "health", "jobs", "updated", "by")
SORTED_BY = {"name": "name", "size": "size", "updated": "updated", "created": "created_at"}  # column → sort
FIGURES = ("amount", "size", "jobs", "updated", "created")
CREATORS_SHOWN = 50


def shown_to(user: Any) -> tuple[str, ...]:
    """The columns a person has chosen, in their order."""
    row = ListChoice.objects.filter(user=user).first()
    return tuple(name for name in COLUMNS if name in row.columns) if row else SHOWN


def choose(*, user: Any, columns: Iterable[str]) -> None:
    """Keep a person's choice; what is unknown is left out."""
    ListChoice.objects.update_or_create(user=user, defaults={"columns": [name for name in columns if name in COLUMNS]})


def with_newest(rows: "QuerySet[Dataset]", *names: str) -> Any:
    """Each dataset with these facts of its newest version, to filter and sort by; each is a look into another table for every row."""
    newest: Any = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-version")
    facts = {
        "newest_pk": Subquery(newest.values("pk")[:1]),
        "newest_state": Subquery(newest.values("state")[:1]),
        "newest_kind": Subquery(newest.values("kind")[:1]),
        "newest_size": Coalesce(Subquery(newest.values("size_bytes")[:1]), 0),
        "newest_at": Coalesce(Subquery(newest.values("created_at")[:1]), F("created_at")),
    }
    return rows.annotate(**{name: facts[name] for name in names})


def page(rows: "QuerySet[Dataset]", query: ListQuery, *, kind: str, creator: str) -> dict[str, Any]:
    """{items, next}: one page of the list. kind: of KINDS, creator: a user's key; empty or strange = all."""
    rows = rows.filter(created_by=int(creator)) if creator.isdecimal() and len(creator) < 10 else rows
    sort = SORTS.get((query.sort or DEFAULT).lstrip("-"), "")
    needed = {name for name in (sort, "newest_kind" if kind in KINDS else "", "newest_state" if query.state else "") if "newest" in name}
    asked = with_newest(rows, *needed)
    asked = asked.filter(newest_kind=kind) if kind in KINDS else asked
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
    """{kinds: [(name, word, datasets)], total, bytes, creators: [(key, name)]}: what stands above the list."""
    counts = dict(with_newest(rows, "newest_kind").values_list("newest_kind").annotate(n=Count("pk")).order_by())
    kinds = [(name, word, counts[name]) for name, (word, _icon) in KINDS.items() if counts.get(name)]
    stored = DatasetVersion.objects.filter(dataset__in=rows.values("pk")).aggregate(n=Coalesce(Sum("size_bytes"), 0))["n"]
    people = User.objects.filter(pk__in=rows.values("created_by"))
    creators = sorted(((str(person.pk), str(person)) for person in people[:CREATORS_SHOWN]), key=lambda entry: entry[1].casefold())
    return {"kinds": kinds, "total": sum(counts.values()), "bytes": stored, "creators": creators}


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
    kind = version.kind if version else ""
    return {
        "row": row,
        "version": version,
        "kind": kind if kind in KINDS else "",
        "word": KINDS[kind][0] if kind in KINDS else "",
        "amount": _amount(kind, sum(version.splits.values())) if version and version.splits else "",
        "percent": progressed(version.job.progress) if version and version.job and version.state == VersionState.PREPARING else 0,
        "troubles": troubles(health) if health else None,
        "jobs": jobs,
    }


def _amount(kind: str, n: int) -> str:
    """How many, in the unit of its kind."""
    if kind == "image":
        text = ngettext("%(n)s image", "%(n)s images", n)
    elif kind == "audio":
        text = ngettext("%(n)s clip", "%(n)s clips", n)
    else:
        text = ngettext("%(n)s row", "%(n)s rows", n)
    return text % {"n": f"{n:,}"}
