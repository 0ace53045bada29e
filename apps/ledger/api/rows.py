"""What exchanges say an account has, on the wire: money as plain strings, times as ISO 8601 UTC."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from alphapulse.types import OrderStatus, PositionSide, Side
from apps.core.money_field import Plain
from apps.core.rows import Money
from apps.exchanges.models import Environment
from apps.ledger.models import WalletReading, WalletStatus


class Origin(serializers.Serializer):
    """What `origin_of` says, for the schema."""

    account_id = serializers.IntegerField()
    account = serializers.CharField(help_text="its label")
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    wallet = serializers.CharField(allow_blank=True)
    as_of = serializers.DateTimeField(allow_null=True, help_text="true then, or later, by the exchange's clock")
    stale = serializers.BooleanField(help_text="it may no longer be true")
    stale_reason = serializers.CharField(allow_blank=True)


def origin_of(reading: WalletReading, now: datetime) -> dict[str, Any]:
    """What every row of a wallet says of where it came from, and of its age at that time."""
    reason = reading.stale_reason(now)
    return {
        "account_id": reading.account_id,
        "account": reading.account.label,
        "exchange_id": reading.account.exchange_id,
        "environment": reading.account.environment,
        "wallet": reading.wallet,
        "as_of": iso(reading.as_of),
        "stale": bool(reason),
        "stale_reason": reason,
    }


class Whose(serializers.Serializer):
    """A row with its origin, for the schema. `sources` asks for the rows, `told` tells them: DRF's own way, field by
    field of each row, takes ten times as long."""

    @classmethod
    def sources(cls) -> list[Any]:
        """What `values_list` is to give: a key, the reading, and each column as it is told, but for times."""
        fields = ((field.source or name, field) for name, field in cls._declared_fields.items())
        return ["pk", "reading_id", *(Plain(name) if isinstance(field, Money) else name for name, field in fields)]

    @classmethod
    def told(cls, rows: Iterable[Sequence[Any]], origins: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows of those `sources`, each with the origin of its reading."""
        names = list(cls._declared_fields)
        told = [{**origins[row[1]], **dict(zip(names, row[2:], strict=False))} for row in rows]
        for name, field in cls._declared_fields.items():
            if isinstance(field, serializers.DateTimeField):
                for row in told:
                    row[name] = iso(row[name])
        return told


class WalletRow(Whose):
    """How current a wallet is: what `wallet_row` says, for the schema."""

    status = serializers.ChoiceField(WalletStatus.values)
    error = serializers.CharField()


def wallet_row(reading: WalletReading, origin: dict[str, Any]) -> dict[str, Any]:
    return origin | {"status": reading.status, "error": reading.error}


class BalanceRow(Whose):
    """What a wallet holds of one currency."""

    asset = serializers.CharField(source="currency")
    free = Money()
    used = Money()
    total = Money()
    debt = Money()


class PositionRow(Whose):
    """Exposure to one market."""

    symbol = serializers.CharField()
    side = serializers.ChoiceField([each.value for each in PositionSide])
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
    """An open order, or one that was seen to end."""

    order_id = serializers.CharField()
    client_order_id = serializers.CharField(allow_null=True)
    symbol = serializers.CharField()
    side = serializers.ChoiceField([each.value for each in Side])
    type = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField([each.value for each in OrderStatus])
    amount = Money()
    filled = Money()
    remaining = Money()
    price = Money()
    average = Money()
    cost = Money()
    trigger_price = Money()
    exchange_at = serializers.DateTimeField(allow_null=True)


class ReadPage(serializers.Serializer):
    """Some rows, and the state of all wallets behind them."""

    complete = serializers.BooleanField(help_text="false: a wallet is missing or stale, and a sum misses something")
    wallets = WalletRow(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


@extend_schema_serializer(many=False)
class BalancePage(ReadPage):
    results = BalanceRow(many=True)


@extend_schema_serializer(many=False)
class PositionPage(ReadPage):
    results = PositionRow(many=True)


@extend_schema_serializer(many=False)
class OrderPage(ReadPage):
    results = OrderRow(many=True)


def iso(at: datetime | None) -> str | None:
    """As DRF writes it; UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
