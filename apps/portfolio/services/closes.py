"""Closing prices of assets in one money: for each asset of the market that tells most of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from alphapulse.market.aliases import Aliases
from apps.market.models import CandleSeries
from apps.market.services import candles_of

NOTHING: Mapping[str, str] = {}
EARLY = datetime(1970, 1, 1, tzinfo=UTC)


Closes = dict[datetime, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A market that tells what an asset costs; `on`: in what another one tells the price of. `is_turned`: the other way
    round, EUR/USDT for what USDT costs."""

    exchange_id: str
    symbol: str
    first_at: datetime
    is_turned: bool = False
    on: "Told | None" = None

    def closes(self, environment: str, timeframe: str, since: datetime, until: datetime) -> Closes:
        """Of candles that are closed, by when they opened; on two markets of those that both have."""
        candles = candles_of(self.exchange_id, environment, self.symbol, timeframe, since, until)
        mine = {candle.opened_at: candle.close for candle in candles if candle.is_closed and candle.close}
        if self.is_turned:
            mine = {at: 1 / close for at, close in mine.items()}
        if self.on is None:
            return mine
        others = self.on.closes(environment, timeframe, since, until)
        return {at: close * others[at] for at, close in mine.items() if at in others}

    def __str__(self) -> str:
        mine = f"{self.symbol} at {self.exchange_id}"
        return mine if self.on is None else f"{mine}, {self.on}"


def markets_of(
    environment: str,
    money: str,
    *,
    own: Collection[str],
    aliases: Aliases,
    now: datetime,
    par: Mapping[str, str] = NOTHING,
) -> dict[str, Told]:
    """By asset, the market against `money` whose candles are asked for: at one of one's `own` exchanges where there is
    one, and there the one that goes back furthest. Where there is none, one against what has a market with the money.
    `par`: what is taken for what it promises to be worth.
    """
    pairs = list(_pairs(environment, aliases, now))
    moneys = {code for code in {money, *par} if par.get(code, code) == par.get(money, money)} | {par.get(money, money)}
    straight = _best(((base, told) for base, quote, told in pairs if quote in moneys), own)
    turned = _best(((quote, replace(told, is_turned=True)) for base, quote, told in pairs if base in moneys), own)
    hubs = turned | straight
    by_hub = _best(
        ((base, replace(told, on=hubs[quote])) for base, quote, told in pairs if quote in hubs and base not in moneys),
        own,
    )
    return by_hub | hubs


def _pairs(environment: str, aliases: Aliases, now: datetime) -> Iterator[tuple[str, str, Told]]:
    """Of which candles are kept: base and quote by our own names."""
    known = CandleSeries.objects.filter(environment=environment, last_at__isnull=False).exclude(symbol__contains=":")
    for exchange_id, symbol, first_at in known.values_list("exchange_id", "symbol", "first_at"):
        base, _, quote = symbol.partition("/")
        (asset, _pieces), (money, _coins) = (aliases.meaning(exchange_id, code, now) for code in (base, quote))
        yield asset, money, Told(exchange_id=exchange_id, symbol=symbol, first_at=first_at)


def _best(found: Iterable[tuple[str, Told]], own: Collection[str]) -> dict[str, Told]:
    best: dict[str, Told] = {}
    for asset, told in found:
        if asset not in best or _rank(told, own) < _rank(best[asset], own):
            best[asset] = told
    return best


def _rank(told: Told, own: Collection[str]) -> tuple[bool, datetime, str, str]:
    return told.exchange_id not in own, told.first_at or EARLY, told.exchange_id, told.symbol


def closes_of(
    markets: Mapping[str, Told],
    assets: Collection[str],
    environment: str,
    timeframe: str,
    since: datetime,
    until: datetime,
) -> dict[str, Closes]:
    """For each of the assets; none where no market tells."""
    return {
        asset: markets[asset].closes(environment, timeframe, since, until) if asset in markets else {}
        for asset in assets
    }
