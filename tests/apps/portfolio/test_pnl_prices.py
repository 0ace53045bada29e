"""What profit and loss are told of prices that are of other times, or that come later."""

from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.types import Candle
from apps.market.services import series_of, store_candles
from tests.alphapulse.portfolio.happenings import day, transfer
from tests.apps.api import get, logged_in
from tests.apps.builders import later
from tests.apps.pasts import tell_at_binance
from tests.apps.portfolio.holdings import holding, tell
from tests.apps.portfolio.ledgers import happen

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def at(monkeypatch):
    """Sets the clock so many seconds after noon."""
    tell_at_binance(monkeypatch)
    tell()

    def set_to(seconds):
        for place in ("api.pnl", "api.performance", "tasks"):
            monkeypatch.setattr(f"apps.portfolio.{place}.now", lambda: later(seconds))

    set_to(0)
    return set_to


def asked(**params):
    return get(logged_in(), "/api/portfolio/pnl", **({"environment": "sandbox", "currency": "EUR"} | params))


def candles(symbol, timeframe, *opens, on=2.0):
    step = timedelta(hours=1) if timeframe == "1h" else timedelta(days=1)
    series = series_of(exchange_id="binance", environment="sandbox", symbol=symbol, timeframe=timeframe)
    rows = [
        Candle(
            symbol=symbol,
            timeframe=timeframe,
            opened_at=day(on) + number * step,
            **dict.fromkeys(("open", "high", "low", "close"), Decimal(price)),
            volume=Decimal(1),
            is_closed=True,
        )
        for number, price in enumerate(opens)
    ]
    store_candles(series, rows)


def test_what_left_is_told_in_euros_by_prices_of_one_time():
    """5,000 USDT at ten: bitcoin was 50,000 euros or 54,000 dollars at midnight, and 56,700 dollars at ten."""
    happen(holding("main", USDT="0"), transfer("deposit 5000 USDT", 2 + 10.2 / 24))
    candles("BTC/EUR", "1d", "50000", "52000")
    candles("BTC/USDT", "1h", "56700", "56700", on=2 + 10 / 24)
    candles("BTC/USDT", "1d", "54000", "56160")
    answer = asked()
    assert Decimal(answer["totals"]["deposited"]) == pytest.approx(Decimal(5000) * 50000 / 54000)
    assert answer["price_sources"] == {"binance BTC/EUR 1d": 1, "binance BTC/USDT 1d": 1}
