from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "controlplane.notifications"
    label = "notifications"

    def ready(self) -> None:
        from controlplane.notifications import receivers  # noqa: F401 (connects them)
