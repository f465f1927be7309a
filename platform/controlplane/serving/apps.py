from django.apps import AppConfig


class ServingConfig(AppConfig):
    name = "controlplane.serving"
    label = "serving"

    def ready(self) -> None:
        from controlplane.serving import signals  # noqa: F401 - connects its receivers
