"""What each sync leaves of an exchange's limits to others."""

from collections.abc import Mapping
from datetime import datetime
from math import ceil

from django.db.models import Min

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.route import Route
from alphapulse.exchanges.told import clock_offset
from alphapulse.resilience.budget import Quota, left_of_window
from alphapulse.types import ACCOUNT_KINDS, EXCHANGE_KINDS, HISTORY_KINDS, SyncKind
from apps.sync.models import SyncState, SyncStateQuerySet

# The part of each limit that syncs by the clock leave to those that people ask for: on Binance eight accounts' balances
# a minute.
BY_HAND = 0.03

# What reads on, step by step, leaves to the kinds that say what an account has now what those need; but not more than
# that part of a limit, or an account whose budget is short would never learn its past.
READ_ON = (*HISTORY_KINDS, SyncKind.SWEEP, SyncKind.CANDLES)
MOST_FOR_LIVE = 0.65
# And so much, at most, to what of it is asked for seldom: without, a long past would keep those wallets unread.
MOST_FOR_SELDOM = 0.1


def kept(route: Route, kind: SyncKind, for_people: float, now: datetime) -> Mapping[str, int]:
    """What accounts leave of each quota: for the exchange's prices and markets, which serve all, and for people; and
    histories, for what accounts have now. Of that only what the rest of the window needs: its beginning is spent.
    """
    if kind in EXCHANGE_KINDS:
        return {}
    facts = catalogue.exchange(route.exchange_id)
    keep = {
        quota.name: sum(_needs(facts, common, quota) for common in EXCHANGE_KINDS) + int(quota.limit * for_people)
        for quota in facts.quotas
    }
    if kind not in READ_ON:
        return keep
    # What accounts have is granted only where `keep` is left, even when prices and people have spent theirs: histories
    # that left it once would, with those, stand in the way.
    live, seldom = _for_live(facts, route, beside=keep), _for_seldom(facts, route)
    longer = _waiting_longer_than_candles(route, now) if kind is SyncKind.CANDLES else []
    return {
        quota.name: keep[quota.name]
        + _in_the_rest(live, quota, route, now)
        + max(_in_the_rest(seldom, quota, route, now), _dearest_seldom(facts, quota) if seldom[quota.name] else 0)
        + max((facts.costs(history).get(quota.name, 0) for history in longer), default=0)
        for quota in facts.quotas
    }


def _waiting_longer_than_candles(route: Route, now: datetime) -> list[SyncKind]:
    """Candles are cheap: granted out of every little that is left, they would leave none of it to histories that are
    dear. So they leave a step to each that is due for longer than they are.
    """
    due = _of_lane(route).filter(due_at__lte=now, kind__in=(*HISTORY_KINDS, SyncKind.CANDLES))
    since = dict(due.order_by().values_list("kind").annotate(since=Min("due_at")))
    candles = since.pop(SyncKind.CANDLES, now)
    return [SyncKind(kind) for kind, at in since.items() if at < candles]


def left_by_seldom(route: Route, keep: Mapping[str, int], now: datetime) -> Mapping[str, int]:
    """What reads that are seldom made leave of each quota: beside that, what all accounts need. None waits for them."""
    facts = catalogue.exchange(route.exchange_id)
    live = _for_live(facts, route, beside={})
    return {quota.name: keep.get(quota.name, 0) + _in_the_rest(live, quota, route, now) for quota in facts.quotas}


def _in_the_rest(needs: Mapping[str, int], quota: Quota, route: Route, now: datetime) -> int:
    """What a whole window needs, of the rest of the running one."""
    return ceil(needs[quota.name] * left_of_window(now + clock_offset(route), quota.window))


def _for_live(facts: Exchange, route: Route, *, beside: Mapping[str, int]) -> Mapping[str, int]:
    """What the lane's accounts need in each quota's window to be on time, as far as others have to leave it."""
    numbers = _accounts(facts, route)
    needs = {
        quota.name: beside.get(quota.name, 0)
        + sum(_needs(facts, kind, quota) * numbers[kind] for kind in ACCOUNT_KINDS)
        for quota in facts.quotas
    }
    return {quota.name: min(needs[quota.name], int(quota.limit * MOST_FOR_LIVE)) for quota in facts.quotas}


def _for_seldom(facts: Exchange, route: Route) -> Mapping[str, int]:
    """The same of what is asked for seldom: of each quota's window on average."""
    numbers = _accounts(facts, route)
    needs = {
        quota.name: sum(
            facts.costs(kind, [read.wallet]).get(quota.name, 0) * numbers[kind] * (quota.window / pause)
            for kind in ACCOUNT_KINDS
            for read in facts.reads.get(kind, ())
            if (pause := read.pause(is_empty=True))
        )
        for quota in facts.quotas
    }
    return {quota.name: min(ceil(needs[quota.name]), int(quota.limit * MOST_FOR_SELDOM)) for quota in facts.quotas}


def _dearest_seldom(facts: Exchange, quota: Quota) -> int:
    """So much has to be left for any of them to be asked at all, as far as it is theirs."""
    seldom = [(kind, read) for kind in ACCOUNT_KINDS for read in facts.reads.get(kind, ()) if read.is_seldom]
    dearest = max((facts.costs(kind, [read.wallet]).get(quota.name, 0) for kind, read in seldom), default=0)
    return min(dearest, int(quota.limit * MOST_FOR_SELDOM))


def _accounts(facts: Exchange, route: Route) -> Mapping[SyncKind, int]:
    """How many of the lane are kept in sync, by kind; no more than fill what there is."""
    states = _of_lane(route).filter(due_at__isnull=False)
    return {kind: states.filter(kind=kind)[: _enough(facts, kind)].count() for kind in ACCOUNT_KINDS}


def _of_lane(route: Route) -> SyncStateQuerySet:
    lane = {"exchange_id": route.exchange_id, "environment": route.environment.value, "egress": route.egress}
    return SyncState.objects.filter(**lane)


def _enough(facts: Exchange, kind: SyncKind) -> int:
    """So many accounts fill every quota's part that is left to them: more of them need not be counted."""
    fills = [
        ceil(quota.limit * MOST_FOR_LIVE / needs) for quota in facts.quotas if (needs := _needs(facts, kind, quota))
    ]
    return max(fills, default=0)


def _needs(facts: Exchange, kind: SyncKind, quota: Quota) -> int:
    """What one sync after the other takes of a quota's window; what is seldom asked for left out."""
    usual = [read.wallet for read in facts.reads.get(kind, ()) if not (read.every or read.every_when_empty)]
    return facts.costs(kind, usual).get(quota.name, 0) * ceil(quota.window / facts.intervals[kind])
