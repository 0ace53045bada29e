"""What happens to accounts in tests, with as few words as possible."""

from datetime import UTC, datetime
from decimal import Decimal

from alphapulse.types import (
    FundingPayment,
    LedgerEntry,
    LedgerKind,
    Order,
    OrderStatus,
    Side,
    Trade,
    Transfer,
    TransferKind,
    TransferStatus,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def trade(
    trade_id: str, symbol: str = "BTC/USDT", *, at: datetime = NOON, amount: str = "1", price: str = "60000", **fields
) -> Trade:
    told = {
        "order_id": None,
        "side": Side.BUY,
        "cost": Decimal(amount) * Decimal(price),
        "fee": Decimal("0.01"),
        "fee_currency": "BNB",
        "is_maker": False,
    }
    return Trade(
        trade_id=trade_id,
        symbol=symbol,
        price=Decimal(price),
        amount=Decimal(amount),
        exchange_at=at,
        **(told | fields),
    )


def transfer(transfer_id: str, currency: str = "BTC", *, at: datetime = NOON, amount: str = "1", **fields) -> Transfer:
    told = {
        "kind": TransferKind.DEPOSIT,
        "fee": None,
        "fee_currency": None,
        "status": TransferStatus.OK,
        "from_wallet": None,
        "to_wallet": None,
        "network": None,
        "address": None,
        "txid": None,
    }
    return Transfer(
        transfer_id=transfer_id, currency=currency, amount=Decimal(amount), exchange_at=at, **(told | fields)
    )


def funding(
    payment_id: str, symbol: str = "BTC/USDT:USDT", *, at: datetime = NOON, amount: str = "-0.5"
) -> FundingPayment:
    return FundingPayment(payment_id=payment_id, symbol=symbol, currency="USDT", amount=Decimal(amount), exchange_at=at)


def entry(entry_id: str, currency: str = "BTC", *, at: datetime = NOON, amount: str = "0.001", **fields) -> LedgerEntry:
    told = {"kind": LedgerKind.REWARD, "reference": None} | fields
    return LedgerEntry(entry_id=entry_id, currency=currency, amount=Decimal(amount), exchange_at=at, **told)


def order(order_id: str, symbol: str = "BTC/USDT", *, at: datetime = NOON, **fields) -> Order:
    told = {
        "client_order_id": None,
        "side": Side.BUY,
        "type": "limit",
        "status": OrderStatus.CLOSED,
        "amount": Decimal(1),
        "filled": Decimal(1),
        "remaining": Decimal(0),
        "price": Decimal(60000),
        "average": None,
        "cost": None,
    }
    return Order(order_id=order_id, symbol=symbol, exchange_at=at, **(told | fields))
