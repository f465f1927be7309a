"""The house itself as an app, so that Django finds its management commands."""

from django.apps import AppConfig


class ControlPlane(AppConfig):
    name = "controlplane"
    label = "controlplane"
