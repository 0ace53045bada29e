"""What is held is watched, and the money that it is told in: the candles of these markets are read."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from alphapulse.exchanges import catalogue
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Balance, Position
from apps.market import services as market
from apps.market.models import WatchSource
from apps.users.services.preferences import base_currencies

# Enough for a curve of worth and for most indicators; what needs finer ones pins them.
TIMEFRAMES = ("1h", "1d")
# Where the usual quote has no market with a coin, another may.
BESIDE = ("USDT", "USDC", "USD", "EUR", "BTC")


def watch_held(account_ids: Iterable[int], now: datetime) -> None:
    """After these accounts were read: the symbols of all that is held at their exchanges, and of what that is worth."""
    accounts = ExchangeAccount.objects.filter(pk__in=list(account_ids))
    for exchange_id, environment in sorted(set(accounts.values_list("exchange_id", "environment"))):
        symbols = [(symbol, timeframe) for symbol in _held(exchange_id, environment) for timeframe in TIMEFRAMES]
        market.watch(WatchSource.HELD, exchange_id=exchange_id, environment=environment, symbols=symbols, now=now)


def _held(exchange_id: str, environment: str) -> set[str]:
    """Positions' own symbols, and of each coin its market with the first quote that it is traded in."""
    accounts = ExchangeAccount.objects.filter(exchange_id=exchange_id, environment=environment, is_enabled=True)
    held = {"reading__account__in": accounts}
    positions = set(Position.objects.filter(**held).order_by().values_list("symbol", flat=True))
    coins = set(Balance.objects.filter(**held, total__gt=0).order_by().values_list("currency", flat=True))
    priced = market.priced_by(exchange_id, environment, coins, _quotes(exchange_id))
    moneys = base_currencies(set(accounts.order_by().values_list("workspace", flat=True)))
    return {*positions, *priced.values(), *_moneys(exchange_id, environment, moneys)}


def _moneys(exchange_id: str, environment: str, moneys: Collection[str]) -> Iterator[str]:
    """What the exchange's own money costs in what people look in, either way round: all the rest follows from it."""
    quotes = _quotes(exchange_id)
    told = market.priced_by(exchange_id, environment, set(moneys).difference(quotes[:1]), quotes[:1])
    yield from told.values()
    for money in set(moneys).difference(quotes[:1], told):
        yield from market.priced_by(exchange_id, environment, quotes[:1], [money]).values()


def _quotes(exchange_id: str) -> list[str]:
    return list(dict.fromkeys([catalogue.exchange(exchange_id).quote_currency, *BESIDE]))
