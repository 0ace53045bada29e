"""Celery's beat, which also ends when somebody has asked for another one (`POST /api/system/restart`)."""

import os
import time
from typing import Any

from celery.beat import PersistentScheduler
from django.db import Error as DatabaseFailure
from django.db import connection
from loguru import logger

from apps.core.clock import now
from apps.system.models import BEAT
from apps.system.services import restarts

log = logger.bind(logger="beat")

LOOK = 1.0  # seconds; a tick is one message, and there are many in a second


class Scheduler(PersistentScheduler):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._since = now()
        self._is_told = False
        self._look_at = 0.0
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK
            self._look()
        return super().tick(*args, **kwargs)

    def _look(self) -> None:
        """Says that we have come up; ends us where another is wanted. Without a database beat goes on all the same."""
        try:
            if not self._is_told:
                restarts.has_started(BEAT, pid=os.getpid(), since=self._since, now=now())
                self._is_told = True
            is_over = restarts.must_beat_end(pid=os.getpid(), now=now())
        except DatabaseFailure as problem:
            log.warning("beat cannot read whether it is to be started anew: {}", problem)
            connection.close()
            return
        if is_over:
            log.warning("beat ends: somebody asked for a new one")
            raise SystemExit(0)
