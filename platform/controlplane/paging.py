"""Lists: `{"items": […], "next": cursor | null}`, keyset pages that stay fast and steady while rows are added."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson
from django.db.models import Model, Q, QuerySet
from ninja import Schema
from pydantic import Field

from controlplane import limits
from controlplane.errors import Problem, nearest

T = TypeVar("T")
Row = TypeVar("Row", bound=Model)


class Page(Schema, Generic[T]):
    """One page. next: the cursor of the following page, null at the end."""

    items: list[T]
    next: str | None = None


class ListQuery(Schema):
    """The query parameters every list takes; use as `query: Query[ListQuery]`."""

    limit: int = Field(limits.limit("page_default"), ge=1, le=limits.limit("page"))
    cursor: str | None = Field(None, max_length=1000)
    q: str = Field("", max_length=limits.limit("query_length"), description="Search")
    state: str | None = Field(None, max_length=200, description="One state, or several by comma")
    sort: str | None = Field(None, max_length=64, description="A field; `-` before it turns the order round")


def listing(
    rows: QuerySet[Row],
    query: ListQuery,
    *,
    show: Callable[[Row], Any],
    sorts: Mapping[str, str] | None = None,
    default: str = "-created_at",
    search: Sequence[str] = (),
    states: Sequence[str] = (),
    state_field: str = "state",
) -> dict[str, Any]:
    """One page of `rows`.

    show: row -> JSON-ready · sorts: public name -> field that is never null (default: created_at only) · search: fields `q` looks
    into · states: words `state` may be; empty = no such filter. Raises Problem 400 for an unknown sort, state or cursor.
    """
    fields = dict(sorts or {"created_at": "created_at"})
    rows = _filtered(rows, query, search, states, state_field)
    sort = query.sort or default
    name, down = sort.lstrip("-"), sort.startswith("-")
    if name not in fields or sort.count("-", 0, 2) > 1:
        raise Problem(400, "unknown_sort", f"Lists here cannot be sorted by `{name}`.", nearest(name, list(fields)))
    field, mark = fields[name], "-" if down else ""
    if query.cursor:
        rows = _after(rows, query.cursor, sort, field, down)
    found = list(rows.order_by(f"{mark}{field}", f"{mark}pk")[: query.limit + 1])
    page = found[: query.limit]
    following = _cursor(sort, page[-1], field) if len(found) > query.limit else None
    return {"items": [show(row) for row in page], "next": following}


def _filtered(rows: QuerySet[Row], query: ListQuery, search: Sequence[str], states: Sequence[str], field: str) -> QuerySet[Row]:
    if query.q:
        if not search:
            raise Problem(400, "unknown_filter", "This list cannot be searched.")
        matches = Q()
        for column in search:
            matches |= Q(**{f"{column}__icontains": query.q})
        rows = rows.filter(matches)
    if query.state:
        wanted = [word.strip() for word in query.state.split(",")]
        known = [str(state) for state in states]
        if strange := [word for word in wanted if word not in known]:
            raise Problem(400, "unknown_state", f"`{strange[0]}` is no state of these.", nearest(strange[0], known))
        rows = rows.filter(**{f"{field}__in": wanted})
    return rows


def _value(row: Any, field: str) -> Any:
    for part in field.split("__"):
        row = getattr(row, part)
    return row


def _cursor(sort: str, row: Model, field: str) -> str:
    value = _value(row, field)
    packed = orjson.dumps([sort, value.isoformat() if isinstance(value, datetime) else value, row.pk, isinstance(value, datetime)])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _after(rows: QuerySet[Row], cursor: str, sort: str, field: str, down: bool) -> QuerySet[Row]:
    try:
        made_for, value, pk, is_time = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if made_for != sort:
            raise ValueError("made for another order")
        value = datetime.fromisoformat(value) if is_time else value
        way = "lt" if down else "gt"
        return rows.filter(Q(**{f"{field}__{way}": value}) | Q(**{field: value, f"pk__{way}": pk}))
    except (ValueError, TypeError) as error:
        raise Problem(400, "bad_cursor", "This cursor was not made by this list.", "Start again without `cursor`.") from error
