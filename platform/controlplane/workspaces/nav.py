"""What this room hands to the frame."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from controlplane.frame import slots
from controlplane.workspaces.models import Role
from controlplane.workspaces.services import workspaces_of

LAST = "workspace"  # cookie: the workspace that was open last


class Place(NamedTuple):
    """A line of the palette. route: a page's name, or what the script does · keys: those that lead there · least: who may."""

    route: str
    name: Any
    icon: str
    keys: str = ""
    least: Role = Role.VIEWER


PAGES = (
    Place("home", _("Home"), icon="house", keys="g h"),
    Place("datasets", _("Datasets"), icon="database", keys="g d"),
    Place("jobs", _("Jobs"), icon="activity", keys="g j"),
    Place("models", _("Registry"), icon="box", keys="g m"),
    Place("endpoints", _("Deployments"), icon="rocket", keys="g e"),
    Place("playground", _("Playground"), icon="message-square", keys="g p"),
    Place("workers", _("Workers & queue"), icon="cpu"),
    Place("members", _("Members"), icon="users"),
    Place("audit", _("Audit log"), icon="scroll-text", least=Role.ADMIN),
)
ACTS = (
    Place("new-job", _("Start a job"), icon="play", keys="c", least=Role.EDITOR),
    Place("new-dataset", _("Upload data"), icon="upload", least=Role.EDITOR),
    Place("new-model", _("Import a model"), icon="box", least=Role.EDITOR),
    Place("new-endpoint", _("Deploy a model"), icon="rocket", least=Role.EDITOR),
)
MINE = (
    Place("inbox", _("Inbox"), icon="bell"),
    Place("tokens", _("API tokens"), icon="key-round"),
    Place("account", _("Account settings"), icon="settings"),
    Place("api:openapi-view", _("API reference"), icon="book-open"),
    Place("guide", _("User guide"), icon="book-open"),
)
WISHES = (
    Place("theme:light", _("Theme: light"), icon="sun"),
    Place("theme:dark", _("Theme: dark"), icon="moon"),
    Place("theme:system", _("Theme: as the system"), icon="sun-moon"),
    Place("language:en", "English", icon="languages"),
    Place("language:zh-hans", "简体中文", icon="languages"),
    Place("keys:", _("Show all keys"), icon="keyboard"),
)


def switcher(request: HttpRequest) -> list[dict[str, Any]]:
    """The person's workspaces, for the switcher."""
    return workspaces_of(request.user) if request.user.is_authenticated else []  # type: ignore[arg-type]


slots.switchers.append(switcher)


def english(name: Any) -> str:
    """The same words in English, so that they are found in either language."""
    with translation.override("en"):
        return str(name)


def commands(request: HttpRequest) -> list[slots.Command]:
    """Where to go and what to do from here, as far as the person's role reaches."""
    ws, role = request.workspace.slug, request.role  # type: ignore[attr-defined]
    found = []
    for group, places in ((_("Go to"), PAGES), (_("Do"), ACTS)):
        for place in places:
            if role.includes(place.least):
                url = reverse(place.route, kwargs={"ws": ws})
                found.append(slots.Command(group, place.name, url, icon=place.icon, keys=place.keys, also=english(place.name)))
    found += [slots.Command(_("Go to"), mine.name, reverse(mine.route), icon=mine.icon, also=english(mine.name)) for mine in MINE]
    for space in switcher(request):
        if space["slug"] != ws:
            url = reverse("home", kwargs={"ws": space["slug"]})
            found.append(slots.Command(_("Workspaces"), space["title"] or space["slug"], url, icon="arrow-right", also=space["slug"]))
    return found + [slots.Command(_("Display"), wish.name, wish.route, icon=wish.icon, also=english(wish.name)) for wish in WISHES]


slots.commands.append(commands)


def pages(ws: str, q: str) -> list[tuple[str, str, str]]:
    """Pages whose name holds the search."""
    return [(str(page.name), "", reverse(page.route, kwargs={"ws": ws})) for page in PAGES if q.lower() in str(page.name).lower()]
