"""Pages of endpoints and the playground."""

from django.urls import path

from controlplane.serving import nav, views

urlpatterns = [
    path("w/<slug:ws>/endpoints", views.endpoints, name="endpoints"),
    path("w/<slug:ws>/endpoints/new", views.new, name="new-endpoint"),
    path("w/<slug:ws>/endpoints/<slug:name>", views.endpoint, name="endpoint"),
    path("w/<slug:ws>/endpoints/<slug:name>/change", views.change, name="change-endpoint"),
    path("w/<slug:ws>/endpoints/<slug:name>/delete", views.delete, name="delete-endpoint"),
    path("w/<slug:ws>/playground", views.playground, name="playground"),
    path("w/<slug:ws>/playground/<slug:name>", views.playground, name="playground-of"),
]
__all__ = ["nav", "urlpatterns"]
