from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Expression, Value
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from alphapulse.types import OrderStatus, PositionSide, Side, SyncKind
from apps.core.clock import now
from apps.core.pagination import Pages, TimePages
from apps.core.query import Check, checked_of_list, moment, one_of, text
from apps.exchanges.models import Environment
from apps.ledger.api.rows import (
    BalancePage,
    BalanceRow,
    OrderPage,
    OrderRow,
    PositionPage,
    PositionRow,
    Whose,
    origin_of,
    wallet_row,
)
from apps.ledger.api.unnarrowed import Unnarrowed
from apps.ledger.api.wallets import wallets_behind
from apps.ledger.models import Balance, Order, Position, ReadRow, ReadRowQuerySet
from apps.market.api.named import refuse_unheard
from apps.users.scopes import Scope

EPOCH = datetime.fromtimestamp(0, UTC)

WHOSE: Mapping[str, Check] = {
    "account": text,
    "exchange_id": text,
    "environment": one_of(Environment),
    "wallet": text,
}


class ReadRows(ListAPIView):
    """Rows of the caller's workspaces, and `wallets`: how current each of them is, and what could not be read.

    `complete` is false when a wallet that holds (or may hold) rows is missing or stale: unknown is not zero.
    """

    model: type[ReadRow]
    kind: SyncKind
    serializer_class: type[Whose]
    scope = Scope.PORTFOLIO_READ
    filters: Mapping[str, Check] = {}
    lookups: Mapping[str, str] = {}
    pagination_class = Pages
    # What else a page's place is told by.
    placed_by: Mapping[str, Expression] = {}

    @property
    def parameters(self) -> Mapping[str, Check]:
        return {**WHOSE, **self.filters}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.asked = checked_of_list(request.query_params, self.parameters)
        self.wallets = wallets_behind(request.user, self.kind, self.asked)
        at = now()
        origins = [origin_of(reading, at) for reading in self.wallets]
        pairs = list(zip(self.wallets, origins, strict=True))
        rows = self.paginate_queryset(self.get_queryset())
        if not rows:
            refuse_unheard(self.asked, ["symbol"])
        answer = {
            "complete": not any(reading.is_missing(at) for reading in self.wallets),
            "wallets": [wallet_row(reading, origin) for reading, origin in pairs],
            "next": self.paginator.get_next_link(),
            "previous": self.paginator.get_previous_link(),
            "results": self.told(rows, {reading.pk: origin for reading, origin in pairs}),
        }
        return Response(answer)

    def told(self, rows: Iterable[Sequence[Any]], origins: Mapping[int, dict[str, Any]]) -> Sequence[dict[str, Any]]:
        return self.serializer_class.told(rows, origins)

    def get_queryset(self) -> ReadRowQuerySet | Unnarrowed:
        # The wallets are the caller's own: nobody sees rows of any other.
        readings = [reading.pk for reading in self.wallets if reading.pk]
        narrowed = {self.lookups[name]: value for name, value in self.asked.items() if name in self.lookups}
        if readings and not narrowed:
            return Unnarrowed(type(self).rows_of, readings)
        return self.rows_of(readings).filter(**narrowed)

    @classmethod
    def rows_of(cls, readings: Any) -> ReadRowQuerySet:
        rows = cls.model.objects.filter(reading__in=readings).annotate(**cls.placed_by)
        return rows.values_list(*cls.serializer_class.sources(), *cls.placed_by, named=True)


@extend_schema_view(get=extend_schema(responses=BalancePage))
class Balances(ReadRows):
    """Filters: account (id or label), exchange_id, environment, wallet, asset."""

    model = Balance
    kind = SyncKind.BALANCES
    serializer_class = BalanceRow
    filters = {"asset": text}
    lookups = {"asset": "currency__iexact"}


@extend_schema_view(get=extend_schema(responses=PositionPage))
class Positions(ReadRows):
    """Filters: account (id or label), exchange_id, environment, wallet, symbol, side."""

    model = Position
    kind = SyncKind.POSITIONS
    serializer_class = PositionRow
    filters = {"symbol": text, "side": one_of(PositionSide)}
    lookups = {"symbol": "symbol__iexact", "side": "side"}


class OrderPages(TimePages):
    ordering = ("-at", "-pk")


@extend_schema_view(get=extend_schema(responses=OrderPage))
class Orders(ReadRows):
    """Open orders and those that ended, newest first. Filters: account (id or label), exchange_id, environment,
    wallet, symbol, side, status (open, closed, canceled, expired, rejected, unknown), since, until (exclusive)."""

    model = Order
    kind = SyncKind.ORDERS
    serializer_class = OrderRow
    pagination_class = OrderPages
    filters = {"symbol": text, "side": one_of(Side), "status": one_of(OrderStatus), "since": moment, "until": moment}
    lookups = {
        "symbol": "symbol__iexact",
        "side": "side",
        "status": "status",
        "since": "exchange_at__gte",
        "until": "exchange_at__lt",
    }

    # Few exchanges do not say when; a page's place cannot be nowhere.
    placed_by = {"at": Coalesce("exchange_at", Value(EPOCH))}
