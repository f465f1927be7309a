"""Pages of the guide."""

from django.urls import path

from controlplane.guide import nav, views

urlpatterns = [
    path("guide", views.begin, name="guide"),
    path("guide/<slug:name>", views.begin, name="guide-page"),
    path("guide/<slug:lang>/<slug:name>", views.read, name="guide-in"),
]
__all__ = ["nav", "urlpatterns"]
