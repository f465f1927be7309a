"""Teams: workspaces, who is in them with which role, invitations, API tokens; and the base of everything a workspace owns."""

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.accounts.models import User

type_of_user = User | AnonymousUser


class Role(models.TextChoices):
    VIEWER = "viewer", _("Viewer")  #: Reads and predicts.
    EDITOR = "editor", _("Editor")  #: Also uploads, starts and stops jobs, deploys and changes traffic.
    ADMIN = "admin", _("Admin")  #: Also manages members and invitations and reads the audit log.
    OWNER = "owner", _("Owner")  #: Also manages owners and the workspace; there is always one.

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def includes(self, other: "Role | str") -> bool:
        """Whether this role may do all that `other` may."""
        return self.rank >= Role(other).rank


class Scope(models.TextChoices):
    READ = "read", _("Read")
    WRITE = "write", _("Write")
    PREDICT = "predict", _("Predict")
    ADMIN = "admin", _("Admin")


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def visible_to(self, user: type_of_user) -> Self:
        """The workspaces this person is a member of: the one door to everything in them."""
        return self.filter(memberships__user_id=user.pk) if user.is_active else self.none()


class Workspace(models.Model):
    """A team's project. slug is its address and does not change."""

    slug = models.CharField(max_length=63, unique=True)
    title = models.CharField(max_length=200, blank=True)
    personal = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="workspaces")

    objects: ClassVar[models.Manager["Workspace"]] = WorkspaceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.title or self.slug


class Membership(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.workspace}"


class WorkspaceOwnedQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: type_of_user) -> Self:
        """The rows of the workspaces this person is a member of; every read of a room begins here."""
        return self.filter(workspace__memberships__user_id=user.pk) if user.is_active else self.none()


WorkspaceOwnedManager = models.Manager.from_queryset(WorkspaceOwnedQuerySet)


class WorkspaceOwned(models.Model):
    """Base of every row a workspace owns."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="%(class)ss")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = WorkspaceOwnedManager()

    class Meta:
        abstract = True


class Invitation(WorkspaceOwned):
    """A link that makes whoever opens it, signed in, a member; works once, for 7 days. Only its hash is kept."""

    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Role.choices)
    code_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "email"], condition=models.Q(accepted_at=None), name="invitation_once"),
        ]

    @property
    def state(self) -> str:
        if self.accepted_at:
            return "accepted"
        return "expired" if self.expires_at <= timezone.now() else "pending"

    def __str__(self) -> str:
        return self.email


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: type_of_user) -> Self:
        return self.filter(user_id=user.pk) if user.is_active else self.none()

    def alive(self) -> Self:
        """Neither revoked nor expired."""
        return self.filter(revoked_at=None).filter(models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now()))


class ApiToken(models.Model):
    """A key of one user. The text `slw_…` is shown once; sha256 and the first characters are kept.

    scopes: of read, write, predict, admin · workspace: None = every workspace of the user · exposed_at: seen in a URL, to be rotated.
    """

    id = models.CharField(max_length=24, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    workspace = models.ForeignKey(Workspace, null=True, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=16)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    exposed_at = models.DateTimeField(null=True)
    hidden = models.BooleanField(default=False)  # made by a page for itself (playground), not listed

    objects: ClassVar[models.Manager["ApiToken"]] = ApiTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return self.prefix


class IdempotentCall(models.Model):
    """The first answer to a creating call, kept 24 hours under the caller's Idempotency-Key."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # sha256 of method, address and body
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]
