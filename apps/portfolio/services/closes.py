"""Closing prices of assets in one money: for each asset of the market that tells most of it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from alphapulse.market.aliases import Aliases
from apps.market.models import CandleSeries
from apps.market.services import candles_of

NOTHING: Mapping[str, str] = {}
EARLY = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A market that tells what an asset costs."""

    exchange_id: str
    symbol: str
    first_at: datetime

    def closes(self, environment: str, timeframe: str, since: datetime, until: datetime) -> dict[datetime, Decimal]:
        """Of candles that are closed, by when they opened."""
        candles = candles_of(self.exchange_id, environment, self.symbol, timeframe, since, until)
        return {candle.opened_at: candle.close for candle in candles if candle.is_closed}


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
    one, and there the one that goes back furthest. `par`: what is taken for what it promises to be worth.
    """
    found: dict[str, Told] = {}
    moneys = {code for code in {money, *par} if par.get(code, code) == par.get(money, money)} | {par.get(money, money)}
    for asset, told in _told(environment, moneys, aliases, now):
        if asset not in found or _rank(told, own) < _rank(found[asset], own):
            found[asset] = told
    return found


def _told(environment: str, moneys: Collection[str], aliases: Aliases, now: datetime) -> Iterator[tuple[str, Told]]:
    known = CandleSeries.objects.filter(environment=environment, last_at__isnull=False).exclude(symbol__contains=":")
    for exchange_id, symbol, first_at in known.values_list("exchange_id", "symbol", "first_at"):
        base, _, quote = symbol.partition("/")
        if aliases.meaning(exchange_id, quote, now)[0] in moneys:
            asset, _pieces = aliases.meaning(exchange_id, base, now)
            yield asset, Told(exchange_id=exchange_id, symbol=symbol, first_at=first_at)


def _rank(told: Told, own: Collection[str]) -> tuple[bool, datetime, str, str]:
    return told.exchange_id not in own, told.first_at or EARLY, told.exchange_id, told.symbol


def closes_of(
    markets: Mapping[str, Told],
    assets: Collection[str],
    environment: str,
    timeframe: str,
    since: datetime,
    until: datetime,
) -> dict[str, dict[datetime, Decimal]]:
    """For each of the assets; none where no market tells."""
    return {
        asset: markets[asset].closes(environment, timeframe, since, until) if asset in markets else {}
        for asset in assets
    }
