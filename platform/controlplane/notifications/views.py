"""Pages of the inbox, and of what also goes by mail or to the browser."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.errors import Problem
from controlplane.frame.pages import asked, done, page, sorry
from controlplane.notifications import services
from controlplane.notifications.api import news, show_notification
from controlplane.notifications.models import Preference
from controlplane.notifications.words import TROUBLE
from controlplane.paging import listing
from controlplane.workspaces.access import person, signed_in
from controlplane.workspaces.account import back, last_place

SHOWN: dict[str, dict[str, Any]] = {"all": {}, "unread": {"read_at": None}, "trouble": {"kind__in": TROUBLE}}


@require_GET
@signed_in(query=("show", "cursor"))
def inbox(request: HttpRequest) -> HttpResponse:
    """Newest first; `show` is all, unread or trouble."""
    last_place(request)
    show = request.GET.get("show", "all")
    if show not in SHOWN:
        show = "all"
    found = listing(news(request).filter(**SHOWN[show]), asked(request), show=lambda row: show_notification(row) | {"row": row})
    context = {
        "nav": "inbox",
        "crumbs": [(_("Inbox"), "")],
        "shown": show,
        "filters": [("all", _("All")), ("unread", _("Unread")), ("trouble", _("Failures"))],
        "unread": news(request).filter(read_at=None).count(),
        **found,
    }
    return page(request, "notifications/inbox.html", context, parts=("rows",))


@require_GET
@signed_in
def look(request: HttpRequest, id: int) -> HttpResponse:
    """Opens what the news is about; with that it is read."""
    row = news(request).filter(pk=id).first()
    if row is None:
        raise Http404
    services.mark_read(user=person(request), ids=[row.pk])
    return redirect(row.path)


@require_POST
@signed_in(scope="write")  # type: ignore[untyped-decorator]
def read(request: HttpRequest) -> HttpResponse:
    """Marks one (`id`) or all as read, or unread again."""
    given = request.POST.get("id", "")
    ids = [int(given)] if given.isdecimal() and len(given) < 19 else None
    if given and ids is None:
        raise Http404
    services.mark_read(user=person(request), ids=ids, read=request.POST.get("unread") != "1")
    return redirect(back(request) if request.POST.get("next") else "inbox")


@require_http_methods(["GET", "POST"])
@signed_in(scope="write")  # type: ignore[untyped-decorator]
def preferences(request: HttpRequest) -> HttpResponse:
    last_place(request)
    if request.method == "POST":
        try:
            services.set_mail(user=person(request), wish=request.POST.get("mail", ""))
            done(request, _("Settings saved."))
        except Problem as problem:
            sorry(request, problem)
        return redirect("account-notifications")
    context = {
        "nav": "account",
        "tab": "notifications",
        "crumbs": [(_("Account settings"), "/account"), (_("Notifications"), "")],
        "wish": services.mail_of(person(request)),
        "wishes": Preference.Mail.choices,
    }
    return page(request, "notifications/preferences.html", context)
