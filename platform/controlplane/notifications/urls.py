"""Pages of the inbox."""

from django.urls import path

from controlplane.notifications import nav, views

urlpatterns = [
    path("inbox", views.inbox, name="inbox"),
    path("inbox/read", views.read, name="read-news"),
    path("inbox/<int:id>", views.look, name="news"),
    path("account/notifications", views.preferences, name="account-notifications"),
]
__all__ = ["nav", "urlpatterns"]
