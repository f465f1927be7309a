from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "controlplane.registry"
    label = "registry"

    def ready(self) -> None:
        from controlplane.registry import storage  # noqa: F401 (counts this room's bytes, and lets them go)
