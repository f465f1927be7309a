"""Pages of teams: home, search, members, invitations, the audit log."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.accounts.adapter import INVITED
from controlplane.audit.models import AuditEvent
from controlplane.errors import Problem
from controlplane.frame import slots
from controlplane.frame.pages import asked, careful, done, page, sorry, wrong_fields
from controlplane.paging import listing
from controlplane.workspaces import invitations, services
from controlplane.workspaces.access import needs, public, signed_in
from controlplane.workspaces.models import Invitation, Membership, Role, Workspace
from controlplane.workspaces.nav import LAST, pages, switcher

ABILITIES = (
    (_("See data, jobs, models, endpoints"), Role.VIEWER),
    (_("Call endpoints in the playground"), Role.VIEWER),
    (_("Upload data, start and stop jobs"), Role.EDITOR),
    (_("Deploy and change traffic"), Role.EDITOR),
    (_("Invite and remove members"), Role.ADMIN),
    (_("See the audit log"), Role.ADMIN),
    (_("Manage owners and workspace"), Role.OWNER),
)
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
    """By name over pages and everything the rooms have; also what Ctrl K shows."""
    q = request.GET.get("q", "").strip()[:100]
    groups = [found for find in slots.searches if (found := find(request.workspace, q))[1]] if q else []  # type: ignore[attr-defined]
    if "application/json" in request.headers.get("Accept", ""):  # the palette knows the pages by itself
        named = [{"title": str(title), "rows": [{"name": str(a), "note": str(b), "url": c} for a, b, c in rows]} for title, rows in groups]
        return JsonResponse({"groups": named})
    if q and (found_pages := pages(ws, q)):
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


def _members(request: HttpRequest, *, wrong: dict[str, str] | None = None, link: tuple[str, str] | None = None) -> HttpResponse:
    space, role = request.workspace, request.role  # type: ignore[attr-defined]
    rows = list(Membership.objects.filter(workspace=space).select_related("user").order_by("created_at"))
    for row in rows:
        row.may_change = role is Role.OWNER or row.role != Role.OWNER  # type: ignore[attr-defined]
    manage = role.includes(Role.ADMIN)
    waiting = Invitation.objects.filter(workspace=space, accepted_at=None).select_related("invited_by").order_by("-created_at")
    context = {
        "nav": "members",
        "crumbs": [(_("Members"), "")],
        "members": rows,
        "may_manage": manage,
        "invitations": list(waiting) if manage else [],
        "roles": [choice for choice in Role.choices if role is Role.OWNER or choice[0] != Role.OWNER],
        "role_names": [name for _value, name in Role.choices],
        "abilities": [(what, [one.includes(least) for one in Role]) for what, least in ABILITIES],
        "form": {"email": request.POST.get("email", ""), "role": request.POST.get("role", "")} if wrong else {"email": "", "role": ""},
        "wrong": wrong,
        "link": link,
    }
    return page(request, "workspaces/members.html", context, status=422 if wrong else 200)


@require_GET
@needs("viewer")
def members(request: HttpRequest, ws: str) -> HttpResponse:
    return _members(request)


@require_POST
@needs("admin")
def invite(request: HttpRequest, ws: str) -> HttpResponse:
    """Answers with the page and the link, which cannot be had again."""
    role = request.POST.get("role", "")
    try:
        if role not in Role.values:
            raise Problem(422, "invalid", str(_("Choose a role.")), errors=[{"loc": ["body", "role"], "msg": str(_("Choose a role."))}])
        made, link = invitations.invite(
            workspace=request.workspace,  # type: ignore[attr-defined]
            email=request.POST.get("email", ""),
            role=role,
            by=request.user,  # type: ignore[arg-type]
            acting=request.role,  # type: ignore[attr-defined]
            base_url=request.build_absolute_uri("/"),
        )
    except Problem as problem:
        return _members(request, wrong=wrong_fields(problem))
    return _members(request, link=(made.email, link))


@require_POST
@needs("viewer", scope="admin")
def member(request: HttpRequest, ws: str, id: int) -> HttpResponse:
    """Another role for a member, or out; everybody may leave."""
    row = Membership.objects.filter(workspace=request.workspace, pk=id).select_related("user").first()  # type: ignore[attr-defined]
    if row is None:
        raise Http404
    acting: Role = request.role  # type: ignore[attr-defined]
    try:
        if request.POST.get("remove"):
            services.leave_or_remove(membership=row, user=request.user, acting=acting)  # type: ignore[arg-type]
            if row.user_id == request.user.pk:
                return redirect("root")
            done(request, _("%(name)s was removed.") % {"name": row.user})
        elif not acting.includes(Role.ADMIN):
            raise Problem(403, "role_too_small", str(_("Only admins and owners change roles.")))
        elif request.POST.get("role") in Role.values:
            services.change_role(membership=row, role=request.POST["role"], acting=acting)
            done(request, _("%(name)s is now %(role)s.") % {"name": row.user, "role": row.get_role_display()})
    except Problem as problem:
        sorry(request, problem)
    return redirect("members", ws=ws)


@require_POST
@needs("admin")
def invitation(request: HttpRequest, ws: str, id: int) -> HttpResponse:
    row = Invitation.objects.visible_to(request.user).filter(workspace=request.workspace, pk=id).first()  # type: ignore[attr-defined]
    if row is None:
        raise Http404
    try:
        if request.POST.get("act") == "resend":
            link = invitations.resend(invitation=row, base_url=request.build_absolute_uri("/"))
            return _members(request, link=(row.email, link))
        invitations.withdraw(invitation=row)
        done(request, _("The invitation of %(email)s was revoked.") % {"email": row.email})
    except Problem as problem:
        sorry(request, problem)
    return redirect("members", ws=ws)


@require_http_methods(["GET", "POST"])
@public
def join(request: HttpRequest, code: str) -> HttpResponse:
    """An invitation's link: shows who invites; who is signed in joins, who is not is remembered through sign-up."""
    found = invitations.find_invitation(code=code)
    if found is None:
        request.session.pop(INVITED, None)
        raise Http404
    if not request.user.is_authenticated:
        request.session[INVITED] = code
    elif request.method == "POST":
        membership = invitations.accept(code=code, user=request.user)  # type: ignore[arg-type]
        request.session.pop(INVITED, None)
        return redirect("home", ws=membership.workspace.slug)
    else:
        careful(request, services.oddities_of(user=request.user, workspace=found.workspace))  # type: ignore[arg-type]
    return page(request, "workspaces/invitation.html", {"invitation": found})


@require_GET
@needs("admin", query=("q", "cursor"))
def audit(request: HttpRequest, ws: str) -> HttpResponse:
    rows = AuditEvent.objects.filter(workspace_id=request.workspace.pk)  # type: ignore[attr-defined]
    found = listing(
        rows, asked(request), show=lambda row: row, sorts={"time": "at"}, default="-time", search=["actor", "action", "target_id"]
    )
    context = {"nav": "audit", "crumbs": [(_("Audit log"), "")], **found}
    return page(request, "workspaces/audit.html", context)
