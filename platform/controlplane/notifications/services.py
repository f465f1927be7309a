"""The verbs of the inbox: tell somebody something once, mark it read, forget what is old."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from controlplane.accounts.models import User
from controlplane.errors import Problem
from controlplane.limits import limit
from controlplane.notifications.models import Notification, Preference
from controlplane.notifications.words import detail, kind_of, title
from workers.contract.home import door_url

log = logging.getLogger(__name__)


def notify(*, users: Iterable[User | None], kind: str, key: str, path: str, workspace: Any = None, data: dict[str, Any]) -> int:
    """Tell these people, each once for this key; returns how many were told now. Mail goes out when the transaction is through."""
    told = 0
    for user in {user.pk: user for user in users if user is not None and user.is_active}.values():
        fields = {"workspace": workspace, "kind": kind, "path": path[:400], "data": data}
        row, new = Notification.objects.get_or_create(user=user, key=key[:160], defaults=fields)
        if new:
            told += 1
            transaction.on_commit(lambda row=row, user=user: mail(row, user))  # type: ignore[misc]
    return told


def wants_mail(row: Notification, user: User) -> bool:
    wish = Preference.objects.filter(user=user).values_list("mail", flat=True).first()
    return wish == Preference.Mail.ALL or (wish == Preference.Mail.TROUBLE and kind_of(row.kind).trouble)


def mail(row: Notification, user: User) -> None:
    """The same news by mail, in the person's language, for who asked for it. That it cannot be sent undoes nothing."""
    if not wants_mail(row, user):
        return
    base = settings.PUBLIC_URL or door_url()
    with translation.override(user.language or settings.LANGUAGE_CODE):
        head = title(row.kind, row.data)
        place = f" · {row.workspace}" if row.workspace else ""
        foot = _("You get this mail because you asked for it: %(link)s") % {"link": f"{base}/account/notifications"}
        text = "\n\n".join(filter(None, (head, detail(row.data), f"{base}{row.path}", foot)))
    try:
        send_mail(f"[Slipway] {head}{place}", text + "\n", None, [user.email])
    except Exception as error:  # whatever a mail server can raise; the inbox has the news all the same
        log.warning("news %s was not mailed: %s", row.pk, error)


def mark_read(*, user: User, ids: Iterable[int] | None = None, read: bool = True) -> int:
    """Mark these, or all; returns how many changed."""
    rows = Notification.objects.filter(user=user, read_at__isnull=read)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    return rows.update(read_at=timezone.now() if read else None)


def set_mail(*, user: User, wish: str) -> None:
    """Which news also goes by mail. Problem 422 for an unknown wish."""
    if wish not in Preference.Mail.values:
        message = f"`{wish[:20]}` is none of {', '.join(Preference.Mail.values)}."
        raise Problem(422, "invalid", message, errors=[{"loc": ["body", "mail"], "msg": message}])
    Preference.objects.update_or_create(user=user, defaults={"mail": wish})


def mail_of(user: User) -> str:
    return Preference.objects.filter(user=user).values_list("mail", flat=True).first() or Preference.Mail.NONE.value


def forget_old() -> int:
    """Removes news nobody needs any more; called by the control process now and then."""
    before = timezone.now() - timedelta(seconds=limit("notification_seconds"))
    return Notification.objects.filter(created_at__lt=before).delete()[0]
