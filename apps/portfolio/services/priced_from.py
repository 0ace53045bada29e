"""Which prices of the past there are, without reading them: while these are the same, so is what they tell.

Of each series of candles that may be needed, how far it has been read; which snapshots and published rates there are.
Of all that only what is near what happened: what comes after it changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Max, Min

from alphapulse.market import timeframes
from alphapulse.market.aliases import Aliases
from alphapulse.portfolio.past_prices import HUBS
from apps.market.models import CandleSeries, FiatRate, SeriesStatus
from apps.portfolio.models import Snapshot, Statement
from apps.portfolio.services.past_prices import AROUND, HOUR
from apps.portfolio.services.prices import PUBLISHED_FOR


class Needs(NamedTuple):
    """Of which assets prices are needed, and from when to when."""

    assets: frozenset[str]
    first_at: datetime
    last_at: datetime


class Known(NamedTuple):
    """`told`: what there is, to compare. `read_back`: symbols whose candles are still to come."""

    told: Sequence[Any]
    read_back: Sequence[str]


NOTHING = Known((), ())


class _Row(NamedTuple):
    """Of a series."""

    exchange_id: str
    symbol: str
    timeframe: str
    first_at: datetime | None
    last_at: datetime | None
    covered_from: datetime | None
    covered_to: datetime | None
    is_behind: bool
    due_at: datetime | None
    status: str


def needs_of(statement: Statement) -> Needs | None:
    """As it was calculated last; None: never, or nothing has happened."""
    kept = statement.content
    if not kept or not kept["first_at"]:
        return None
    assets = frozenset(asset for _, asset, _ in kept["moved"])
    return Needs(assets, datetime.fromisoformat(kept["first_at"]), datetime.fromisoformat(kept["last_at"]))


def known_prices(statement: Statement, needs: Needs | None, aliases: Aliases, pegs: Mapping[str, str]) -> Known:
    """For a statement of that currency."""
    if needs is None:
        return NOTHING
    series = _series(statement, needs, aliases, pegs)
    candles = [_told(row, needs) for rows in series.values() for row in rows if row.last_at]
    told = [sorted(candles), _snapshots(statement, needs), _rates(statement, needs)]
    return Known(told, sorted({row.symbol for row in _read_back(statement, needs, series, pegs)}))


# --- Candles ----------------------------------------------------------------------------------------------------------

# An exchange and its symbol; two of our own assets.
_Market = tuple[str, str]
_Pair = frozenset[str]


def _series(statement: Statement, needs: Needs, aliases: Aliases, pegs: Mapping[str, str]) -> dict[_Pair, list[_Row]]:
    """By pair of assets, whichever way round."""
    rows = CandleSeries.objects.filter(environment=statement.environment).exclude(symbol__contains=":").order_by()
    # Names of all, and the rest of a few: there may be thousands.
    markets = rows.values_list("exchange_id", "symbol").distinct()
    pairs = dict(_pairs(markets, statement.currency, needs, aliases, pegs))
    found: dict[_Pair, list[_Row]] = {}
    for row in map(_Row._make, rows.filter(symbol__in={symbol for _, symbol in pairs}).values_list(*_Row._fields)):
        if pair := pairs.get((row.exchange_id, row.symbol)):
            found.setdefault(pair, []).append(row)
    return found


def _pairs(
    markets: Iterable[_Market], currency: str, needs: Needs, aliases: Aliases, pegs: Mapping[str, str]
) -> Iterator[tuple[_Market, _Pair]]:
    """Those of which one is needed, or asked for, and the other is a money."""
    ours = {_named(asset, pegs) for asset in (*needs.assets, currency)}
    moneys = {_named(asset, pegs) for asset in (*HUBS, currency)}
    for exchange_id, symbol in markets:
        codes = symbol.partition("/")[::2]
        base, quote = (_named(aliases.meaning(exchange_id, code, needs.last_at)[0], pegs) for code in codes)
        if (base in ours and quote in moneys) or (base in moneys and quote in ours):
            yield (exchange_id, symbol), frozenset((base, quote))


def _named(asset: str, pegs: Mapping[str, str]) -> str:
    return pegs.get(asset, asset)


def _told(row: _Row, needs: Needs) -> list[str]:
    first = timeframes.floor(needs.first_at, row.timeframe)
    last = timeframes.ends(timeframes.floor(needs.last_at, row.timeframe), row.timeframe)
    known = row.first_at, row.covered_from, row.covered_to, row.last_at
    times = [at and min(max(at, first), last).isoformat() for at in known]
    return [row.exchange_id, row.symbol, row.timeframe, *(at or "" for at in times)]


def _read_back(
    statement: Statement, needs: Needs, series: Mapping[_Pair, Sequence[_Row]], pegs: Mapping[str, str]
) -> Iterator[_Row]:
    """Of the way that each asset's price will come: straight, else by the first hub by which there is one."""
    money = _named(statement.currency, pegs)
    for asset in {_named(asset, pegs) for asset in needs.assets} - {money}:
        ways = [[{asset, money}], *([{asset, hub}, {hub, money}] for hub in (_named(each, pegs) for each in HUBS))]
        whole = (way for way in ways if all(frozenset(pair) in series for pair in way))
        for pair in next(whole, []):
            yield from (row for row in series[frozenset(pair)] if _is_awaited(row, needs))


def _is_awaited(row: _Row, needs: Needs) -> bool:
    is_read = row.is_behind and row.due_at is not None and row.status != SeriesStatus.NOT_OFFERED
    return is_read and (row.covered_from is None or row.covered_from > needs.first_at)


# --- What is published, and what we knew ourselves ------------------------------------------------------------------


def _snapshots(statement: Statement, needs: Needs) -> list[str]:
    """Of another currency, near what happened."""
    begin, end = timeframes.floor(needs.first_at, HOUR), timeframes.floor(needs.last_at, HOUR) + timedelta(hours=2)
    taken = Snapshot.objects.filter(workspace=statement.workspace_id, environment=statement.environment)
    near = taken.filter(taken_at__gte=begin, taken_at__lt=end).exclude(currency=statement.currency)
    return _counted(near.aggregate(Max("pk")))


def _rates(statement: Statement, needs: Needs) -> list[str]:
    days = (needs.first_at - AROUND).date() - PUBLISHED_FOR, (needs.last_at + AROUND).date()
    wanted = {*needs.assets, statement.currency, *HUBS}
    rates = FiatRate.objects.filter(published_on__range=days, currency__in=wanted, base__in=wanted)
    return _counted(rates.aggregate(Count("pk"), Min("pk"), Max("pk")))


def _counted(told: Mapping[str, object]) -> list[str]:
    return [str(value) for _, value in sorted(told.items())]


def in_words(read_back: Iterable[str]) -> Iterator[str]:
    """Why what is told may be told better soon."""
    if symbols := list(read_back):
        named = ", ".join(symbols[:5]) + (f" and {len(symbols) - 5} more" if len(symbols) > 5 else "")
        yield f"Candles of {named} are still being read: what happened is valued anew as they come."
