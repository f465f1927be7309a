"""Who did what, when, from where. Rows outlive the people and things they name, so they hold text, not foreign keys."""

from django.db import models


class AuditEvent(models.Model):
    """One change. action: `dataset.create`; workspace_id: None for what lies outside any; data: details, never secrets."""

    workspace_id = models.BigIntegerField(null=True)
    actor_id = models.BigIntegerField(null=True)  # None: the platform itself
    actor = models.CharField(max_length=254)
    token = models.CharField(max_length=16, blank=True)  # prefix of the API token used, if any
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=32, blank=True)
    target_id = models.CharField(max_length=128, blank=True)
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "-at", "-id"], name="audit_by_workspace"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target_id}"
