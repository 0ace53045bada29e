"""Profit and loss: as a statement tells it, or that it is being calculated."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from kombu.exceptions import OperationalError
from loguru import logger
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alphapulse.money import plain
from alphapulse.portfolio.books import Item
from alphapulse.portfolio.lots import EXACT, Method
from apps.core.clock import now
from apps.core.query import Check, checked, moment, number, one_of, text
from apps.exchanges.models import Environment
from apps.ledger.api.rows import Money
from apps.ledger.api.wallets import accounts_asked
from apps.portfolio import tasks
from apps.portfolio.models import Statement
from apps.portfolio.services import statements
from apps.portfolio.services.pnl import Asked, Pnl, pnl
from apps.portfolio.services.statements import Sight
from apps.users.api.permissions import workspace_for
from apps.users.models import BASE_CURRENCIES
from apps.users.scopes import Scope
from apps.users.services.preferences import settings_of

# Of a currency's worth: what is finer came out of a division.
STEP = Decimal("1e-12")
RETRY_AFTER = "5"
WHOSE: Mapping[str, Check] = {
    "workspace_id": number,
    "environment": one_of(Environment),
    "currency": one_of(BASE_CURRENCIES),
    "account": text,
}


class Value(Money):
    """Of the statement's currency."""

    def to_representation(self, value: Any) -> str:
        return plain(value.quantize(STEP, rounding=ROUND_HALF_EVEN, context=EXACT))


class SumsRow(serializers.Serializer):
    """What each item came to; `total` is of all but the last three."""

    total = Value()
    realised = Value(help_text="worth less cost of what was given away")
    contracts = Value(help_text="profits of contracts, as their exchange settled them")
    funding = Value()
    reward = Value()
    airdrop = Value()
    interest = Value()
    rebate = Value()
    fees = Value()
    other = Value()
    deposited = Value(help_text="from outside, at its worth then")
    withdrawn = Value(help_text="to the outside, at its worth then")
    withdrawn_cost = Value(help_text="what that had cost")

    def to_representation(self, sums: Any) -> dict[str, Any]:
        return super().to_representation({item.value: sums[item] for item in Item} | {"total": sums.total})


class AssetSums(SumsRow):
    asset = serializers.CharField()

    def to_representation(self, row: Any) -> dict[str, Any]:
        return {"asset": row[0], **SumsRow().to_representation(row[1])}


class AccountSums(SumsRow):
    account_id = serializers.IntegerField()
    account = serializers.CharField()
    is_deleted = serializers.BooleanField(help_text="what happened to it still counts")

    def to_representation(self, row: Any) -> dict[str, Any]:
        account, sums = row
        whose = {"account_id": account.pk, "account": account.label, "is_deleted": account.archived_at is not None}
        return whose | SumsRow().to_representation(sums)


class DaySums(SumsRow):
    day = serializers.DateField()

    def to_representation(self, row: Any) -> dict[str, Any]:
        return {"day": row[0].isoformat(), **SumsRow().to_representation(row[1])}


class HeldRow(serializers.Serializer):
    asset = serializers.CharField()
    amount = Money(help_text="of which the cost is known")
    cost = Value()
    without_cost = Money(help_text="acquired for a price that nobody knows")
    unrealised = Value(allow_null=True, help_text="null: it has no price now")


class ResidueRow(serializers.Serializer):
    account_id = serializers.IntegerField(source="account.pk")
    account = serializers.CharField(source="account.label")
    asset = serializers.CharField()
    symbol = serializers.CharField(help_text="of a position; empty for a balance")
    balance = Money(help_text="less debts; null: it could not be read")
    explained = Money(help_text="the sum of its history")
    residual = Money(help_text="what the history does not explain")


class GapRow(serializers.Serializer):
    at = serializers.DateTimeField()
    account_id = serializers.IntegerField(source="account")
    asset = serializers.CharField()
    amount = Money()
    what = serializers.CharField(source="why")
    missing = serializers.CharField()


class PnlAnswer(serializers.Serializer):
    workspace_id = serializers.IntegerField()
    environment = serializers.ChoiceField(Environment.choices)
    currency = serializers.CharField()
    method = serializers.ChoiceField([method.value for method in Method])
    since = serializers.DateField(allow_null=True)
    until = serializers.DateField(allow_null=True, help_text="exclusive")
    complete = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="why it is not complete")
    complete_since = serializers.DateTimeField(allow_null=True)
    made_at = serializers.DateTimeField(help_text="when it was calculated")
    current = serializers.BooleanField(help_text="false: something has happened since, and it is calculated anew")
    bookings = serializers.IntegerField()
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    own_transfers = serializers.IntegerField(help_text="recognised between own accounts, and no income")
    price_sources = serializers.DictField(child=serializers.IntegerField(), help_text="how often each was used")
    totals = SumsRow()
    assets = AssetSums(many=True)
    accounts = AccountSums(many=True)
    days = DaySums(many=True)
    held = HeldRow(many=True)
    residuals = ResidueRow(many=True)
    gaps = GapRow(many=True, help_text="the first of what is in no sum")


