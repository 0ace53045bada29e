"""What the system does when a worker comes up."""

import os
from typing import Any

from celery.signals import worker_ready

from apps.core.clock import now
from apps.system.services import restarts


@worker_ready.connect
def note_new_worker(sender: Any, **_: object) -> None:
    restarts.has_started(sender.hostname, pid=os.getpid(), since=sender.controller.startup_time, now=now())
