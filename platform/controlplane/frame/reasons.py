"""Why something waits, in the reader's language. A code that is not known here is shown in the words that came with it."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.frame.problems import told

REASONS: dict[str, str | Promise] = {
    "no_worker": _("No worker is online. It starts when one joins."),
    "no_device": _("No online worker has the device it asks for."),
    "waiting_for_device": _("Every device is in use; it starts when one is free."),
    "waiting_for_slot": _("Every slot is in use; it starts when one is free."),
    "waiting_for_memory": _("No worker has enough free memory; it starts when some is free."),
}


def words(reason: dict[str, Any] | None) -> str:
    if not reason:
        return ""
    known = REASONS.get(str(reason.get("code")))
    return str(known) if known else told(reason.get("code"), reason.get("message") or reason.get("code") or "")
