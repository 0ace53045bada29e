"""Workers that one coin harms: `celery -A tests.chaos.fragile worker`, and a balance of KILLER or STALLER somewhere."""

import os
import time
from typing import Any

from alphapulse.exchanges import parse
from config.celery import app

__all__ = ["app"]

WORKER = ("-m", "celery", "-A", "tests.chaos.fragile", "worker", "-Q", "sync", "-P", "threads", "-c", "4")
KILLER = "KILLER"
STALLER = "STALLER"
FOR_EVER = 3600
_balances = parse.balances


def balances(raw: Any, **how: Any) -> Any:
    if KILLER in str(raw):
        os._exit(139)  # as a crash in a library's C code would
    if STALLER in str(raw):
        time.sleep(FOR_EVER)  # on the loop's thread: it does not turn any more
    return _balances(raw, **how)


parse.balances = balances
