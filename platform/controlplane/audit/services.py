"""The one verb of this room."""

import logging
from typing import Any

from controlplane.audit.context import Acting, current
from controlplane.audit.models import AuditEvent

logger = logging.getLogger(__name__)


def record(
    *,
    action: str,
    target: Any = None,
    workspace: Any = None,
    data: dict[str, Any] | None = None,
    request_or_actor: Any = None,
) -> AuditEvent:
    """Writes down one change, in the transaction of the change itself.

    action: `room.verb` · target: a row, or (type, id) · workspace: a row or its primary key; None = the target's ·
    request_or_actor: a request or a user; None = whoever the running request belongs to.
    """
    acting = _resolve(request_or_actor)
    kind, name = target if isinstance(target, tuple) else _describe(target)
    workspace = workspace if workspace is not None else getattr(target, "workspace_id", None)
    return AuditEvent.objects.create(
        workspace_id=getattr(workspace, "pk", workspace),
        actor_id=acting.actor_id,
        actor=acting.actor[:254],
        token=acting.token,
        action=action[:64],
        target_type=kind[:32],
        target_id=str(name)[:128],
        ip=acting.ip,
        request_id=acting.request_id,
        data=data or {},
    )


def _resolve(source: Any) -> Acting:
    acting = current()
    user = getattr(source, "user", source)
    if user is None or getattr(user, "pk", None) is None:
        return acting
    if acting.actor_id == user.pk:
        return acting
    return Acting(actor_id=user.pk, actor=user.email, ip=acting.ip, request_id=acting.request_id)


def _describe(target: Any) -> tuple[str, Any]:
    """A row's kind and the name people know it by."""
    if target is None:
        return "", ""
    kind = target._meta.model_name if hasattr(target, "_meta") else type(target).__name__.lower()
    for attribute in ("slug", "number", "name", "email"):
        if value := getattr(target, attribute, None):
            return kind, value
    return kind, getattr(target, "pk", target)
