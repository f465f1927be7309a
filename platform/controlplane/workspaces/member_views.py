"""Pages of members and invitations."""

import re
from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.accounts.adapter import INVITED
from controlplane.audit.models import AuditEvent
from controlplane.errors import Problem
from controlplane.frame.pages import asked, careful, done, page, sorry, wrong_fields
from controlplane.paging import listing
from controlplane.workspaces import invitations, services
from controlplane.workspaces.access import needs, public
from controlplane.workspaces.models import Invitation, Membership, Role

ABILITIES = (
    (_("See data, jobs, models, endpoints"), Role.VIEWER),
    (_("Call endpoints in the playground"), Role.VIEWER),
    (_("Upload data, start and stop jobs"), Role.EDITOR),
    (_("Deploy and change traffic"), Role.EDITOR),
    (_("Invite and remove members"), Role.ADMIN),
    (_("See the audit log"), Role.ADMIN),
    (_("Manage owners and workspace"), Role.OWNER),
)
AT_ONCE = 50  # addresses of one form
DAY = timedelta(days=1)
SOON = 2  # days before its end an invitation is marked


MEMBERS = 40  # of a page; each row has a choice of roles, and a page at most 1,500 elements


def people(request: HttpRequest) -> dict[str, Any]:
    """A page of members, each with when they were last active and how many tokens reach this workspace."""
    space, role = request.workspace, request.role  # type: ignore[attr-defined]
    reach = Q(user__api_tokens__workspace=space) | Q(user__api_tokens__workspace=None)
    alive = Q(user__api_tokens__revoked_at=None, user__api_tokens__hidden=False, user__api_tokens__isnull=False)
    living = Q(user__api_tokens__expires_at=None) | Q(user__api_tokens__expires_at__gt=timezone.now())
    rows = Membership.objects.filter(workspace=space).select_related("user")
    rows = rows.annotate(tokens=Count("user__api_tokens", filter=reach & alive & living), used=Max("user__api_tokens__last_used_at"))
    query = asked(request).model_copy(update={"limit": MEMBERS})
    found = listing(rows, query, show=lambda row: row, default="created_at", search=["user__email", "user__name"])
    ids = [row.user_id for row in found["items"]]
    acted = AuditEvent.objects.filter(workspace_id=space.pk, actor_id__in=ids).order_by().values("actor_id")
    newest = dict(acted.annotate(at=Max("at")).values_list("actor_id", "at"))
    for row in found["items"]:
        row.may_change = role is Role.OWNER or row.role != Role.OWNER
        row.active = max(filter(None, (row.user.last_login, row.used, newest.get(row.user_id))), default=None)
    return found


def waiting(request: HttpRequest) -> list[Invitation]:
    """Open invitations with their links, which admins may copy again."""
    rows = Invitation.objects.filter(workspace=request.workspace, accepted_at=None).select_related("invited_by", "workspace")  # type: ignore[attr-defined]
    found = list(rows.order_by("-created_at")[:200])
    for row in found:
        row.link = invitations.link_of(invitation=row, base_url=request.build_absolute_uri("/"))  # type: ignore[attr-defined]
        row.days = ceil((row.expires_at - timezone.now()) / DAY)  # type: ignore[attr-defined]
        row.soon = row.days < SOON  # type: ignore[attr-defined]
    return found


def show(request: HttpRequest, *, wrong: dict[str, str] | None = None, left: Sequence[str] = ()) -> HttpResponse:
    """left: the addresses that were not invited, which stay in the field."""
    space, role = request.workspace, request.role  # type: ignore[attr-defined]
    manage = role.includes(Role.ADMIN)
    context = {
        "nav": "members",
        "crumbs": [(_("Members"), "")],
        "total": Membership.objects.filter(workspace=space).count(),
        "may_manage": manage,
        "invitations": waiting(request) if manage else [],
        "roles": [choice for choice in Role.choices if role is Role.OWNER or choice[0] != Role.OWNER],
        "role_names": [name for _value, name in reversed(Role.choices)],
        "abilities": [(what, [one.includes(least) for one in reversed(Role)]) for what, least in ABILITIES],
        "form": {"email": ", ".join(left), "role": request.POST.get("role", "")},
        "wrong": wrong,
        "mail_on": settings.MAIL_ON,
        **people(request),
    }
    return page(request, "workspaces/members.html", context, status=422 if wrong else 200)


@require_GET
@needs("viewer", query=("q", "cursor"))
def members(request: HttpRequest, ws: str) -> HttpResponse:
    return show(request)


@require_POST
@needs("admin")
def invite(request: HttpRequest, ws: str) -> HttpResponse:
    """One address or several; those that cannot be invited are named, the others are invited all the same."""
    role = request.POST.get("role", "")
    addresses = [part for part in re.split(r"[\s,;，；、]+", request.POST.get("email", "")) if part][:AT_ONCE]
    if role not in Role.values or not addresses:
        message = str(_("Choose a role.") if addresses else _("Give at least one address."))
        return show(request, wrong={"role" if addresses else "email": message}, left=addresses)
    invited: list[str] = []
    left: list[str] = []
    wrong: dict[str, str] = {}
    for address in addresses:
        try:
            made, _link = invitations.invite(
                workspace=request.workspace,  # type: ignore[attr-defined]
                email=address,
                role=role,
                by=request.user,  # type: ignore[arg-type]
                acting=request.role,  # type: ignore[attr-defined]
                base_url=request.build_absolute_uri("/"),
            )
            invited.append(made.email)
        except Problem as problem:
            left.append(address)
            said = " ".join(wrong_fields(problem).values())
            wrong[f"email-{len(wrong)}" if wrong else "email"] = said if address.lower() in said else f"{address}: {said}"
    if invited:
        done(request, _("Invited: %(emails)s. The links stand below.") % {"emails": ", ".join(invited)})
    return show(request, wrong=wrong, left=left) if wrong else redirect("members", ws=ws)


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
            invitations.resend(invitation=row, base_url=request.build_absolute_uri("/"))
            done(request, _("A new link for %(email)s; the old one stopped working.") % {"email": row.email})
        else:
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
