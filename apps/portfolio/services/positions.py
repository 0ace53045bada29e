"""Positions beside prices of now: what an exchange says they have earned is as old as its answer."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from alphapulse.portfolio.contracts import follows_its_price, is_inverse
from alphapulse.portfolio.prices import FRESH_FOR
from alphapulse.portfolio.valuation import notional_at, unrealized_pnl
from alphapulse.types import PositionSide
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Position
from apps.portfolio.services.prices import Mark, Prices

# The exchange's word stands beside prices that are no more than so much newer: positions are read every 30 seconds,
# prices every 15.
TOGETHER = timedelta(minutes=1)
# And while its market has not moved by more than this in between: by less a mark and a last trade may differ anyway.
MOVED = Decimal("0.02")


class Looked(NamedTuple):
    """A position as it is at prices of now. `why_stale`: in words, why it may be as it was; `""`: it is not."""

    position: Position
    why_stale: str


def looked_at(
    accounts: Sequence[ExchangeAccount], readings: Iterable[int], prices: Prices, now: datetime
) -> list[Looked]:
    """The positions of these readings."""
    counting = set(readings)
    rows = Position.objects.filter(reading__account__in=accounts).select_related("reading").order_by("pk")
    mine = [row for row in rows if row.reading_id in counting]
    at = {account.pk: account.exchange_id for account in accounts}
    return [_looked(row, prices.marks.get((at[row.reading.account_id], row.symbol)), now) for row in mine]


def earned_by(position: Position) -> Decimal | None:
    """Its unrealised PnL in its settle currency: as the exchange says, or from its prices; None: unknown."""
    if position.unrealized_pnl is not None:
        return position.unrealized_pnl
    return unrealized_pnl(
        side=PositionSide(position.side),
        contracts=position.contracts,
        contract_size=position.contract_size,
        entry_price=position.entry_price,
        mark_price=position.mark_price,
        is_inverse=is_inverse(position.symbol),
    )


def _looked(position: Position, mark: Mark | None, now: datetime) -> Looked:
    as_of = position.reading.as_of or datetime.min.replace(tzinfo=now.tzinfo)
    # Newer than the prices, too: coins beside it are worth what these say, and both are to be of one moment.
    has_moved = bool(mark and _has_moved(position, mark))
    if mark and (has_moved or mark.as_of - as_of > TOGETHER) and _is_known_to_follow(position):
        return Looked(_at_price(position, mark.price), "")
    if has_moved or now - as_of > FRESH_FOR:
        return Looked(position, f"what {position.symbol} has earned is of another time than the prices beside it")
    return Looked(position, "")


def _has_moved(position: Position, mark: Mark) -> bool:
    then = position.mark_price
    return bool(then) and abs(mark.price - then) > then * MOVED


def _is_known_to_follow(position: Position) -> bool:
    return bool(follows_its_price(position.symbol) and position.entry_price and position.contract_size)


def _at_price(position: Position, price: Decimal) -> Position:
    """The same row, for reading alone."""
    position.mark_price, position.unrealized_pnl = price, None
    position.notional = notional_at(
        price,
        contracts=position.contracts,
        contract_size=position.contract_size,
        is_inverse=is_inverse(position.symbol),
    )
    return position
