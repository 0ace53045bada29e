"""The Celery application: `celery -A config worker`, `beat`, `call sync.resync --kwargs '{"account_id": 7}'`."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("alphapulse", task_cls="apps.core.tasks:Task")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """That somebody listens is enough: Celery then leaves the loggers as the settings made them."""


# What nobody waits for leaves a busy machine's processors to what somebody does: pages, and resyncs by hand.
WAITED_FOR = "resync"
NICENESS = 5


@celeryd_after_setup.connect
def give_way(instance: Any, **_: object) -> None:
    if WAITED_FOR not in instance.app.amqp.queues.consume_from and hasattr(os, "nice"):
        os.nice(NICENESS)


# After the app: its entries name the catalogue's exchanges.
from config.schedule import BEAT_SCHEDULE, TASK_ROUTES  # noqa: E402

app.conf.beat_schedule = BEAT_SCHEDULE
app.conf.task_routes = TASK_ROUTES
