"""Rows of one answer that share a name, and are not one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alphapulse.exchanges.errors import BadResponse
from alphapulse.exchanges.history import Event, key
from alphapulse.exchanges.twins import told_apart
from alphapulse.types import Side, Trade

AT = datetime(2026, 3, 1, tzinfo=UTC)
PURCHASE = Trade(
    trade_id="7",
    order_id="1",
    symbol="BTC/USDT",
    side=Side.BUY,
    price=Decimal(30000),
    amount=Decimal(1),
    cost=Decimal(30000),
    fee=None,
    fee_currency=None,
    is_maker=True,
    exchange_at=AT,
)
SALE = replace(PURCHASE, side=Side.SELL, order_id="2", is_maker=False)


def names(*events: Event) -> Sequence[tuple[str, Event]]:
    rows = [({"row": number}, event) for number, event in enumerate(events)]
    return [(key(event)[-1], event) for event in told_apart(rows, has_ids=True)]


@pytest.mark.parametrize("rows", [(PURCHASE, SALE), (SALE, PURCHASE)])
def test_who_trades_with_himself_has_a_purchase_and_a_sale_whatever_comes_first(rows):
    assert dict(names(*rows)) == {"7": PURCHASE, "7:2": replace(SALE, trade_id="7:2")}


def test_a_sale_alone_keeps_its_name():
    assert names(SALE) == [("7", SALE)]


def test_the_same_trade_twice_is_one():
    assert names(PURCHASE, PURCHASE, SALE, SALE) == [("7", PURCHASE), ("7:2", replace(SALE, trade_id="7:2"))]


def test_one_id_of_two_different_purchases_is_refused():
    with pytest.raises(BadResponse, match="BTC/USDT 7 twice, and differently"):
        names(PURCHASE, replace(PURCHASE, amount=Decimal(2)))
