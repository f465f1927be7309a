from django.apps import AppConfig


class Frame(AppConfig):
    name = "controlplane.frame"
    label = "frame"
