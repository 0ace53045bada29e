"""What exchanges say an account has, on the wire: money as plain strings, times as ISO 8601 UTC."""

from typing import Any

from rest_framework import serializers

from alphapulse.money import plain
from apps.ledger.models import WalletReading


class Money(serializers.Field):
    """`"0.00000001"`, never `1E-8` and never a float; null is unknown."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Any) -> str:
        return plain(value)


class Whose(serializers.Serializer):
    """What every row that came from an exchange says of its origin and its age, as of the context's `now`."""

    def to_representation(self, row: Any) -> dict[str, Any]:
        reading: WalletReading = row if isinstance(row, WalletReading) else row.reading
        reason = reading.stale_reason(self.context["now"])
        return {
            "account_id": reading.account_id,
            "account": reading.account.label,
            "exchange_id": reading.account.exchange_id,
            "environment": reading.account.environment,
            "wallet": reading.wallet,
            **super().to_representation(row),
            "as_of": _time(reading.as_of),
            "stale": bool(reason),
            "stale_reason": reason,
        }


class WalletRow(Whose):
    status = serializers.CharField()
    error = serializers.CharField()


class BalanceRow(Whose):
    asset = serializers.CharField(source="currency")
    free = Money()
    used = Money()
    total = Money()
    debt = Money()


class PositionRow(Whose):
    symbol = serializers.CharField()
    side = serializers.CharField()
    contracts = Money()
    contract_size = Money()
    notional = Money()
    entry_price = Money()
    mark_price = Money()
    unrealized_pnl = Money()
    leverage = Money()
    liquidation_price = Money()
    margin_mode = serializers.CharField()


class OrderRow(Whose):
    order_id = serializers.CharField()
    client_order_id = serializers.CharField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    type = serializers.CharField()
    status = serializers.CharField()
    amount = Money()
    filled = Money()
    remaining = Money()
    price = Money()
    average = Money()
    cost = Money()
    trigger_price = Money()
    exchange_at = serializers.DateTimeField()


def _time(at: Any) -> str | None:
    return serializers.DateTimeField().to_representation(at) if at else None
