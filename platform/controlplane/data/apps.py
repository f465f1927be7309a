from django.apps import AppConfig


class DataConfig(AppConfig):
    name = "controlplane.data"
    label = "data"
