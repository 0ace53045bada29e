from django.apps import AppConfig
from django.db.backends.signals import connection_created

from apps.core.money_field import teach_sqlite_money


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        connection_created.connect(teach_sqlite_money, dispatch_uid="money")
