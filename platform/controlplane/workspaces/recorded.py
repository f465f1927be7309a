"""What the audit log recorded beside an action, in the reader's words instead of the record's own."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from controlplane.audit.models import AuditEvent
from controlplane.frame.called import KINDS, called, made_name
from controlplane.frame.figures import listed, size
from controlplane.workspaces.models import Role

WORDS: dict[str, str | Promise] = {
    "characters": gettext_lazy("Characters"),
    "dataset": gettext_lazy("Dataset"),
    "devices": gettext_lazy("Devices"),
    "filename": gettext_lazy("File"),
    "from": gettext_lazy("Previously"),
    "from_step": gettext_lazy("From step"),
    "job": gettext_lazy("Job"),
    "keep": gettext_lazy("Checkpoint kept"),
    "kind": gettext_lazy("Kind"),
    "limit": gettext_lazy("Limit"),
    "model": gettext_lazy("Model"),
    "name": gettext_lazy("Name"),
    "options": gettext_lazy("Options"),
    "past": gettext_lazy("Past"),
    "replicas": gettext_lazy("Replicas"),
    "role": gettext_lazy("Role"),
    "sha256": "SHA-256",
    "scopes": gettext_lazy("Scopes"),
    "size": gettext_lazy("Size"),
    "source": gettext_lazy("Source"),
    "state": gettext_lazy("State"),
    "step": gettext_lazy("Step"),
    "title": gettext_lazy("Title"),
    "to": gettext_lazy("Changed to"),
    "traffic": gettext_lazy("Traffic"),
    "versions": gettext_lazy("Versions"),
}


def thing(event: AuditEvent) -> str:
    """What it happened to. A replica is a job of the platform's own and no training, and so is other work."""
    kind = event.data.get("kind") if event.action.startswith("job.") else event.action.split(".")[0]
    if event.target_type != "job" or kind not in KINDS or kind == "train":
        return called(event.target_type)
    return _("Replica") if kind == "serve" else called(kind)


def details(event: AuditEvent) -> str:
    """Every fact with its name; what stands in the column of things already is left out."""
    known = ("job", "kind") if event.target_type == "job" else ()
    facts = [(key, value) for key, value in event.data.items() if key not in known and value not in (None, "", [], {})]
    named = [_("%(name)s: %(value)s") % {"name": WORDS.get(key, key), "value": written(key, value)} for key, value in facts]
    return pgettext("between two facts of one line", ", ").join(named)


def written(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dict) and key != "traffic":
        return listed([f"{called(name)} {written(name, one)}" for name, one in value.items() if one not in (None, "", [], {})])
    if isinstance(value, dict):  # revision → share
        return listed([f"r{name} {share} %" for name, share in sorted(value.items(), key=lambda one: -int(one[0]))])
    if isinstance(value, list):
        return listed([written("", one) for one in value])
    if value in Role.values and key in {"role", "from", "to"}:
        return str(Role(value).label)
    if key == "name":
        return made_name(str(value))
    return size(value) if key == "size" else str(value)
