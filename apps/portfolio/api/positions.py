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

    @classmethod
    def sources(cls) -> list[str]:
        return PositionRow.sources()

    def to_representation(self, row: Mapping[str, Any]) -> dict[str, Any]:
        position, origin = Position(**row), self.context["origins"][row["reading_id"]]
        valued = {
            "settle": settles_in(position.symbol),
            "currency": self.context["currency"],
            "notional_value": self._worth(origin, position, position.notional),
            "unrealized_pnl_value": self._worth(origin, position, earned_by(position)),
        }
        return super().to_representation({**row, **valued})

    def _worth(self, origin: Mapping[str, Any], position: Position, amount: Decimal | None) -> Decimal | None:
        now, exchange_id = self.context["now"], origin["exchange_id"]
        prices = prices_of(origin["environment"], now=now, at_par=self.context["at_par"])
        asset, pieces = prices.aliases.meaning(exchange_id, settles_in(position.symbol), now)
        worth = worth_of(amount, prices.book.price(asset, self.context["currency"], near=exchange_id))
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
        told = {"currency": currency, "at_par": mine.stablecoins_at_par, "now": self.now}
        return super().get_serializer_context() | told
