"""The way out for orders and cancels: past an open breaker, never past a ban, out of what syncs leave of each limit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.errors import RateLimited
from alphapulse.exchanges.route import Route
from alphapulse.exchanges.told import usage
from apps.core.clock import now
from apps.exchanges import budgets, connections, health
from apps.exchanges.models import ExchangeAccount


@contextmanager
def let_out(account: ExchangeAccount, costs: Mapping[str, int]) -> Iterator[Route]:
    """The route by which one order or cancel, at `costs` (weight by quota), is sent inside of the block.

    Raises RateLimited where nothing may be sent: during a ban, which it would only make longer, and when nothing is
    left of a limit. A ban that is the answer holds every process back from then on.
    """
    route = connections.route_of(account)
    _refuse_while_banned(route)
    grant = _granted(route, costs, key=account.key_fingerprint)
    try:
        yield route
    except RateLimited as refusal:
        health.heed(route, refusal, at=now())
        raise
    finally:
        budgets.finished(grant, route, usage(route), now=now())


def _refuse_while_banned(route: Route) -> None:
    until = health.banned_until(route, now())
    if until is not None:
        raise RateLimited(f"{health.ban_in_words(route, until)}: nothing was sent.", until=until, is_ban=True)


def _granted(route: Route, costs: Mapping[str, int], *, key: str) -> budgets.Grant:
    grant = budgets.take_for_order(route, costs, now=now(), key=key)
    if not grant.units:
        name = catalogue.exchange(route.exchange_id).name
        raise RateLimited(f"{name}'s limits are used up, the part for orders too: nothing was sent.")
    if grant.is_uncounted:
        health.spent_uncounted(route, at=now())
    return grant
