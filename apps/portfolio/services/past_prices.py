"""Prices of the times at which something happened: of fills, candles, the ECB, and of our own snapshots."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from decimal import Context, Decimal
from itertools import chain, groupby
from typing import NamedTuple

from alphapulse.market import timeframes
from alphapulse.market.aliases import Aliases
from alphapulse.portfolio.bookings import Booking, Why
from alphapulse.portfolio.past_prices import HUBS, PastPrices, Told
from apps.market.models import Candle, CandleSeries, FiatRate
from apps.market.services import candles_of
from apps.portfolio.models import Snapshot
from apps.portfolio.services.prices import PUBLISHED_AT, PUBLISHED_FOR
from apps.users.models import Workspace

HOUR, DAY = "1h", "1d"
# Before the first and after the last that happened no price is looked for that is further away.
AROUND = timedelta(days=2)
# Candles that are asked for by their times, so many at once.
FEW, CHUNK = 3000, 500
# Of all candles, in their order.
MANY = 5000
_DIGITS = Context(prec=40)


class Asked(NamedTuple):
    """What prices are wanted of, in what, and when; by which names."""

    workspace: Workspace
    environment: str
    currency: str
    assets: Collection[str]
    times: Collection[datetime]
    # By timeframe: when the candles open in which something happened, and the next ones.
    near: Mapping[str, Collection[datetime]]
    aliases: Aliases

    @property
    def moneys(self) -> set[str]:
        return {self.currency, *HUBS}

    @property
    def since(self) -> datetime:
        return min(self.times) - AROUND

    @property
    def until(self) -> datetime:
        return max(self.times) + AROUND


def past_prices(
    bookings: Collection[Booking],
    workspace: Workspace,
    environment: str,
    currency: str,
    aliases: Aliases,
    pegs: Mapping[str, str],
) -> PastPrices:
    """Near what happened alone: years of candles would be millions of prices that nobody asks for."""
    if not bookings:
        return PastPrices((), pegs)
    times = {booking.at.replace(minute=0, second=0, microsecond=0) for booking in bookings}
    asked = Asked(
        workspace=workspace,
        environment=environment,
        currency=currency,
        assets={move.asset for booking in bookings for move in booking.moves},
        times=times,
        near={timeframe: _near(times, timeframe) for timeframe in (HOUR, DAY)},
        aliases=aliases,
    )
    return PastPrices(chain(_fills(bookings), _candles(asked), _published(asked), _snapshots(asked)), pegs)


def _fills(bookings: Iterable[Booking]) -> Iterator[Told]:
    known: defaultdict[tuple[str, str], list[tuple[datetime, Decimal]]] = defaultdict(list)
    for booking in bookings:
        if booking.why is Why.EXCHANGED and len(booking.worth) > 1 and booking.worth[1].amount:
            (quote, cost), (base, amount) = booking.worth
            known[base, quote].append((booking.at, _DIGITS.divide(cost, amount)))
    return (Told(*pair, "fills", prices) for pair, prices in known.items())


# --- Candles ----------------------------------------------------------------------------------------------------------


def _candles(asked: Asked) -> Iterator[Told]:
    """Of each pair, from one exchange: by the hour where they are kept, and by the day where they go further back."""
    series = CandleSeries.objects.filter(environment=asked.environment, last_at__isnull=False)
    series = series.exclude(symbol__contains=":").order_by("symbol", "first_at", "exchange_id", "pk")
    known: dict[tuple[str, str], list[CandleSeries]] = {}
    for row in series:
        pair = _pair(row, asked)
        if pair[0] in asked.moneys.union(asked.assets) and pair[1] in asked.moneys:
            known.setdefault(pair, []).append(row)
    for (asset, money), rows in sorted(known.items()):
        # 1000SATS and SATS are of one pair, and not of one price.
        same = [row for row in rows if (row.exchange_id, row.symbol) == (rows[0].exchange_id, rows[0].symbol)]
        yield from _told(asset, money, same, asked)


def _pair(row: CandleSeries, asked: Asked) -> tuple[str, str]:
    base, _, quote = row.symbol.partition("/")
    return tuple(asked.aliases.meaning(row.exchange_id, code, asked.until)[0] for code in (base, quote))  # type: ignore[return-value]


def _told(asset: str, money: str, rows: Collection[CandleSeries], asked: Asked) -> Iterator[Told]:
    one = next(iter(rows))
    base, _, quote = one.symbol.partition("/")
    pieces = asked.aliases.meaning(one.exchange_id, base, asked.until)[1]
    coins = asked.aliases.meaning(one.exchange_id, quote, asked.until)[1]
    for timeframe, opens in _opens(rows, asked):
        if coins != pieces:
            opens = ((opened_at, price * coins / pieces) for opened_at, price in opens)
        yield Told(asset, money, f"{one.exchange_id} {one.symbol} {timeframe}", opens)


def _opens(rows: Collection[CandleSeries], asked: Asked) -> Iterator[tuple[str, Iterable[tuple[datetime, Decimal]]]]:
    """By timeframe: when candles opened in which something happened, and at what price."""
    known = [row for row in rows if row.timeframe in (HOUR, DAY)]
    for row in known:
        yield row.timeframe, _opens_at(row, asked.near[row.timeframe])
    if not known:
        one, near = next(iter(rows)), asked.near[HOUR]
        candles = candles_of(one.exchange_id, asked.environment, one.symbol, HOUR, asked.since, asked.until)
        yield HOUR, [(candle.opened_at, candle.open) for candle in candles if candle.opened_at in near]


def _opens_at(series: CandleSeries, near: Collection[datetime]) -> Iterator[tuple[datetime, Decimal]]:
    """A few by their times, many out of all."""
    rows = Candle.objects.filter(series=series, timeframe=series.timeframe).order_by("opened_at")
    times = sorted(near)
    if len(times) > FEW:
        every = rows.filter(opened_at__range=(times[0], times[-1])).values_list("opened_at", "open")
        yield from (row for row in every.iterator(chunk_size=MANY) if row[0] in near)
        return
    for start in range(0, len(times), CHUNK):
        yield from rows.filter(opened_at__in=times[start : start + CHUNK]).values_list("opened_at", "open")


def _near(times: Collection[datetime], timeframe: str) -> set[datetime]:
    opened = {timeframes.floor(at, timeframe) for at in times}
    return opened | {timeframes.ends(at, timeframe) for at in opened}


# --- What is published, and what we knew ourselves ------------------------------------------------------------------


def _published(asked: Asked) -> Iterator[Told]:
    """A day without a rate has that of the last day that had one."""
    days = [asked.since.date() - PUBLISHED_FOR, asked.until.date()]
    wanted = asked.moneys.union(asked.assets)
    rates = FiatRate.objects.filter(published_on__range=days, currency__in=wanted, base__in=wanted)
    for _, rows in groupby(rates.order_by("base", "currency", "published_on"), lambda row: (row.base, row.currency)):
        known = list(rows)
        for row, after in zip(known, [*known[1:], None], strict=True):
            until = min(after.published_on if after else days[1], row.published_on + PUBLISHED_FOR)
            for days_later in range(max(1, (until - row.published_on).days)):
                day = row.published_on + timedelta(days=days_later)
                at = datetime.combine(day, time(PUBLISHED_AT.hour, tzinfo=PUBLISHED_AT.tzinfo))
                yield Told(row.base, row.currency, row.source, [(at, row.rate)], is_of_a_day=True)


def _snapshots(asked: Asked) -> Iterator[Told]:
    """What the snapshots' currency was in the one that is asked for, when they were taken."""
    taken = Snapshot.objects.filter(workspace=asked.workspace, environment=asked.environment)
    for at, currency, rates in taken.values_list("taken_at", "currency", "rates").iterator():
        if timeframes.floor(at, HOUR) in asked.near[HOUR] and asked.currency in rates:
            rate = _DIGITS.create_decimal(rates[asked.currency])
            yield Told(currency, asked.currency, "snapshots", [(at, rate)])
