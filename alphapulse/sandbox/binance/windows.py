"""Which times a `sapi` history is asked about, and which of its pages."""

from collections.abc import Sequence
from typing import TypeVar

from alphapulse.sandbox.binance.params import BinanceError
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.clock import DAY_MS

Row = TypeVar("Row")


def window(
    request: Request,
    *,
    most_days: int,
    default_days: int | None = None,
    names: tuple[str, str] = ("startTime", "endTime"),
) -> tuple[int, int]:
    """Both ends included. What is not sent lies `default_days` from what is, or from now."""
    start_ms, end_ms = (request.params.integer(name, 0) or None for name in names)
    reach_ms = (default_days or most_days) * DAY_MS
    if end_ms is None:
        end_ms = request.now_ms if start_ms is None else max(request.now_ms, start_ms)
        if start_ms is not None and default_days is not None:
            end_ms = start_ms + reach_ms
    if start_ms is None:
        start_ms = end_ms - reach_ms
    if end_ms < start_ms:
        raise BinanceError(-1102, f"Mandatory parameter '{names[1]}' was not sent, was empty/null, or malformed.")
    check_length(end_ms - start_ms, most_days)
    return start_ms, end_ms


def check_length(length_ms: int, most_days: int) -> None:
    if length_ms > most_days * DAY_MS:
        raise BinanceError(-1127, f"More than {most_days * 24} hours between startTime and endTime.")


def numbered_page(
    request: Request, rows: Sequence[Row], *, names: tuple[str, str] = ("current", "size"), default: int, most: int
) -> list[Row]:
    """The page asked for; pages count from 1."""
    page, size = request.params.integer(names[0], 1), request.params.integer(names[1], default, most=most)
    return list(rows[size * (page - 1) : size * page]) if page else []
