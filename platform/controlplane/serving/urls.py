"""Pages of endpoints and the playground."""

from django.urls import path

from controlplane.serving import changes, detail, nav, play, views

urlpatterns = [
    path("w/<slug:ws>/endpoints", views.endpoints, name="endpoints"),
    path("w/<slug:ws>/endpoints/new", views.new, name="new-endpoint"),
    path("w/<slug:ws>/endpoints/<slug:name>", detail.endpoint, name="endpoint"),
    path("w/<slug:ws>/endpoints/<slug:name>/change", changes.change, name="change-endpoint"),
    path("w/<slug:ws>/endpoints/<slug:name>/roll-back", changes.roll_back, name="roll-back-endpoint"),
    path("w/<slug:ws>/endpoints/<slug:name>/delete", changes.delete, name="delete-endpoint"),
    path("w/<slug:ws>/endpoints/<slug:name>/<slug:tab>", detail.endpoint, name="endpoint-tab"),
    path("w/<slug:ws>/playground", play.playground, name="playground"),
    path("w/<slug:ws>/playground/<slug:name>", play.playground, name="playground-of"),
]
__all__ = ["nav", "urlpatterns"]
