"""What a request to one of the futures' hosts asks about: its market, its window of time, how many rows."""

from collections.abc import Sequence
from typing import TypeVar

from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.clock import DAY_MS
from alphapulse.sandbox.markets import Market

Json = dict[str, object]
WALLET = "futures"
WEEK_MS = 7 * DAY_MS
Row = TypeVar("Row")


def market_of(request: Request, name: str = "symbol") -> Market:
    return market_named(request, request.params.required(name))


def market_named(request: Request, symbol: str) -> Market:
    market = request.exchange.markets.get(request.kind, symbol)
    if market is None:
        raise BinanceError(-1121, "Invalid symbol.")
    return market


def asked_markets(request: Request) -> list[Market]:
    """The one of `symbol`, or all."""
    if request.params.has("symbol"):
        return [market_of(request)]
    return list(request.exchange.markets.of(request.kind).values())


def time_of(request: Request, name: str) -> int | None:
    return request.params.required_int(name) if request.params.has(name) else None


def week_of(request: Request) -> tuple[int, int]:
    """startTime to endTime, seven days at most; one alone reaches seven days, none means the last seven."""
    start_ms, end_ms = time_of(request, "startTime"), time_of(request, "endTime")
    if start_ms is None and end_ms is None:
        return request.now_ms - WEEK_MS, request.now_ms + DAY_MS
    if start_ms is None:
        assert end_ms is not None
        return end_ms - WEEK_MS, end_ms
    if end_ms is None:
        return start_ms, start_ms + WEEK_MS
    if end_ms < start_ms:
        raise BinanceError(-1023, "Start time is greater than end time.")
    if end_ms - start_ms > WEEK_MS:
        raise BinanceError(-4165, "Invalid time interval, maximal interval for querying is 7 days.")
    return start_ms, end_ms


def window_of(request: Request) -> tuple[int, int | None]:
    """startTime (or the beginning) to endTime (or no end)."""
    start_ms, end_ms = time_of(request, "startTime"), time_of(request, "endTime")
    if start_ms is not None and end_ms is not None and end_ms < start_ms:
        raise BinanceError(-1023, "Start time is greater than end time.")
    return start_ms or 0, end_ms


def page_of(request: Request, rows: Sequence[Row], *, default: int, most: int, from_first: bool) -> list[Row]:
    """The latest rows, or the first ones when the question says where to begin. The order stays."""
    limit = request.params.integer("limit", default, most=most)
    return list(rows[:limit] if from_first else rows[-limit:])
