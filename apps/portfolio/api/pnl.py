"""Profit and loss: as a statement tells it, or that it is being calculated."""

import math
from collections.abc import Mapping
from datetime import date
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
from apps.core.query import Check, day, one_of, text
from apps.exchanges.models import Environment
from apps.ledger.api.rows import Money
from apps.portfolio import tasks
from apps.portfolio.api.asked import WHOSE, Asked, asked_by
from apps.portfolio.api.named import asset_of, refuse_unheard
from apps.portfolio.models import Statement
from apps.portfolio.services import statements
from apps.portfolio.services.content import Span
from apps.portfolio.services.pnl import Pnl, Sums, pnl
from apps.portfolio.services.statements import Sight
from apps.users.scopes import Scope

# Of a currency's worth: what is finer came out of a division.
STEP = Decimal("1e-12")
RETRY_AFTER = 5
# Of what is in no sum: enough to look for it. Counts are of all.
NAMED = 50


class Value(Money):
    """Of the statement's currency."""

    def to_representation(self, value: Any) -> str:
        return _text(value)


def _text(value: Decimal) -> str:
    return plain(value.quantize(STEP, ROUND_HALF_EVEN, EXACT)) if value else "0"


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
        return _told(sums)


class AssetSums(SumsRow):
    asset = serializers.CharField()

    def to_representation(self, row: Any) -> dict[str, Any]:
        return {"asset": row[0], **_told(row[1])}


class AccountSums(SumsRow):
    account_id = serializers.IntegerField()
    account = serializers.CharField()
    is_deleted = serializers.BooleanField(help_text="what happened to it still counts")

    def to_representation(self, row: Any) -> dict[str, Any]:
        account, sums = row
        whose = {"account_id": account.pk, "account": account.label, "is_deleted": account.archived_at is not None}
        return whose | _told(sums)


class DaySums(SumsRow):
    day = serializers.DateField()

    def to_representation(self, row: Any) -> dict[str, Any]:
        return {"day": row[0].isoformat(), **_told(row[1])}


def _told(sums: Sums) -> dict[str, str]:
    """By hand: a field of each of thousands of numbers would take longer than the sums."""
    return {"total": _text(sums.total)} | {item.value: _text(sums[item]) for item in Item}


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
    amount = Money(help_text="of that day together")
    count = serializers.IntegerField(help_text="times on that day")
    what = serializers.CharField(source="why")
    missing = serializers.CharField()


class MissingRow(serializers.Serializer):
    account_id = serializers.IntegerField()
    asset = serializers.CharField()
    missing = serializers.CharField()
    count = serializers.IntegerField()


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
    current = serializers.BooleanField(
        help_text="false: it is calculated anew, for what has happened since, or was priced"
    )
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
    gaps = GapRow(many=True, help_text=f"the first {NAMED} of what is in no sum, by day")
    gap_counts = MissingRow(many=True, help_text="of all that is in no sum")


class Calculating(serializers.Serializer):
    """`failed`: it could not be calculated, and is tried again from `again_at` on, when somebody asks."""

    state = serializers.ChoiceField(["calculating", "failed"])
    rows = serializers.IntegerField(help_text="of the ledger, that it is made from")
    error = serializers.CharField(help_text="why it failed; empty while it is calculated")
    again_at = serializers.DateTimeField(allow_null=True)


class ProfitAndLoss(APIView):
    """Realised by `method`, with fees, funding and income; what is held and cost; and what no history explains.

    Long histories are calculated by a worker, once for each change: until there is one to tell, the answer is 202.
    """

    scope = Scope.PORTFOLIO_READ
    parameters: Mapping[str, Check] = {
        **WHOSE,
        "asset": text,
        "method": one_of(Method),
        "since": day,
        "until": day,
    }

    @extend_schema(responses={200: PnlAnswer, 202: Calculating})
    def get(self, request: Request) -> Response:
        asked = asked_by(request, self.parameters)
        params = asked.params
        sight = sight_of(asked, Method(params.get("method", Method.FIFO)))
        if sight.statement.content is None:
            return calculating(sight)
        span = Span(
            accounts=accounts_of(asked),
            asset=asset_of(params.get("asset", ""), sight),
            since=_day(params.get("since")),
            until=_day(params.get("until")),
        )
        told = pnl(sight, span, now=now())
        refuse_unheard(span.asset, told)
        return Response(_answer(told, sight, span))


def sight_of(asked: Asked, method: Method, part: str = "days") -> Sight:
    """The statement that is asked for; a worker is asked for it where it is not current. Raises BadParameter."""
    sight = statements.statement_of(
        asked.one_workspace(),
        asked.environment,
        currency=asked.currency,
        method=method,
        is_at_par=asked.at_par,
        now=now(),
        part=part,
    )
    if sight.is_wanted and statements.ask(sight.statement, now()):
        _send(sight.statement)
    return sight


def _send(statement: Statement) -> None:
    """A message that is lost is sent again by who asks next, after a while."""
    try:
        tasks.keep_books.delay(statement_id=statement.pk)
    except OperationalError as problem:
        logger.warning("the broker does not answer; statement {} waits to be asked for: {}", statement.pk, problem)


def calculating(sight: Sight) -> Response:
    again_at = sight.again_at if sight.error else None
    state = "failed" if sight.error else "calculating"
    answer = {"state": state, "rows": sight.rows, "error": sight.error, "again_at": again_at}
    waits = max(RETRY_AFTER, math.ceil((again_at - now()).total_seconds())) if again_at else RETRY_AFTER
    return Response(Calculating(answer).data, status=status.HTTP_202_ACCEPTED, headers={"Retry-After": str(waits)})


def accounts_of(asked: Asked) -> frozenset[int]:
    """Those that were named; none: all, deleted ones too. No account has the id 0."""
    return frozenset(account.pk for account in asked.accounts) or frozenset({0}) if asked.is_narrowed else frozenset()


def _day(at: str | None) -> date | None:
    return date.fromisoformat(at) if at else None


def _answer(told: Pnl, sight: Sight, wanted: Span) -> dict[str, Any]:
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
        "gaps": told.gaps[:NAMED],
        "gap_counts": [
            {"account_id": account, "asset": asset, "missing": missing, "count": count}
            for (account, asset, missing), count in told.missing.items()
        ],
    }
    return PnlAnswer(row).data


def _fields(held: Any) -> dict[str, Any]:
    return {name: getattr(held, name) for name in ("amount", "cost", "without_cost", "unrealised")}
