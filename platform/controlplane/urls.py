"""Every address Django answers."""

from django.urls import include, path, re_path

from controlplane import health, inbox, operators
from controlplane.api import api
from controlplane.workspaces import entry

ROOMS = ("workspaces", "notifications", "data", "training", "jobs", "registry", "serving")
handler429 = "controlplane.frame.pages.too_often"  # where allauth looks for it
handler500 = "controlplane.frame.pages.broken"
urlpatterns = [
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("signin/<str:code>", entry.signin, name="signin"),
    path("api/v1/", api.urls),
    re_path(r"^api/.*$", health.nothing_here),
    path("internal/v1/", include((inbox.urlpatterns, "inbox"))),
    path("admin/", operators.site.urls),
    path("accounts/", include("allauth.urls")),
    *(path("", include(f"controlplane.{room}.urls")) for room in ROOMS),
    path("", include("controlplane.guide.urls")),  # last among what a search finds
]
