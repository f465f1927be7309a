"""The operators' view at /admin: every row that helps to run the installation, of every workspace, and nothing to change.

Secrets are not shown, nor their hashes. Who is an operator is decided at the terminal (`manage.py operator`).
"""

from collections.abc import Iterator
from functools import wraps
from typing import Any

from django.contrib.admin import AllValuesFieldListFilter, display
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Field, Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from controlplane.accounts.models import User
from controlplane.audit.context import identify
from controlplane.audit.models import AuditEvent
from controlplane.data.models import Dataset, DatasetVersion
from controlplane.jobs.models import Allocation, Attempt, Job, Worker
from controlplane.operators.words import CODES, name_fields, word
from controlplane.registry.models import Model as RegisteredModel
from controlplane.registry.models import ModelVersion
from controlplane.serving.models import Endpoint, Replica, Revision
from controlplane.workspaces.access import Permission
from controlplane.workspaces.models import ApiToken, Invitation, Membership, Workspace

SECRET = frozenset({"password", "token_hash", "code_hash", "secret"})
WHOSE = {"attempt": "attempt__job", "revision": "revision__endpoint"}  # what a row's name is made of
# The pages' own script reads expressions from attributes, which needs eval; colours stand in a style element.
POLICY = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}


class Site(UnfoldAdminSite):
    """For people marked as operators; signing in happens where it always does."""

    site_title = site_header = "Slipway"
    index_title = _("Operators' view")
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Strangers are sent to sign in, others get the 403 page, operators the page with the policy its scripts need."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not self.has_permission(request):
                raise PermissionDenied("Only operators of this installation see this.")
            identify(actor_id=request.user.pk, actor=request.user.email)
            response: HttpResponseBase = inner(request, *args, **kwargs)
            response._csp_update = POLICY  # type: ignore[attr-defined]
            response["Cache-Control"] = "no-store"
            return response

        guarded.permission = Permission("operator")  # type: ignore[attr-defined]
        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("admin:index") if self.has_permission(request) else redirect_to_login("/admin/")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_logout")


class Look(ModelAdmin):  # type: ignore[misc]
    """A table that is only read. shown, found: the columns, and those the search looks into."""

    actions = None
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [column(field) for field in self.model._meta.fields if field.name not in SECRET]

    get_readonly_fields = get_fields

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        named: dict[str, Any] = {"title": self.opts.verbose_name_plural, **(extra_context or {})}
        return super().changelist_view(request, named)


class Worded(AllValuesFieldListFilter):
    """A filter by a code: its values as the pages say them."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": word(self.field, choice["display"])}


def column(field: "Field[Any, Any]") -> Any:
    """A field as the tables show it: a code in words, anything else as it is."""
    if field.name not in CODES:
        return field.name
    return display(description=field.verbose_name, ordering=field.name, empty_value="-")(
        lambda row: (value := getattr(row, field.name)) and word(field, value)
    )


site = Site(name="admin")


def look(model: type[Model], shown: str, found: str = "", filters: str = "", order: str = "-pk") -> None:
    """Registers a table."""
    name_fields(model)
    fields = {field.name: field for field in model._meta.fields}
    options = {
        "list_display": [column(fields[name]) for name in shown.split()],
        "search_fields": found.split(),
        "list_filter": [(name, Worded) if name in CODES else name for name in filters.split()],
        "list_select_related": [WHOSE.get(name, name) for name in shown.split() if fields[name].is_relation],
        "ordering": [order],
    }
    site.register(model, type(f"{model.__name__}Look", (Look,), options))


TABLES: tuple[tuple[Any, ...], ...] = (
    (User, "email name is_active is_staff date_joined last_login", "email name", "is_active is_staff"),
    (Workspace, "slug title personal created_at", "slug title", "personal"),
    (Membership, "workspace user role created_at", "workspace__slug user__email", "role"),
    (Invitation, "email workspace role invited_by expires_at accepted_at", "email workspace__slug", "role"),
    (ApiToken, "prefix name user workspace expires_at last_used_at revoked_at", "prefix name user__email", "hidden", "-created_at"),
    (Job, "number workspace kind name state recipe created_by created_at finished_at", "name recipe workspace__slug", "state kind"),
    (Attempt, "job number state granted_at started_at ended_at", "job__name", "state"),
    (Allocation, "attempt worker device slot granted_at claimed_at lease_until released_at", "worker__name", "slot"),
    (Worker, "name host cpus draining joined_at seen_at", "name host", "draining", "name"),
    (Dataset, "name workspace title created_at", "name workspace__slug"),
    (DatasetVersion, "dataset version state format size_bytes created_by created_at", "dataset__name", "state format"),
    (RegisteredModel, "name workspace task last_version created_at", "name workspace__slug", "task"),
    (ModelVersion, "model version state task recipe size_bytes created_at", "model__name recipe", "state"),
    (Endpoint, "name workspace state desired task replicas_min replicas_max updated_at", "name workspace__slug", "state"),
    (Revision, "endpoint revision model state traffic crashes created_at", "endpoint__name model", "state"),
    (Replica, "revision state host created_at ready_at ended_at", "host", "state", "-created_at"),
    (AuditEvent, "at actor action target_type target_id ip request_id", "actor action target_id request_id", "target_type", "-at"),
)
for table in TABLES:
    look(*table)
