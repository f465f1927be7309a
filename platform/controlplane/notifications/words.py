"""What each kind of news says. The values in the sentences are the news's own data; they are text and nothing else."""

from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.frame.called import made_name
from controlplane.frame.problems import told


class Kind(NamedTuple):
    """tone and icon as a badge has them · text: the sentence · trouble: somebody should do something."""

    tone: str
    icon: str
    text: Promise
    trouble: bool = False


KINDS: dict[str, Kind] = {
    "job.succeeded": Kind("ok", icon="check", text=_("%(name)s #%(number)s has finished")),
    "job.failed": Kind("bad", icon="circle-x", text=_("%(name)s #%(number)s failed"), trouble=True),
    "dataset.ready": Kind("ok", icon="database", text=_("Dataset %(name)s is ready")),
    "dataset.failed": Kind("bad", icon="circle-x", text=_("Dataset %(name)s could not be read"), trouble=True),
    "endpoint.ready": Kind("ok", icon="rocket", text=_("Endpoint %(name)s is ready")),
    "endpoint.degraded": Kind("warn", icon="triangle-alert", text=_("Endpoint %(name)s is degraded"), trouble=True),
    "endpoint.failed": Kind("bad", icon="circle-x", text=_("Endpoint %(name)s has failed"), trouble=True),
    "invitation.accepted": Kind("ok", icon="users", text=_("%(name)s has accepted your invitation")),
    "member.role": Kind("idle", icon="users", text=_("You are now %(role)s")),
}
TROUBLE = tuple(name for name, kind in KINDS.items() if kind.trouble)
_UNKNOWN = Kind("idle", icon="bell", text=_("News"))


def kind_of(name: str) -> Kind:
    return KINDS.get(name, _UNKNOWN)


def title(kind: str, data: dict[str, Any]) -> str:
    """The sentence, in the reader's language."""
    values = {key: value for key, value in data.items() if key != "role"}
    if kind.startswith("job.") and "name" in values:
        values["name"] = made_name(str(values["name"]))
    if "role" in data:
        values["role"] = _role(data["role"])
    try:
        return str(kind_of(kind).text) % values
    except KeyError:
        return str(kind_of(kind).text)


def detail(data: dict[str, Any]) -> str:
    """Why, where there is a reason."""
    reason = data.get("reason") or {}
    return told(reason.get("code"), reason.get("message") or "") if reason else ""


def _role(value: str) -> str:
    from controlplane.workspaces.models import Role

    return str(Role(value).label) if value in Role.values else value
