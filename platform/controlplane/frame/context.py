"""What the frame needs on every page; drawn lazily, so that partials and error pages pay nothing."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from controlplane.frame import assets, slots
from controlplane.frame.keys import KEYS

THEMES = ("system", "light", "dark")


ELSEWHERE = ("/accounts/", "/api/v1/docs", "/guide/")  # pages that know no workspace


def _last_place(request: HttpRequest) -> Any:
    """The workspace around pages that belong to none, so that the sidebar stays."""
    if not request.path.startswith(ELSEWHERE) or not request.user.is_authenticated:
        return None
    return next((found for place in slots.places if (found := place(request))), None)


def frame(request: HttpRequest) -> dict[str, Any]:
    """theme, icons, font, workspace, role, counts of the sidebar. `request.workspace` and `.role` are set by the page's permission."""
    workspace = getattr(request, "workspace", None) or _last_place(request)
    theme = request.COOKIES.get("theme", "system")
    return {
        "theme": theme if theme in THEMES else "system",
        "next_theme": "light" if theme == "dark" else "dark",
        "icons_url": assets.url("icons.svg"),
        "font_url": assets.font(),
        "mail_on": settings.MAIL_ON,
        "signup_open": settings.SIGNUP == "open",
        "workspace": workspace,
        "role": getattr(request, "role", None),
        "switcher": SimpleLazyObject(lambda: [space for spaces in slots.switchers for space in spaces(request)]),
        "keys_off": request.COOKIES.get("keys") == "off",
        "key_list": KEYS,
        "commands": lambda: [one._asdict() for offer in slots.commands for one in offer(request)],
        "unread": SimpleLazyObject(lambda: sum(inbox(request) for inbox in slots.inboxes)),
        "counts": SimpleLazyObject(lambda: {name: count(workspace) for name, count in slots.counters.items()} if workspace else {}),
    }
