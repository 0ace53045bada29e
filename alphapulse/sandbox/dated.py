"""Contracts that end: the coming quarters of the biggest perpetuals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alphapulse.sandbox.markets import Market

_DATED = ("BTCUSDT", "ETHUSDT")
_QUARTER_MONTHS = (3, 6, 9, 12)
_DELIVERY_HOUR = 8


def dated_futures(perpetuals: Sequence[Market], now_ms: int, name: Callable[[Market, datetime], str]) -> list[Market]:
    """The quarter under way and the next one, nearest first; `name` is the exchange's way of calling them."""
    return [
        replace(
            market,
            id=name(market, datetime.fromtimestamp(delivery_ms / 1000, UTC)),
            index=len(perpetuals) + number,
            delivery_ms=delivery_ms,
        )
        for number, delivery_ms in enumerate(next_deliveries(now_ms))
        for market in perpetuals
        if market.id in _DATED
    ]


def next_deliveries(now_ms: int, count: int = 2) -> list[int]:
    """The coming last Fridays of a quarter, 08:00 UTC."""
    found: list[int] = []
    year = datetime.fromtimestamp(now_ms / 1000, UTC).year
    while len(found) < count:
        for month in _QUARTER_MONTHS:
            delivery_ms = _last_friday_ms(year, month)
            if delivery_ms > now_ms and len(found) < count:
                found.append(delivery_ms)
        year += 1
    return found


def _last_friday_ms(year: int, month: int) -> int:
    first_of_next = datetime(year + month // 12, month % 12 + 1, 1, _DELIVERY_HOUR, tzinfo=UTC)
    last_day = first_of_next - timedelta(days=1)
    friday = last_day - timedelta(days=(last_day.weekday() - 4) % 7)
    return int(friday.timestamp() * 1000)
