"""What something was worth when it happened, out of rows."""

from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.market.aliases import Aliases
from alphapulse.portfolio.bookings import of_entries, of_trade
from alphapulse.types import Candle
from apps.market.models import Asset, AssetAlias, FiatRate
from apps.market.services import series_of, store_candles
from apps.market.services.assets import known_aliases
from apps.portfolio.models import Snapshot
from apps.portfolio.services import past_prices
from tests.alphapulse.portfolio.happenings import day, entry, trade
from tests.apps.builders import workspace

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

HALF_AN_HOUR = 1 / 48


def candles(symbol, timeframe, *opens, on=2.0, step=timedelta(hours=1)):
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


def prices(*bookings, currency="USDT", pegs=None, aliases=None):
    return past_prices.past_prices(bookings, workspace(), "sandbox", currency, aliases or Aliases(()), pegs or {})


def reward(words, on):
    return list(of_entries(1, [entry("reward", words, on)]))


def test_the_candle_that_opens_nearest_tells(monkeypatch):
    candles("BNB/USDT", "1h", "500", "600", "700", "800")
    [early, late] = [reward("1 BNB", 2 + hours / 24)[0] for hours in (0.2, 0.9)]
    for few in (3000, 1):
        monkeypatch.setattr(past_prices, "FEW", few)
        known = prices(early, late)
        assert [known.price("BNB", "USDT", each.at).value for each in (early, late)] == [500, 600]
    assert known.price("BNB", "USDT", early.at).sources == ("binance BNB/USDT 1h",)


def test_finer_candles_tell_where_there_are_no_hourly_ones():
    candles("BNB/USDT", "15m", *(["500"] * 4 + ["600"] * 4), step=timedelta(minutes=15))
    [booking] = reward("1 BNB", 2 + HALF_AN_HOUR)
    assert prices(booking).price("BNB", "USDT", day(2)).value == 500


def test_a_fill_tells_its_own_price():
    [booking] = of_trade(1, trade("buy 2 at 70", 2))
    assert prices(booking).price("BTC", "USDT", day(2)).value == 70


def test_prices_are_of_our_own_names():
    """At an exchange where 1000SATS are a thousand."""
    candles("1000SATS/USDT", "1h", "5")
    sats = Asset.objects.get_or_create(code="SATS")[0]
    AssetAlias.objects.get_or_create(
        exchange_id="binance", code="1000SATS", defaults={"asset": sats, "multiplier": Decimal(1000)}
    )
    [booking] = reward("3000 SATS", 2)
    assert prices(booking, aliases=known_aliases()).price("SATS", "USDT", day(2)).value == Decimal("0.005")


def test_a_published_rate_stands_until_the_next_one():
    for on, rate in ((2, "1.1"), (5, "1.2")):
        FiatRate.objects.create(source="ecb", base="EUR", currency="USD", rate=rate, published_on=day(on).date())
    known = [prices(*reward("1 EUR", on), currency="USD").price("EUR", "USD", day(on)) for on in (4.5, 5.9, 40)]
    assert [price and price.value for price in known] == [Decimal("1.1"), Decimal("1.2"), None]


def test_our_own_snapshots_tell_what_their_currency_was():
    Snapshot.objects.create(
        workspace=workspace(),
        environment="sandbox",
        taken_at=day(2),
        currency="USDT",
        is_complete=True,
        rates={"USD": "0.99"},
    )
    [booking] = of_trade(1, trade("buy 2 at 100", 2))
    assert prices(booking, currency="USD").price("BTC", "USD", day(2)).value == 99


def test_nothing_that_happened_needs_no_price():
    assert prices().price("BTC", "USDT", day(2)) is None


def test_a_rate_of_the_day_stands_beside_an_hours_candle():
    """EUR/USDT of ten o'clock, and what the ECB told at three."""
    candles("EUR/USDT", "1h", "1.1", "1.1", on=2 + 10 / 24)
    FiatRate.objects.create(source="ecb", base="EUR", currency="TRY", rate="44", published_on=day(2).date())
    [booking] = reward("1 USDT", 2 + 10.2 / 24)
    assert prices(booking, currency="TRY").price("USDT", "TRY", booking.at).value == pytest.approx(Decimal(40))


def test_candles_of_an_hour_and_of_a_day_are_no_way_together():
    """BTC/EUR of midnight is nothing beside BTC/USDT of ten o'clock: both of midnight are."""
    candles("BTC/EUR", "1d", "50000", on=2)
    candles("BTC/USDT", "1h", "56700", on=2 + 10 / 24)
    [booking] = reward("1 USDT", 2 + 10.2 / 24)
    assert prices(booking, currency="EUR").price("USDT", "EUR", booking.at) is None
    candles("BTC/USDT", "1d", "54000", on=2)
    assert prices(booking, currency="EUR").price("USDT", "EUR", booking.at).value == pytest.approx(
        Decimal(50000) / Decimal(54000)
    )
