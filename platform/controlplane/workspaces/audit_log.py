"""The audit log as people read it: filtered by who, what and when, a page at a time or as one CSV file."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from controlplane.audit.models import AuditEvent
from controlplane.frame.figures import spreadsheet
from controlplane.frame.pages import asked, page
from controlplane.paging import listing
from controlplane.workspaces.access import needs
from controlplane.workspaces.recorded import details, thing

FILTERS = ("actor", "action", "since", "until")
SEARCHED = ["actor", "action", "target_id"]
COLUMNS = ("time", "actor", "token", "action", "target_type", "target", "ip", "request_id", "details")
PART = 500  # rows read at once


def chosen(workspace: int, given: Any) -> "QuerySet[AuditEvent]":
    """The rows these filters leave. Days are the reader's own; what cannot be read as a day filters nothing."""
    rows = AuditEvent.objects.filter(workspace_id=workspace)
    if actor := str(given.get("actor") or "")[:254]:
        rows = rows.filter(actor=actor)
    if action := str(given.get("action") or "")[:64]:
        rows = rows.filter(action__startswith=action)
    if since := day(given.get("since")):
        rows = rows.filter(at__gte=since)
    if until := day(given.get("until")):
        rows = rows.filter(at__lt=until + timedelta(days=1))
    return rows


def day(text: Any) -> datetime | None:
    """The beginning of that day."""
    try:
        date = parse_date(str(text or ""))
    except ValueError:
        return None
    return timezone.make_aware(datetime.combine(date, time())) if date else None


def readable(event: AuditEvent) -> AuditEvent:
    event.thing, event.details = thing(event), details(event)  # type: ignore[attr-defined]
    return event


@require_GET
@needs("admin", query=("q", "cursor", *FILTERS))
def audit(request: HttpRequest, ws: str) -> HttpResponse:
    workspace: int = request.workspace.pk  # type: ignore[attr-defined]
    rows = chosen(workspace, request.GET)
    found = listing(rows, asked(request), show=readable, sorts={"time": "at"}, default="-time", search=SEARCHED)
    all_of_it = AuditEvent.objects.filter(workspace_id=workspace).order_by()
    context = {
        "nav": "audit",
        "crumbs": [(_("Audit log"), "")],
        "given": {name: request.GET.get(name, "") for name in FILTERS},
        "filtered": any(request.GET.get(name) for name in (*FILTERS, "q")),
        "actors": sorted(all_of_it.values_list("actor", flat=True).distinct()[:500]),
        "actions": sorted(all_of_it.values_list("action", flat=True).distinct()[:200]),
        **found,
    }
    return page(request, "workspaces/audit.html", context)


@require_GET
@needs("admin", query=("q", *FILTERS))
def audit_file(request: HttpRequest, ws: str) -> StreamingHttpResponse:
    """Everything the filters leave, oldest first."""
    rows = chosen(request.workspace.pk, request.GET).order_by("at", "pk")  # type: ignore[attr-defined]
    disposition = f'attachment; filename="audit-{ws}.csv"'
    return StreamingHttpResponse(lines(rows), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


def lines(rows: "QuerySet[AuditEvent]") -> Iterator[str]:
    """CSV, part by part; a byte order mark first, by which spreadsheets know UTF-8."""
    yield "\ufeff" + line(COLUMNS)
    for row in rows.iterator(chunk_size=PART):
        data = " ".join(f"{key}={value}" for key, value in row.data.items())
        cells = (
            row.at.isoformat(),
            row.actor,
            row.token,
            row.action,
            row.target_type,
            row.target_id,
            row.ip or "",
            row.request_id,
            data,
        )
        yield line(cells)


def line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([spreadsheet(cell) for cell in cells])
    return out.getvalue()
