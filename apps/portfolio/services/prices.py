"""The prices of an environment as one book: tickers by our own codes, and published rates where no market tells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from alphapulse.market.aliases import Aliases
from alphapulse.portfolio.prices import FRESH_FOR, PriceBook, Quote, guarded_mid
from apps.ledger.models import Position
from apps.market.models import FiatRate, Market, Ticker
from apps.market.services.assets import known_aliases, newest_fiat_rates, pegs

# A book is used for so long: prices come every 15 seconds, and thousands of rows make one.
KEPT_FOR = timedelta(seconds=5)
# Over a long weekend the newest rate is four days old.
PUBLISHED_FOR = timedelta(days=5)
# When the ECB publishes, about.
PUBLISHED_AT = time(15, 0, tzinfo=UTC)

COLUMNS = ("exchange_id", "symbol", "bid", "ask", "last", "base_volume", "quote_volume", "exchange_at", "as_of")


class Mark(NamedTuple):
    """What a contract costs."""

    price: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Prices:
    """`book` speaks of our own codes; `aliases` say what an exchange's codes are among them.

    `marks`: by exchange and symbol, what is held as positions.
    """

    book: PriceBook
    aliases: Aliases
    made_at: datetime
    marks: Mapping[tuple[str, str], Mark]


_kept: dict[tuple[str, bool], Prices] = {}


def prices_of(environment: str, *, now: datetime, at_par: bool = False) -> Prices:
    """Prices of this environment alone, at most five seconds old. `at_par`: stablecoins are what they promise to be."""
    kept = _kept.get((environment, at_par))
    if kept is None or not timedelta(0) <= now - kept.made_at < KEPT_FOR:
        kept = _kept[environment, at_par] = _made(environment, now, at_par)
    return kept


def forget() -> None:
    """The next one who asks reads the rows."""
    _kept.clear()


def _made(environment: str, now: datetime, at_par: bool) -> Prices:
    aliases = known_aliases()
    published = [_published(rate, now) for rate in newest_fiat_rates(now.date())]
    quotes = [*_market_quotes(environment, aliases, now), *published]
    return Prices(
        PriceBook(quotes, now=now, pegs=pegs() if at_par else None), aliases, now, dict(_marks(environment, now))
    )


def _marks(environment: str, now: datetime) -> Iterator[tuple[tuple[str, str], Mark]]:
    held = Position.objects.filter(reading__account__environment=environment).order_by().values("symbol")
    tickers = Ticker.objects.filter(environment=environment, symbol__in=held, as_of__gte=now - FRESH_FOR).usable()
    columns = ("exchange_id", "symbol", "bid", "ask", "last", "exchange_at", "as_of")
    for exchange_id, symbol, bid, ask, last, traded_at, as_of in tickers.values_list(*columns):
        if price := guarded_mid(bid=bid, ask=ask, last=last, traded_at=traded_at, as_of=as_of):
            yield (exchange_id, symbol), Mark(price, as_of)


def _market_quotes(environment: str, aliases: Aliases, now: datetime) -> Iterator[Quote]:
    halted = _halted(environment)
    # Spot alone: a contract's price has its funding in it.
    tickers = Ticker.objects.filter(environment=environment).exclude(symbol__contains=":").usable()
    for exchange_id, symbol, bid, ask, last, base_volume, quote_volume, traded_at, as_of in tickers.values_list(
        *COLUMNS
    ):
        price = guarded_mid(bid=bid, ask=ask, last=last, traded_at=traded_at, as_of=as_of)
        base, slash, quote = symbol.partition("/")
        if not price or not slash or (exchange_id, symbol) in halted:
            continue
        asset, pieces = aliases.meaning(exchange_id, base, now)
        money, coins = aliases.meaning(exchange_id, quote, now)
        if asset == money:
            continue
        yield Quote(
            base=asset,
            quote=money,
            price=price * coins / pieces,
            source=exchange_id,
            as_of=as_of,
            volume=_volume(base_volume, quote_volume, price, pieces),
        )


def _volume(base: Decimal | None, quote: Decimal | None, price: Decimal, pieces: Decimal) -> Decimal | None:
    volume = base if base is not None else quote and quote / price
    return None if volume is None else volume * pieces


def _halted(environment: str) -> set[tuple[str, str]]:
    """Spot markets that are listed and not traded. A symbol may have been listed twice."""
    markets = Market.objects.filter(environment=environment, type="spot")
    trading, halted = set(), set()
    for exchange_id, symbol, is_active in markets.values_list("exchange_id", "symbol", "is_active"):
        (trading if is_active else halted).add((exchange_id, symbol))
    return halted - trading


def _published(rate: FiatRate, now: datetime) -> Quote:
    return Quote(
        base=rate.base,
        quote=rate.currency,
        price=rate.rate,
        source=rate.source,
        # In summer it comes an hour earlier.
        as_of=min(datetime.combine(rate.published_on, PUBLISHED_AT), now),
        fresh_for=PUBLISHED_FOR,
        is_reference=True,
    )
