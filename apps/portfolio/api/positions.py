"""Positions, and what they are worth in the reader's currency."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers

from alphapulse.portfolio.contracts import settles_in
from alphapulse.portfolio.valuation import worth_of
from apps.core.query import Check, one_of
from apps.ledger.api.rows import Money, PositionPage, PositionRow
from apps.ledger.api.views import Positions
from apps.ledger.models import Position
from apps.portfolio.services.prices import prices_of
from apps.portfolio.services.valuation import earned_by
from apps.users.models import BASE_CURRENCIES
from apps.users.services.preferences import settings_of


class ValuedPositionRow(PositionRow):
    """Beside what the exchange says, and in `currency`: how large it is, and what it has earned."""

    settle = serializers.CharField()
    currency = serializers.CharField()
    notional_value = Money()
    unrealized_pnl_value = Money()

    def to_representation(self, row: Position) -> dict[str, Any]:
        row.settle, row.currency = settles_in(row.symbol), self.context["currency"]
        row.notional_value = self._worth(row, row.notional)
        row.unrealized_pnl_value = self._worth(row, earned_by(row))
        return super().to_representation(row)

    def _worth(self, row: Position, amount: Decimal | None) -> Decimal | None:
        account = row.account
        prices = prices_of(account.environment, now=self.context["now"], at_par=self.context["at_par"])
        asset, pieces = prices.aliases.meaning(account.exchange_id, row.settle, self.context["now"])
        price = prices.book.price(asset, row.currency, near=account.exchange_id)
        worth = worth_of(amount, price)
        return None if worth is None else worth * pieces


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

    def get_serializer_context(self) -> dict[str, Any]:
        mine = settings_of(self.request.user)
        currency = self.asked.get("currency", mine.base_currency)
        return super().get_serializer_context() | {"currency": currency, "at_par": mine.stablecoins_at_par}
