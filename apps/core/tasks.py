"""The base of every task: what Celery must not do to us."""

from typing import Any

import celery
from django.db import close_old_connections

from apps.core.origin import working_on


class OutOfMemory(Exception):
    """A task ran out of memory. As a bare MemoryError it would take the worker's parent process down."""


class Task(celery.Task):
    """Arguments come by keyword, and tolerate the future: signatures end in `**_`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # As each web request does: a connection that died with its server is replaced, not used a thousand times more.
        close_old_connections()
        try:
            with working_on(f"task {self.name}"):
                return super().__call__(*args, **kwargs)
        except MemoryError as exc:
            raise OutOfMemory(f"{self.name} ran out of memory") from exc
