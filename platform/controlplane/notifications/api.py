"""REST of the inbox: what is new for the person who calls."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from controlplane.notifications.models import Notification
from controlplane.notifications.services import mail_of, mark_read, set_mail
from controlplane.notifications.words import TROUBLE, detail, kind_of, title
from controlplane.paging import ListQuery, listing
from controlplane.workspaces.access import person, signed_in

root = Router(tags=["people"])


class NewsQuery(ListQuery):
    unread: bool = False
    trouble: bool = False


class ReadIn(Schema):
    """ids: these; left out: all. read: false makes them unread again."""

    model_config = {"extra": "forbid"}
    ids: list[str] | None = Field(None, max_length=200)
    read: bool = True


class SettingsIn(Schema):
    """mail: none, trouble (failures only) or all."""

    model_config = {"extra": "forbid"}
    mail: str = Field(max_length=20)


def news(request: HttpRequest) -> "QuerySet[Notification]":
    """The caller's inbox; through a token of one workspace only that workspace's."""
    rows: QuerySet[Notification] = Notification.objects.visible_to(person(request)).select_related("workspace")  # type: ignore[attr-defined]
    token = getattr(request, "token", None)
    return rows.filter(workspace_id=token.workspace_id) if token and token.workspace_id else rows


def show_notification(row: Notification) -> dict[str, Any]:
    kind = kind_of(row.kind)
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "title": title(row.kind, row.data),
        "detail": detail(row.data),
        "tone": kind.tone,
        "icon": kind.icon,
        "trouble": kind.trouble,
        "workspace": row.workspace.slug if row.workspace else None,
        "path": row.path,
        "data": row.data,
        "created_at": row.created_at,
        "read_at": row.read_at,
    }


@root.get("/me/notifications", summary="My inbox")
@signed_in
def list_notifications(request: HttpRequest, query: Query[NewsQuery]) -> Any:
    """Newest first; `unread` beside the items counts all that are."""
    rows = news(request)
    chosen = rows.unread() if query.unread else rows  # type: ignore[attr-defined]
    chosen = chosen.filter(kind__in=TROUBLE) if query.trouble else chosen
    return listing(chosen, query, show=show_notification) | {"unread": rows.unread().count()}  # type: ignore[attr-defined]


@root.get("/me/notifications/settings", summary="Which news also goes by mail")
@signed_in
def get_settings(request: HttpRequest) -> Any:
    return {"mail": mail_of(person(request))}


@root.patch("/me/notifications/settings", summary="Choose which news also goes by mail")
@signed_in(scope="write")
def patch_settings(request: HttpRequest, body: SettingsIn) -> Any:
    set_mail(user=person(request), wish=body.mail)
    return {"mail": body.mail}


@root.post("/me/notifications/read", summary="Mark news as read")
@signed_in(scope="write")
def read_notifications(request: HttpRequest, body: ReadIn | None = None) -> Any:
    wanted = body or ReadIn()  # type: ignore[call-arg]
    ids = [int(id) for id in wanted.ids if id.isdecimal() and len(id) < 19] if wanted.ids is not None else None
    changed = mark_read(user=person(request), ids=ids, read=wanted.read)
    return {"changed": changed, "unread": news(request).unread().count()}  # type: ignore[attr-defined]
