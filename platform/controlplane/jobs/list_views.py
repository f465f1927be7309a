"""The page of all jobs: sorted, filtered and paged by the server, kept up to date without moving under the pointer, acted on by ticks."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from controlplane import catalog
from controlplane.errors import Problem
from controlplane.frame.following import Following
from controlplane.frame.pages import asked, done, page, returned, sorry
from controlplane.jobs import services, table
from controlplane.jobs.api import visible
from controlplane.jobs.models import Job
from controlplane.jobs.nav import shown
from controlplane.paging import listing
from controlplane.workspaces.access import needs, person
from controlplane.workspaces.models import Role
from workers.contract.states import JobState

STATES = [state.value for state in JobState]
FILTERS = ("kind", "dataset", "recipe")
TICKED = 200  # as many as a page can hold


@require_GET
@needs("viewer", query=("q", "state", "cursor", "sort", "top", "seen", *FILTERS))
def jobs(request: HttpRequest, ws: str) -> HttpResponse:
    """top: the newest job the reader has in view; newer ones wait behind a link. seen: the mark of their rows; 204 while it holds."""
    open_list = Following(request, digits=9)
    given, plain, top = open_list.given, open_list.plain, open_list.top
    rows = shown(request.workspace).defer(*table.HEAVY)  # type: ignore[attr-defined]
    for field in FILTERS:
        if given.get(field):
            rows = rows.filter(**{field: given[field]})
    choice = table.choice_of(person(request))
    query = asked(request)
    waiting = _listed(rows.filter(number__gt=top), query, None)["items"] if top is not None else []
    found = _listed(rows if top is None else rows.filter(number__lte=top), query, choice)
    newest = top if top is not None else shown(request.workspace).order_by("-number").values_list("number", flat=True).first() or 0  # type: ignore[attr-defined]
    mark = table.mark(found["items"], (len(waiting), choice, found["next"]))
    if open_list.knows(mark):
        return HttpResponse(status=204)
    here = reverse("jobs", kwargs={"ws": ws})
    context = {
        "nav": "jobs",
        "crumbs": [(_("Jobs"), "")],
        "states": ["running", "queued", "succeeded", "failed", "cancelled"],
        "recipes": list(catalog.recipes().values()),
        "kept": [(name, given[name]) for name in ("state", "sort", "kind", "dataset") if given.get(name)],
        "filters": [(given[field], _without(here, plain, field)) for field in FILTERS if given.get(field)],
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
        "choice": choice,
        "columns": [(name, word, name in choice.columns) for name, word in table.COLUMNS.items()],
        "heads": [_head(here, plain, name) for name in ("job", *choice.columns)],
        "metrics": table.known_metrics(shown(request.workspace)),  # type: ignore[attr-defined]
        "takes": [("last", _("Last")), ("min", _("Smallest")), ("max", _("Largest"))],
        "waiting": len(waiting),
        **open_list.links(here, newest, mark),
        **found,
    }
    return page(request, "jobs/list.html", context, parts=("rows",))


def _listed(rows: QuerySet[Job], query: Any, choice: table.Choice | None) -> dict[str, Any]:
    return listing(
        rows,
        query if choice else query.model_copy(update={"cursor": None}),
        show=lambda job: table.row(job, choice) if choice else job.pk,
        sorts=table.SORTS,
        default="-id",
        search=["name", "recipe", "dataset"],
        states=STATES,
    )


def _without(here: str, given: dict[str, str], field: str) -> str:
    rest = {name: value for name, value in given.items() if name not in (field, "cursor")}
    return f"{here}?{urlencode(rest)}" if rest else here


def _head(here: str, given: dict[str, str], name: str) -> dict[str, Any]:
    """A column's head: its word, whether it is sorted by, and the address that sorts by it (again: the other way round)."""
    key = "name" if name == "job" else name
    sort = given.get("sort", "-id")
    current = sort.lstrip("-") == key or (key == "created" and sort.lstrip("-") == "id")
    down = current and sort.startswith("-")
    first = "-" if key == "created" else ""  # a date is asked for newest first, a word from A
    turned = ("" if down else "-") + key if current else first + key
    rest = {field: value for field, value in given.items() if field not in ("sort", "cursor")}
    return {
        "name": name,
        "word": _("Job") if name == "job" else table.COLUMNS[name],
        "sorted": ("descending" if down else "ascending") if current else "",
        "url": f"{here}?{urlencode({**rest, 'sort': turned})}" if key in table.SORTS else "",
    }


@require_POST
@needs("viewer")
def columns(request: HttpRequest, ws: str) -> HttpResponse:
    """Keep which columns this person sees, then the list again as it was filtered."""
    given = request.POST
    table.choose(user=person(request), columns=given.getlist("column"), metric=given.get("metric", ""), take=given.get("take", ""))
    return returned(request, reverse("jobs", kwargs={"ws": ws}))


@require_POST
@needs("viewer")
def ticked(request: HttpRequest, ws: str) -> HttpResponse:
    """What the bar of ticked rows does: compare, stop or delete them."""
    numbers = [int(text) for text in request.POST.getlist("job")[:TICKED] if text.isdecimal() and len(text) < 10]
    act = request.POST.get("act", "")
    if act == "compare" and not numbers:
        sorry(request, Problem(422, "nothing_ticked", _("Tick two or more jobs to compare them.")))
        return redirect("compare", ws=ws)
    if act == "compare":
        return redirect(f"{reverse('compare', kwargs={'ws': ws})}?jobs={','.join(str(number) for number in numbers)}")
    listed = redirect("jobs", ws=ws)
    if not request.role.includes(Role.EDITOR):  # type: ignore[attr-defined]
        sorry(request, Problem(403, "role", _("Only editors can stop or delete jobs.")))
        return listed
    verbs: dict[str, Callable[..., Any]] = {"stop": services.cancel_job, "delete": services.delete_job}
    through = 0
    for job in visible(request).filter(number__in=numbers) if act in verbs else ():
        try:
            verbs[act](job=job)
            through += 1
        except Problem as problem:
            sorry(request, problem)
    if through and act == "stop":
        done(request, ngettext("%(n)s job is stopping.", "%(n)s jobs are stopping.", through) % {"n": through})
    elif through:
        done(request, ngettext("%(n)s job was deleted.", "%(n)s jobs were deleted.", through) % {"n": through})
    return listed
