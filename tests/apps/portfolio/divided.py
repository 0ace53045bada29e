"""Somebody who holds coins, prices of them now, and what they did in the past."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from alphapulse import types
from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Balance, WalletReading, WalletStatus
from apps.market.models import Ticker
from apps.market.services import series_of, store_candles
from apps.portfolio.models import Proposal
from apps.portfolio.services import prices, proposals
from tests.apps import builders

PRICES = {"BTC": "60000", "ETH": "3000", "SOL": "150"}
DAY = timedelta(days=1)
QUESTION: dict[str, Any] = {
    "strategy": "equal_weight",
    "assets": [],
    "currency": "USDT",
    "timeframe": "1d",
    "days": 200,
    "weights": [],
    "constraints": {"least": 0.0, "most": 1.0, "bounds": [], "groups": [], "max_turnover": None},
    "views": [],
    "risk_free_rate": 0.0,
}


def holder(**amounts: str) -> ExchangeAccount:
    """An account with these coins, all of them priced."""
    account, at = builders.account(), now()
    # Every wallet that is read was read, and only one has something in it.
    for kind in ("balances", "positions"):
        for wallet in {read.wallet for read in account.reads(types.SyncKind(kind))}:
            WalletReading.objects.create(
                account=account, kind=kind, wallet=wallet, status=WalletStatus.OK, as_of=at, fresh_until=at + DAY
            )
    reading = WalletReading.objects.get(account=account, kind="balances", wallet="spot")
    for currency, total in amounts.items():
        Balance.objects.create(reading=reading, currency=currency, free=total, used="0", total=total, debt="0")
    for currency, price in PRICES.items():
        price_now(currency, price)
    prices.forget()
    return account


def price_now(currency: str, price: str) -> None:
    where = {"exchange_id": "binance", "environment": "sandbox", "symbol": f"{currency}/USDT"}
    Ticker.objects.create(**where, last=price, bid=price, ask=price, base_volume="1", as_of=now())


def past_of(*currencies: str, days: int = 200, missing: int | None = None, against: str = "USDT") -> None:
    """Daily candles until yesterday; `missing`: the day, counted from the first, that the exchange has none of."""
    for currency in currencies:
        chance, close = random.Random(currency), float(PRICES.get(currency, "1"))
        begin = now().replace(hour=0, minute=0, second=0, microsecond=0) - days * DAY
        candles = []
        for number in range(days):
            close *= 1 + chance.gauss(0.001, 0.03)
            if number != missing:
                candles.append(_candle(f"{currency}/{against}", begin + number * DAY, close))
        series = series_of(exchange_id="binance", environment="sandbox", symbol=f"{currency}/{against}", timeframe="1d")
        store_candles(series, candles)


def _candle(symbol: str, opened_at: datetime, close: float) -> types.Candle:
    price = Decimal(f"{close:.4f}")
    return types.Candle(
        symbol=symbol,
        timeframe="1d",
        opened_at=opened_at,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(1),
        is_closed=True,
    )


def asked(**question: Any) -> Proposal:
    """A proposal that the family has asked for, of what it holds at the sandbox."""
    of = builders.workspace("family")
    return proposals.ask(of, environment="sandbox", question=QUESTION | question, actor=None, at=now())
