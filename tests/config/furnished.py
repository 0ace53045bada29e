"""A market that has one of everything: what questions about it can be about."""

from datetime import datetime, timedelta
from decimal import Decimal

from alphapulse import types
from apps.market.models import FeatureSeries, Market, QuarantinedValue, Ticker
from apps.market.services import feature_work, features, series_of, store_candles, watch
from apps.portfolio.services import prices

WHERE = {"exchange_id": "binance", "environment": "sandbox", "symbol": "BTC/USDT"}
CANDLES = WHERE | {"timeframe": "1h"}
FEATURE = "an_hour"
HOUR = timedelta(hours=1)


def furnish_market(at: datetime) -> None:
    """Forty hours of candles until now but for one of them, and what is made of them; a price, and one in doubt."""
    Market.objects.create(
        **WHERE,
        market_id="BTCUSDT",
        type="spot",
        base="BTC",
        quote="USDT",
        is_active=True,
        is_inverse=False,
        price_tick="0.01",
    )
    Ticker.objects.create(**WHERE, last="60000", bid="60000", ask="60001", as_of=at)
    QuarantinedValue.objects.create(
        **WHERE, reason="jump", last="90000", known="60000", detail="It jumped.", first_at=at, seen_at=at
    )
    watch("pinned", exchange_id="binance", environment="sandbox", symbols=[("BTC/USDT", "1h")], now=at)
    newest = at.replace(minute=0, second=0, microsecond=0)
    candles = [candle(newest - hours * HOUR, 60_000 + hours, is_closed=hours > 0) for hours in range(40) if hours != 7]
    store_candles(series_of(**CANDLES), candles)
    features.define(name=FEATURE, function="returns", parameters={"bars": 1}, timeframe="1h")
    features.follow()
    feature_work.compute_on(FeatureSeries.objects.get().pk)
    prices.forget()


def candle(opened_at: datetime, close: int, *, is_closed: bool) -> types.Candle:
    price = Decimal(close)
    return types.Candle(
        symbol="BTC/USDT",
        timeframe="1h",
        opened_at=opened_at,
        open=price,
        high=price + 1,
        low=price - 1,
        close=price,
        volume=Decimal("1.5"),
        is_closed=is_closed,
    )
