from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "controlplane.workspaces"
    label = "workspaces"

    def ready(self) -> None:
        from controlplane.workspaces import signals  # noqa: F401 (connects its receivers)
