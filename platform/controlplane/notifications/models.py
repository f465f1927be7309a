"""What a person should know although they were not looking: the rows of the inbox, and how else they want to hear of it."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from controlplane.workspaces.models import Workspace, type_of_user


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, user: type_of_user) -> Self:
        """One's own, of workspaces one is still in."""
        mine = models.Q(workspace=None) | models.Q(workspace__memberships__user_id=user.pk)
        return self.filter(mine, user_id=user.pk) if user.is_active else self.none()

    def unread(self) -> Self:
        return self.filter(read_at=None)


class Notification(models.Model):
    """One piece of news for one person. kind: of `words.KINDS`, data: the values its sentence names, path: the page to look at.

    key: what happened, once; the same news told again does nothing.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    workspace = models.ForeignKey(Workspace, null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=32)
    data = models.JSONField(default=dict)
    path = models.CharField(max_length=400)
    key = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    read_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Notification"]] = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="notification_once")]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="notification_list"),
            models.Index(fields=["user"], name="notification_unread", condition=models.Q(read_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"


class Preference(models.Model):
    """Which news also goes by mail. Without a row: none."""

    class Mail(models.TextChoices):
        NONE = "none", _("Nothing")
        TROUBLE = "trouble", _("Failures only")
        ALL = "all", _("Everything")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+")
    mail = models.CharField(max_length=8, choices=Mail.choices, default=Mail.NONE)
