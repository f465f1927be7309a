"""How each state looks: tone, icon, word. One table for every badge of the product."""

from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Look(NamedTuple):
    """tone: a colour of the tokens · icon: of the sprite · word: translated · live: the icon turns."""

    tone: str
    icon: str
    word: str | Promise
    live: bool = False


def live(word: str | Promise, tone: str = "accent") -> Look:
    return Look(tone, icon="loader-circle", word=word, live=True)


def ok(word: str | Promise) -> Look:
    return Look("ok", icon="check", word=word)


def bad(word: str | Promise) -> Look:
    return Look("bad", icon="circle-x", word=word)


def stopped(word: str | Promise) -> Look:
    return Look("idle", icon="circle-stop", word=word)


VERSION = {
    "preparing": live(_("Preparing")),
    "importing": live(_("Importing")),
    "ready": ok(pgettext_lazy("version", "Ready")),
    "failed": bad(_("Failed")),
}
STATES: dict[str, dict[str, Look]] = {
    "job": {
        "queued": Look("idle", icon="clock", word=_("Queued")),
        "starting": live(_("Starting")),
        "running": live(_("Running")),
        "cancelling": live(_("Stopping"), tone="hold"),
        "succeeded": ok(_("Succeeded")),
        "failed": bad(_("Failed")),
        "cancelled": stopped(_("Stopped")),
    },
    "datasetversion": VERSION,
    "modelversion": VERSION,
    "evaluation": {"running": live(_("Running")), "ready": ok(pgettext_lazy("evaluation", "Measured")), "failed": bad(_("Failed"))},
    "variant": {"optimising": live(_("Optimising")), "ready": ok(pgettext_lazy("version", "Ready")), "failed": bad(_("Failed"))},
    "verdict": {
        "reference": Look("idle", icon="minus", word=_("Reference")),
        "within_limit": ok(_("Within limit")),
        "below_limit": Look("warn", icon="triangle-alert", word=_("Below your limit")),
    },
    "worker": {
        "online": ok(_("Online")),
        "draining": Look("hold", icon="loader-circle", word=pgettext_lazy("worker", "Draining")),
        "offline": bad(_("Offline")),
    },
    "endpoint": {
        "deploying": live(_("Deploying")),
        "ready": ok(pgettext_lazy("endpoint", "Ready")),
        "degraded": Look("warn", icon="triangle-alert", word=_("Degraded")),
        "stopped": stopped(_("Stopped")),
        "failed": bad(_("Failed")),
    },
    "revision": {
        "deploying": live(_("Deploying")),
        "ready": ok(pgettext_lazy("endpoint", "Ready")),
        "degraded": Look("warn", icon="triangle-alert", word=_("Degraded")),
        "draining": live(pgettext_lazy("revision", "Draining"), tone="hold"),
        "stopped": stopped(_("Stopped")),
        "failed": bad(_("Failed")),
    },
    "replica": {
        "starting": live(_("Starting")),
        "ready": ok(pgettext_lazy("endpoint", "Ready")),
        "draining": live(pgettext_lazy("revision", "Draining"), tone="hold"),
        "ended": stopped(_("Ended")),
    },
    "invitation": {
        "pending": Look("hold", icon="clock", word=_("Waiting")),
        "expired": stopped(_("Expired")),
        "accepted": ok(_("Accepted")),
    },
}


def look(thing: Any, kind: str = "") -> Look:
    """The look of a row with a `state`, or of a bare state of `kind`. An unknown state shows its own word."""
    state = str(getattr(thing, "state", thing))
    kind = kind or thing._meta.model_name
    return STATES.get(kind, {}).get(state) or Look("idle", icon="clock", word=state)
