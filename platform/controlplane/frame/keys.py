"""The keys of every page, as the list shows them. What they do is written in the front end's `keys.ts` and in the islands."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

KEYS: tuple[tuple[tuple[str, ...], str | Promise], ...] = (
    (("⌘K", "Ctrl K"), _("Search, go, act")),
    (("?",), _("This list")),
    (("g", "h"), _("Home")),
    (("g", "d"), _("Datasets")),
    (("g", "j"), _("Jobs")),
    (("g", "m"), _("Registry")),
    (("g", "e"), _("Deployments")),
    (("g", "p"), _("Playground")),
    (("c",), _("New job")),
    (("/",), _("Filter the list")),
    (("j", "k"), _("Next or previous row")),
    (("x",), _("Tick the row")),
    (("Enter",), _("Open the row")),
    (("f",), _("Follow the log")),
    (("[", "]"), _("Previous or next sample")),
)
