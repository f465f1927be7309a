"""The house itself as an app, so that Django finds its management commands."""

import sys

from django.apps import AppConfig


class ControlPlane(AppConfig):
    name = "controlplane"
    label = "controlplane"

    def ready(self) -> None:
        """No model of ours has a field of PostgreSQL's own. Without this the operators' pages load them all, driver included: 9 MB."""
        sys.modules.setdefault("django.contrib.postgres.fields", None)  # type: ignore[arg-type]