class Calculating(serializers.Serializer):
    state = serializers.ChoiceField(["calculating"])
    rows = serializers.IntegerField(help_text="of the ledger, that it is made from")


class ProfitAndLoss(APIView):
    """Realised by `method`, with fees, funding and income; what is held and cost; and what no history explains.

    Long histories are calculated by a worker, once for each change: until there is one to tell, the answer is 202.
    """

    scope = Scope.PORTFOLIO_READ
    parameters: Mapping[str, Check] = {
        **WHOSE,
        "asset": text,
        "method": one_of(Method),
        "since": moment,
        "until": moment,
    }

    @extend_schema(responses={200: PnlAnswer, 202: Calculating})
    def get(self, request: Request) -> Response:
        asked = checked(request.query_params, self.parameters)
        sight = sight_of(request, asked, Method(asked.get("method", Method.FIFO)))
        if sight.statement.content is None:
            return calculating(sight)
        wanted = Asked(
            accounts=accounts_of(request, asked, sight.statement),
            asset=asked.get("asset", ""),
            since=_day(asked.get("since")),
            until=_day(asked.get("until")),
        )
        return Response(_answer(pnl(sight.statement, wanted, is_current=sight.is_current, now=now()), sight, wanted))


def sight_of(request: Request, asked: Mapping[str, str], method: Method) -> Sight:
    """The statement that is asked for; a worker is asked for it where it is not current."""
    named = asked.get("workspace_id")
    workspace = workspace_for(request, int(named) if named else None, Scope.PORTFOLIO_READ)
    mine = settings_of(request.user)
    sight = statements.statement_of(
        workspace,
        asked.get("environment", Environment.LIVE),
        currency=asked.get("currency", mine.base_currency),
        method=method,
        is_at_par=mine.stablecoins_at_par,
        now=now(),
    )
    if not sight.is_current and statements.ask(sight.statement, now()):
        _send(sight.statement)
    return sight


def _send(statement: Statement) -> None:
    """A message that is lost is sent again by who asks next, after a while."""
    try:
        tasks.keep_books.delay(statement_id=statement.pk)
    except OperationalError as problem:
        logger.warning("the broker does not answer; statement {} waits to be asked for: {}", statement.pk, problem)


def calculating(sight: Sight) -> Response:
    answer = {"state": "calculating", "rows": sight.rows}
    return Response(answer, status=status.HTTP_202_ACCEPTED, headers={"Retry-After": RETRY_AFTER})


def accounts_of(request: Request, asked: Mapping[str, str], statement: Statement) -> frozenset[int]:
    """The account that was named; none: all, deleted ones too. Raises BadParameter."""
    if "account" not in asked:
        return frozenset()
    where = {"account": asked["account"], "environment": statement.environment}
    return frozenset(account.pk for account in accounts_asked(request.user, where)) or frozenset({0})


def _day(at: str | None) -> date | None:
    return datetime.fromisoformat(at).date() if at else None


def _answer(told: Pnl, sight: Sight, wanted: Asked) -> dict[str, Any]:
    statement, kept = told.statement, told.content
    row = {
        "workspace_id": statement.workspace_id,
        "environment": statement.environment,
        "currency": statement.currency,
        "method": statement.method,
        "since": wanted.since,
        "until": wanted.until,
        "complete": not told.reasons,
        "reasons": told.reasons,
        "complete_since": told.complete_since,
        "made_at": statement.made_at,
        "current": sight.is_current,
        "bookings": kept.bookings,
        "first_at": kept.first_at,
        "last_at": kept.last_at,
        "own_transfers": kept.own_transfers,
        "price_sources": kept.sources,
        "totals": told.sums,
        "assets": told.by_asset.items(),
        "accounts": told.by_account.items(),
        "days": told.by_day.items(),
        "held": [{"asset": asset, **_fields(held)} for asset, held in told.held.items()],
        "residuals": told.residues,
        "gaps": told.gaps,
    }
    return PnlAnswer(row).data


def _fields(held: Any) -> dict[str, Any]:
    return {name: getattr(held, name) for name in ("amount", "cost", "without_cost", "unrealised")}
