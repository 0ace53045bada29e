"""The request budget that all processes share: counters in Redis, per exchange, environment, egress and quota.

Exchanges count weight per IP (or key) in windows aligned to their clock; so do we, and their own count (the used-weight
headers) corrects ours. Part of each limit is left for orders and for the owner's other tools.

**A grant is charged to every window that its requests may be sent in**: from `EDGE` before it was given until
`SENT_WITHIN` after. When all are answered, `finished` takes it out of those that had not begun. So what is sent late
never meets a window that knows nothing of it.

**A missing counter is unknown, not zero.** A mark beside the counters of each quota tells which windows were opened, by
which run of the server. A window is, to whoever takes of it:
- unopened: the mark is there and the window is none of those that were opened. It is opened at zero;
- known: its counter is there, and the mark is of this run of the server;
- lost: no mark (never asked, FLUSHALL, evicted), one of another run (restarted: the newest writes may be gone), or a
  counter missing of a window that was opened.

After a loss, all windows that begin within the next `SENT_WITHIN` (what was granted before may still be sent into them)
are taken for as full as we ever make them. What may be spent of such a window is half of the orders' part, which was
never granted. Where headers tell what is used, others may have used it too: until the first is back, one unit goes to
one worker at a time, and when all that was under way must have been sent, the next one's header sets the counter.
Without headers the window is waited out. Later windows are opened at zero, as always. Who knows that nothing of ours
was under way can `vouch` for it: then the first header sets the counter, and what no header tells is zero.

**With Redis away** each process takes its fraction of the limit out of a count of its own (`alone`). When it is back
that is a loss, also to who has not noticed: who spends so writes the time into a row, and who takes names that time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.conf import settings

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.route import Route
from alphapulse.exchanges.told import Used, clock_offset
from alphapulse.resilience.budget import Quota, Share, window_start
from alphapulse.types import Environment
from apps.exchanges.budgets import alone, counters
from apps.exchanges.budgets.grants import EDGE, SENT_WITHIN, Ask, Grant, milliseconds, windows_of

__all__ = [
    "SENT_WITHIN",
    "Grant",
    "charge",
    "correct",
    "finished",
    "give_back",
    "spare",
    "spent",
    "spent_by",
    "take",
    "take_for_order",
    "take_part",
    "vouch",
]


def take(
    route: Route,
    costs: Mapping[str, int],
    *,
    wanted: int,
    now: datetime,
    keep: Mapping[str, int] | None = None,
    key: str = "",
    uncounted_at: datetime | None = None,
) -> Grant:
    """A grant of as many of `wanted` syncs, each at `costs` (weight by quota), as may go out now.

    They are counted as spent: `give_back` what is not asked after all, and tell when the rest is `finished`. `keep` is
    the weight that must be left of each quota for others; `key` whose quotas per key are asked, too; `uncounted_at`
    when some process last spent of it while Redis was away.
    """
    asks = [
        _ask(route, quota, costs[quota.name], _share().of(quota.limit), now=now, keep=(keep or {}), key=key)
        for quota in _quotas(route, costs, key)
    ]
    lost = milliseconds(uncounted_at + clock_offset(route)) if uncounted_at else 0
    return _granted([replace(ask, uncounted=lost) for ask in asks], wanted)


def take_part(route: Route, costs: Mapping[str, int], *, of: str, part: float, wanted: int, now: datetime) -> Grant:
    """Out of a part of each quota that is one purpose's own, counted apart: it is taken beside the usual grant."""
    asks = []
    for quota in _quotas(route, costs, ""):
        own = replace(quota, name=f"{quota.name}:{of}", limit=int(quota.limit * part), used_header="")
        asks.append(_ask(route, own, costs[quota.name], _share().of(own.limit), now=now, keep={}, key=""))
    return _granted(asks, wanted)


def take_for_order(route: Route, costs: Mapping[str, int], *, now: datetime, key: str) -> Grant:
    """A grant of one order or cancel, which may use what syncs leave. Of no units: the limit itself is reached.

    It waits for no probe: an order that is late is worse than one that is refused.
    """
    asks = [
        _ask(route, quota, costs[quota.name], _share().with_orders(quota.limit), now=now, keep={}, key=key)
        for quota in _quotas(route, costs, key)
    ]
    return _granted([replace(ask, tells=False) for ask in asks], 1)


def give_back(grant: Grant, *, unused: int) -> Grant:
    """What was granted and not asked after all: another worker was first. Returns what is left of the grant."""
    if unused:
        _release(grant, [unused * ask.cost for ask in grant.asks], after=None)
    return replace(grant, units=grant.units - unused)


