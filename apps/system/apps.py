from django.apps import AppConfig


class SystemConfig(AppConfig):
    name = "apps.system"
    label = "system"

    def ready(self) -> None:
        from apps.system import receivers  # noqa: F401 - connects them
