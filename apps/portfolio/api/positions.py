"""Positions, and what they are worth in the reader's currency."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers

from alphapulse.money import plain
from alphapulse.portfolio.contracts import settles_in
from alphapulse.portfolio.valuation import worth_of
from apps.core.clock import now
from apps.core.query import Check, one_of
from apps.ledger.api.rows import Money, PositionPage, PositionRow
from apps.ledger.api.views import Positions
from apps.ledger.models import Position
from apps.portfolio.services.positions import earned_by
from apps.portfolio.services.prices import Prices, prices_of
from apps.users.models import BASE_CURRENCIES
from apps.users.services.preferences import settings_of

# Of a position, told as text.
AMOUNTS = ("contracts", "contract_size", "notional", "entry_price", "mark_price", "unrealized_pnl")


class ValuedPositionRow(PositionRow):
    """Beside what the exchange says, and in `currency`: how large it is, and what it has earned."""

    settle = serializers.CharField()
    currency = serializers.CharField()
    notional_value = Money()
    unrealized_pnl_value = Money()

    @classmethod
    def sources(cls) -> list[str]:
        return PositionRow.sources()


@extend_schema_serializer(many=False)
class ValuedPositionPage(PositionPage):
    results = ValuedPositionRow(many=True)


@extend_schema_view(get=extend_schema(responses=ValuedPositionPage))
class ValuedPositions(Positions):
    """Filters: account (id or label), exchange_id, environment, wallet, symbol, side; currency: of the values."""

    serializer_class = ValuedPositionRow

    @property
    def parameters(self) -> Mapping[str, Check]:
        return {**super().parameters, "currency": one_of(BASE_CURRENCIES)}

    def told(self, rows: Iterable[Sequence[Any]], origins: Mapping[int, dict[str, Any]]) -> Sequence[Any]:
        mine, at = settings_of(self.request.user), now()
        currency = self.asked.get("currency", mine.base_currency)
        books = {
            environment: prices_of(environment, now=at, at_par=mine.stablecoins_at_par)
            for environment in {origin["environment"] for origin in origins.values()}
        }
        return [row | _valued(row, books[row["environment"]], currency, at) for row in PositionRow.told(rows, origins)]


def _valued(row: Mapping[str, Any], prices: Prices, currency: str, at: datetime) -> dict[str, Any]:
    amounts = {name: None if row[name] is None else Decimal(row[name]) for name in AMOUNTS}
    settle = settles_in(row["symbol"])
    asset, pieces = prices.aliases.meaning(row["exchange_id"], settle, at)
    price = prices.book.price(asset, currency, near=row["exchange_id"])
    worths = (worth_of(amount, price) for amount in (amounts["notional"], _earned(row, amounts)))
    notional, earned = (None if worth is None else plain(worth * pieces) for worth in worths)
    return {"settle": settle, "currency": currency, "notional_value": notional, "unrealized_pnl_value": earned}


def _earned(row: Mapping[str, Any], amounts: Mapping[str, Decimal | None]) -> Decimal | None:
    return earned_by(Position(symbol=row["symbol"], side=row["side"], **amounts))