def spare(grant: Grant, weights: Mapping[str, int]) -> Grant:
    """What the units of a grant need less than they were granted, by quota. Returns what is left of the grant."""
    spared = [min(weights.get(ask.quota, 0), grant.units * ask.cost) for ask in grant.asks]
    if grant.is_probe or not any(spared):
        return grant
    _release(grant, spared, after=None)
    return replace(grant, asks=tuple(replace(ask, spared=of) for ask, of in zip(grant.asks, spared, strict=True)))


def vouch(grant: Grant) -> None:
    """Of the quotas of an unsure grant, we have asked nothing in the running windows, nor just before them."""
    counters.vouch(grant)


def finished(grant: Grant, route: Route, used: Mapping[str, Used], *, now: datetime) -> None:
    """All of the grant was sent and answered, or never will be. `used` is what the exchange says of it."""
    correct(route, used)
    if grant.units:
        weights = [grant.units * ask.cost - ask.spared for ask in grant.asks]
        _release(grant, weights, after=now + clock_offset(route) + EDGE)


def correct(route: Route, used: Mapping[str, Used]) -> None:
    """`used` is what the exchange itself counted, by quota, each in the window of its own time."""
    for quota in catalogue.exchange(route.exchange_id).quotas:
        told = used.get(quota.name) if not quota.is_per_key else None
        # Asked in one window and answered in the next: of which of them it tells is not known.
        if told is not None and len(windows_of(quota, told.sent_at - EDGE, told.at + EDGE)) == 1:
            start = window_start(told.at, quota.window) * 1000
            counters.correct(_name(route, quota), start=start, sent=milliseconds(told.sent_at), weight=told.weight)


def charge(route: Route, costs: Mapping[str, int], *, now: datetime) -> None:
    """What was asked without a grant, of quotas that no header corrects."""
    for quota in catalogue.exchange(route.exchange_id).quotas:
        if costs.get(quota.name) and not quota.used_header and not quota.is_per_key:
            start = window_start(now + clock_offset(route), quota.window) * 1000
            counters.charge(_name(route, quota), start=start, weight=costs[quota.name])


def spent(route: Route, *, now: datetime) -> dict[str, tuple[int | None, int]]:
    """Used and limit by quota per IP, in the running window. None is used: it is not known."""
    quotas = [quota for quota in catalogue.exchange(route.exchange_id).quotas if not quota.is_per_key]
    at = now + clock_offset(route)
    places = [(_name(route, quota), window_start(at, quota.window) * 1000) for quota in quotas]
    return {quota.name: (used, quota.limit) for quota, used in zip(quotas, counters.spent(places), strict=True)}


def spent_by(*, exchange_id: str, environment: str, egress: str, now: datetime) -> dict[str, tuple[int | None, int]]:
    """`spent` of what has no way out from here: rows, and egresses that are no longer configured."""
    return spent(Route(exchange_id=exchange_id, environment=Environment(environment), egress=egress), now=now)


def _granted(asks: list[Ask], wanted: int) -> Grant:
    if not asks or wanted <= 0:
        return Grant(units=max(0, wanted))
    return counters.take(asks, wanted) or alone.take(asks, wanted)


def _release(grant: Grant, weights: Sequence[int], *, after: datetime | None) -> None:
    """Takes a weight for each ask out of its windows that begin `after` then."""
    release = counters.release if grant.epochs else alone.release
    release(grant, weights, after=milliseconds(after) if after else 0)


def _quotas(route: Route, costs: Mapping[str, int], key: str) -> list[Quota]:
    quotas = catalogue.exchange(route.exchange_id).quotas
    return [quota for quota in quotas if costs.get(quota.name) and (key or not quota.is_per_key)]


def _ask(route: Route, quota: Quota, cost: int, limit: int, *, now: datetime, keep: Mapping[str, int], key: str) -> Ask:
    at = now + clock_offset(route)
    return Ask(
        name=_name(route, quota, key),
        quota=quota.name,
        at=milliseconds(at),
        starts=windows_of(quota, at - EDGE, at + SENT_WITHIN + EDGE),
        length=milliseconds(quota.window),
        cost=cost,
        limit=limit,
        keep=keep.get(quota.name, 0),
        assumed=_share().of(quota.limit) - _share().unproven(quota.limit),
        tells=bool(quota.used_header),
    )


def _name(route: Route, quota: Quota, key: str = "") -> str:
    # In braces is what Redis Cluster keeps on one node: a lane's counters are changed together.
    lane = f"{route.exchange_id}:{route.environment}:{route.egress}"
    return f"budget:{{{lane}}}:{quota.name}" + (f":{key}" if quota.is_per_key else "")


def _share() -> Share:
    return Share(for_others=settings.BUDGET_FOR_OTHERS)
