"""Rows and the market table: what it does not list is no fact yet, and sizes are its to tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.reading import Row
from alphapulse.money import optional_decimal
from alphapulse.types import FundingRate, Order, Position, Ticker

Markets = Mapping[str, Mapping[str, Any]]
# A listing of this minute must not cost all others their prices.
_PUBLIC = (FundingRate, Ticker)


def unlisted(rows: Sequence[Row], markets: Markets) -> list[str]:
    """Symbols that are not in the table: ccxt takes an id that it does not know for one, and guesses the rest."""
    return [row.symbol for row in rows if isinstance(row, (Order, Position, *_PUBLIC)) and row.symbol not in markets]


def as_listed(rows: Sequence[Row], markets: Markets) -> list[Row]:
    """The rows with the table's contract sizes. Raises BadResponse for orders and positions in unlisted markets.

    Prices of such markets are left out.
    """
    missing = unlisted(rows, markets)
    kept = [row for row in rows if not (isinstance(row, _PUBLIC) and row.symbol in missing)] if missing else rows
    if missing and (len(kept) == len(rows) or not kept):
        raise BadResponse(f"{missing[0]} is not in the market table, which is being loaded anew.")
    return [_sized(row, markets[row.symbol]) if isinstance(row, Position) else row for row in kept]


def _sized(position: Position, market: Mapping[str, Any]) -> Position:
    # Margin on a spot market: the volume is in the coin itself.
    size = Decimal(1) if market.get("spot") else optional_decimal(market.get("contractSize"))
    return replace(position, contract_size=size)
