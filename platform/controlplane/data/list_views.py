"""The page of all datasets: filtered, sorted and paged by the server, with the columns each person has chosen."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from controlplane.data import table
from controlplane.data.api import datasets as visible
from controlplane.data.views import ACCEPT, spare_name
from controlplane.frame.pages import asked, page, returned
from controlplane.limits import limit
from controlplane.workspaces.access import needs, person
from controlplane.workspaces.models import Role

FILTERS = ("kind", "state", "by")


@require_GET
@needs("viewer", query=("q", "cursor", "sort", *FILTERS))
def datasets(request: HttpRequest, ws: str) -> HttpResponse:
    """kind: of data · state: of the newest version · by: who made the dataset."""
    given = {name: request.GET[name] for name in request.GET}
    kind, creator = given.get("kind", ""), given.get("by", "")
    partial = request.headers.get("HX-Request-Type") == "partial"  # the rows alone, which a page that stays open asks for again
    columns = table.shown_to(person(request))
    here = reverse("datasets", kwargs={"ws": ws})
    above = {} if partial else table.toolbar(visible(request))
    context = {
        "nav": "datasets",
        "crumbs": [(_("Datasets"), "")],
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
        "kind": kind,
        "creator": dict(above.get("creators", ())).get(creator, ""),
        "kept": [(name, given[name]) for name in (*FILTERS, "sort") if given.get(name)],
        "filtered": any(given.get(name) for name in (*FILTERS, "q")),
        "states": table.STATES,
        "accept": ACCEPT,
        "limit": limit("upload_file"),
        "spare": spare_name(request.workspace),  # type: ignore[attr-defined]
        "shown": columns,
        "columns": [(name, word, name in columns) for name, word in table.COLUMNS.items()],
        "heads": [_head(given, name) for name in ("name", *columns)],
        "plain": f"{here}?{urlencode(given)}" if given else here,
        **above,
        **table.page(visible(request), asked(request), kind=kind, creator=creator),
    }
    return page(request, "data/list.html", context, parts=("rows",))


def _head(given: dict[str, str], name: str) -> dict[str, Any]:
    """A column's head: its word, whether it is sorted by, and the query that sorts by it (again: the other way round)."""
    key = table.SORTED_BY.get(name, "")
    sort = given.get("sort", table.DEFAULT)
    current, down = bool(key) and sort.lstrip("-") == key, sort.startswith("-")
    turned = ("" if down else "-") + key if current else key if name == "name" else f"-{key}"
    rest = {field: value for field, value in given.items() if field not in ("sort", "cursor")}
    return {
        "word": _("Name") if name == "name" else table.COLUMNS[name],
        "num": name in table.FIGURES,
        "sorted": ("descending" if down else "ascending") if current else "",
        "url": f"?{urlencode({**rest, 'sort': turned})}" if key else "",
    }


@require_POST
@needs("viewer")
def columns(request: HttpRequest, ws: str) -> HttpResponse:
    """Keep which columns this person sees, then the list again as it was filtered."""
    table.choose(user=person(request), columns=request.POST.getlist("column"))
    return returned(request, reverse("datasets", kwargs={"ws": ws}))
