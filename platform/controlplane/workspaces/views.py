"""Pages of a workspace: home, search, itself. Members and the audit log have modules of their own."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.pages import careful, done, page, sorry, wrong_fields
from controlplane.workspaces import services
from controlplane.workspaces.access import needs, signed_in
from controlplane.workspaces.models import Role, Workspace
from controlplane.workspaces.nav import LAST, pages, switcher

HIDDEN = "first-steps"  # cookie: who has put them away
YEAR = 365 * 86400
STEPS = (
    ("dataset", _("Add data"), _("Upload a table, texts or pictures.")),
    ("job", _("Train"), _("Start with the settings that are filled in.")),
    ("model", _("Check the model"), _("Read its report and try it.")),
    ("endpoint", _("Serve it"), _("Get an address and call it with curl, Python or JavaScript.")),
)


@require_GET
@signed_in
def root(request: HttpRequest) -> HttpResponse:
    """To the workspace that was open last, else to the first one."""
    mine = [space["slug"] for space in switcher(request)]
    if not mine:
        return redirect("new-workspace")
    last = request.COOKIES.get(LAST, "")
    return redirect("home", ws=last if last in mine else mine[0])


@require_GET
@needs("viewer")
def home(request: HttpRequest, ws: str) -> HttpResponse:
    """First the way to a first answer; once an endpoint exists, what needs attention and what runs."""
    space = request.workspace  # type: ignore[attr-defined]
    steps = first_steps(space)
    hidden = request.COOKIES.get(f"{HIDDEN}-{space.slug}") == "yes"
    finished = all(step["done"] for step in steps)
    context = {
        "nav": "home",
        "crumbs": [(_("Home"), "")],
        "steps": steps,
        "first_run": not hidden and not finished,
        "hidden": hidden and not finished,
        "may_edit": request.role.includes(Role.EDITOR),  # type: ignore[attr-defined]
        "cards": [made for make in slots.cards.values() if (made := make(request))],
    }
    answer = page(request, "workspaces/home.html", context)
    answer.set_cookie(LAST, ws, max_age=YEAR, samesite="Lax")
    return answer


def first_steps(space: Workspace) -> list[dict[str, Any]]:
    """The four stops with their state; the first that is not done is here and has the button."""
    steps: list[dict[str, Any]] = []
    for kind, title, text in STEPS:
        found = slots.first_steps[kind](space) if kind in slots.first_steps else {}
        here = not found.get("done") and all(step["done"] for step in steps)
        given = {key: value for key, value in found.items() if value != ""}
        steps.append({"title": title, "text": text, "done": False, "here": here, "form": "fields" in found, **given})
    return steps


@require_POST
@needs("viewer")
def first_run(request: HttpRequest, ws: str) -> HttpResponse:
    """Puts the first steps away in this browser, or brings them back."""
    answer = redirect("home", ws=ws)
    name = f"{HIDDEN}-{request.workspace.slug}"  # type: ignore[attr-defined]
    if request.POST.get("hide"):
        answer.set_cookie(name, "yes", max_age=YEAR, samesite="Lax", httponly=True)
    else:
        answer.delete_cookie(name)
    return answer


@require_GET
@needs("viewer", query=("q",))
def search(request: HttpRequest, ws: str) -> HttpResponse:
    """By name over pages, everything the rooms have, and the guide; also what Ctrl K shows."""
    q = request.GET.get("q", "").strip()[:100]
    groups = [found for find in slots.searches if (found := find(request.workspace, q))[1]] if q else []  # type: ignore[attr-defined]
    if "application/json" in request.headers.get("Accept", ""):  # the palette knows the pages by itself
        named = [{"title": str(title), "rows": [{"name": str(a), "note": str(b), "url": c} for a, b, c in rows]} for title, rows in groups]
        return JsonResponse({"groups": named})
    if q and (found_pages := pages(request, q)):
        groups = [(_("Pages"), found_pages), *groups]
    context = {"q": q, "groups": groups, "crumbs": [(_("Search"), "")]}
    return page(request, "workspaces/search.html", context, parts=("found",))


@require_http_methods(["GET", "POST"])
@signed_in(scope="write")  # type: ignore[untyped-decorator]
def new_workspace(request: HttpRequest) -> HttpResponse:
    form = {"title": request.POST.get("title", ""), "slug": request.POST.get("slug", "")}
    wrong: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = services.create_workspace(user=request.user, slug=form["slug"], title=form["title"])  # type: ignore[arg-type]
            careful(request, services.oddities_of(user=request.user, workspace=made))  # type: ignore[arg-type]
            return redirect("home", ws=made.slug)
        except Problem as problem:
            wrong = wrong_fields(problem)
    context = {"form": form, "wrong": wrong, "crumbs": [(_("New workspace"), "")]}
    return page(request, "workspaces/new.html", context, status=422 if wrong else 200)


@require_POST
@needs("owner")
def workspace(request: HttpRequest, ws: str) -> HttpResponse:
    """Renames the workspace, or deletes it once its name was typed."""
    space = request.workspace  # type: ignore[attr-defined]
    try:
        if request.POST.get("act") == "rename":
            services.update_workspace(workspace=space, title=request.POST.get("title", ""))
            done(request, _("Title saved."))
            careful(request, services.oddities_of(user=request.user, workspace=space))  # type: ignore[arg-type]
        elif request.POST.get("confirm") == space.slug:
            services.delete_workspace(workspace=space)
            return redirect("root")
        else:
            raise Problem(422, "not_confirmed", str(_("Type the workspace's name to delete it.")))
    except Problem as problem:
        sorry(request, problem)
    return redirect("members", ws=ws)
