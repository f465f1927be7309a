from django.apps import AppConfig


class DataConfig(AppConfig):
    name = "controlplane.data"
    label = "data"

    def ready(self) -> None:
        from controlplane.data import signals  # noqa: F401 (connects its receivers)
