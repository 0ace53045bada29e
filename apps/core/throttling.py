"""Rate limits of the API: by endpoint, for the user and for the address.

A view may say its own `limit`, or `limits` by method.
"""

from math import ceil
from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.core.limits import Limit, take
from apps.core.visitors import address_of, network_of

READS = Limit(per_minute=1200, burst=300)
WRITES = Limit(per_minute=120, burst=60)
# An office is one address.
USERS_BEHIND_AN_ADDRESS = 10


class Limits(BaseThrottle):
    def allow_request(self, request: Request, view: Any) -> bool:
        # Once: what is refused before it comes this far is counted when it is answered (apps/core/problems.py).
        if getattr(request, "is_counted", False):
            return True
        request.is_counted = True
        self._wait = take(_subjects(request, view))
        return self._wait == 0

    def wait(self) -> float:
        return float(ceil(self._wait))


def _limit(view: Any, method: str) -> Limit:
    by_method: dict[str, Limit] = getattr(view, "limits", {})
    usual = READS if method in {"GET", "HEAD"} else WRITES
    return by_method.get(method) or getattr(view, "limit", usual)


def _subjects(request: Request, view: Any) -> list[tuple[str, Limit]]:
    limit = _limit(view, request.method or "")
    endpoint = f"{request.method} {type(view).__module__}.{type(view).__name__}"
    address = network_of(address_of(request))
    if not request.user or not request.user.is_authenticated:
        # Counted apart: they must not use up what users behind the same address have.
        return [(f"{endpoint} of strangers at {address}", limit)]
    users = (f"{endpoint} of users at {address}", limit * USERS_BEHIND_AN_ADDRESS)
    return [(f"{endpoint} of user {request.user.pk}", limit), users]
