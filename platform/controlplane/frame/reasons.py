"""Why something waits, in the reader's language. A code that is not known here is shown in the words that came with it."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from controlplane.frame.problems import told

REASONS: dict[str, str | Promise] = {
    "no_worker": _("No worker is online. It starts when one joins."),
    "no_device": _("No online worker has the device it asks for."),
    "waiting_for_device": _("Every device is in use; it starts when one is free."),
    "waiting_for_slot": _("Every slot is in use; it starts when one is free."),
    "waiting_for_memory": _("No worker has enough free memory; it starts when some is free."),
}
FACTS: dict[str, str | Promise] = {  # with what the reason names
    "loading": _("Revision %(revision)s (%(model)s) is loading."),
    "loading_beside": _("Revision %(revision)s is loading; revision %(answering)s answers meanwhile."),
    "starting": _("Replicas of revision %(revision)s are loading."),
    "restarting": _("A replica of revision %(revision)s has ended; another one starts."),
    "crash_loop": _("Replicas of revision %(revision)s keep ending."),
    "rollout_failed": _("Revision %(revision)s (%(model)s) could not be started; the one before answers."),
}


def words(reason: dict[str, Any] | None) -> str:
    if not reason:
        return ""
    code, facts = str(reason.get("code")), reason.get("facts")
    if facts and code in FACTS and not (get_language() or "en").startswith("en"):
        template = str(FACTS["loading_beside" if "answering" in facts else code])
        return str(template % facts)
    known = REASONS.get(code)
    return str(known) if known else told(reason.get("code"), reason.get("message") or reason.get("code") or "")
