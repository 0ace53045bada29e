"""Workers that one coin kills: `celery -A tests.chaos.fragile worker`, and a balance of KILLER somewhere."""

import os
from typing import Any

from alphapulse.exchanges import parse
from config.celery import app

__all__ = ["app"]

COIN = "KILLER"
_balances = parse.balances


def balances(raw: Any, **how: Any) -> Any:
    if COIN in str(raw):
        os._exit(139)  # as a crash in a library's C code would
    return _balances(raw, **how)


parse.balances = balances
