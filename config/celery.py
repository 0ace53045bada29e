"""The Celery application: `celery -A config worker`, `beat`, `call sync.resync --kwargs '{"account_id": 7}'`."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("alphapulse", task_cls="apps.core.tasks:Task")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """That somebody listens is enough: Celery then leaves the loggers as the settings made them."""


# After the app: its entries name the catalogue's exchanges.
from config.schedule import BEAT_SCHEDULE, TASK_ROUTES  # noqa: E402

app.conf.beat_schedule = BEAT_SCHEDULE
app.conf.task_routes = TASK_ROUTES
