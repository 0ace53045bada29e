"""What happened to accounts, newest first, and since when all of it is known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from alphapulse.types import LedgerKind, Side, SyncKind, TransferKind, TransferStatus
from apps.core.pagination import Pages, TimePages
from apps.core.query import Check, checked_of_list, moment, one_of, text
from apps.exchanges.models import Environment, ExchangeAccount
from apps.ledger.api.rows import Money, iso
from apps.ledger.api.wallets import accounts_asked
from apps.ledger.models import Event, FundingPayment, HistoryCursor, LedgerEntry, Trade, Transfer
from apps.ledger.services.coverage import Coverage, SourceCoverage, coverage
from apps.market.api.named import refuse_unheard
from apps.users.scopes import Scope

ACCOUNTS: Mapping[str, Check] = {"account": text, "exchange_id": text, "environment": one_of(Environment)}
TIMES: Mapping[str, Check] = {"since": moment, "until": moment}


class EventRow(serializers.Serializer):
    """`source`: the list of the exchange's that told it, or `import`."""

    account_id = serializers.IntegerField()
    account = serializers.CharField(source="account.label")
    exchange_id = serializers.CharField(source="account.exchange_id")
    environment = serializers.ChoiceField(Environment.choices, source="account.environment")
    source = serializers.CharField()
    exchange_at = serializers.DateTimeField()


class TradeRow(EventRow):
    trade_id = serializers.CharField()
    order_id = serializers.CharField(allow_null=True)
    symbol = serializers.CharField()
    side = serializers.ChoiceField([each.value for each in Side])
    price = Money()
    amount = Money()
    cost = Money()
    fee = Money()
    fee_currency = serializers.CharField(allow_null=True)
    is_maker = serializers.BooleanField(allow_null=True)


class TransferRow(EventRow):
    transfer_id = serializers.CharField()
    kind = serializers.ChoiceField([each.value for each in TransferKind])
    currency = serializers.CharField()
    amount = Money()
    fee = Money()
    fee_currency = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField([each.value for each in TransferStatus])
    from_wallet = serializers.CharField(allow_null=True)
    to_wallet = serializers.CharField(allow_null=True)
    network = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)
    txid = serializers.CharField(allow_null=True)


class FundingRow(EventRow):
    payment_id = serializers.CharField()
    symbol = serializers.CharField()
    currency = serializers.CharField()
    amount = Money()


class EntryRow(EventRow):
    entry_id = serializers.CharField()
    kind = serializers.ChoiceField([each.value for each in LedgerKind])
    currency = serializers.CharField()
    amount = Money()
    reference = serializers.CharField(allow_null=True)


class EventPage(serializers.Serializer):
    complete_since = serializers.DateTimeField(allow_null=True, help_text="from then on none is missing")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


@extend_schema_serializer(many=False)
class TradePage(EventPage):
    results = TradeRow(many=True)


@extend_schema_serializer(many=False)
class TransferPage(EventPage):
    results = TransferRow(many=True)


@extend_schema_serializer(many=False)
class FundingPage(EventPage):
    results = FundingRow(many=True)


@extend_schema_serializer(many=False)
class EntryPage(EventPage):
    results = EntryRow(many=True)


class Events(ListAPIView):
    """Rows of the caller's workspaces, newest first, and `complete_since`: from then on none of these is missing.

    It is null while that is not proven for one of the accounts: see `/api/exchange/history`.
    """

    model: type[Event]
    kind: SyncKind
    filters: Mapping[str, Check] = {}
    lookups: Mapping[str, str] = {}
    pagination_class = TimePages
    scope = Scope.PORTFOLIO_READ

    @property
    def parameters(self) -> Mapping[str, Check]:
        return {**ACCOUNTS, **TIMES, **self.filters}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.asked = checked_of_list(request.query_params, self.parameters)
        self.accounts = accounts_asked(request.user, self.asked)
        # Before the rows: what is complete by then is among them.
        known = [each.complete_since for each in coverage(self.accounts) if each.kind is self.kind]
        page = super().list(request, *args, **kwargs).data
        if not page["results"]:
            refuse_unheard(self.asked, ["symbol"])
        return Response({"complete_since": _latest(known), **page})

    def get_queryset(self) -> QuerySet[Event]:
        lookups = {"since": "exchange_at__gte", "until": "exchange_at__lt", **self.lookups}
        narrowed = {lookups[name]: value for name, value in self.asked.items() if name in lookups}
        return self.model.objects.filter(account__in=self.accounts, **narrowed).select_related("account")


def _latest(times: list[datetime | None]) -> str | None:
    known = [time for time in times if time]
    return iso(max(known)) if known and len(known) == len(times) else None


@extend_schema_view(get=extend_schema(responses=TradePage))
class Trades(Events):
    """Filters: account (id or label), exchange_id, environment, symbol, side, since, until (exclusive)."""

    model = Trade
    kind = SyncKind.TRADES
    serializer_class = TradeRow
    filters = {"symbol": text, "side": one_of(Side)}
    lookups = {"symbol": "symbol__iexact", "side": "side"}


@extend_schema_view(get=extend_schema(responses=TransferPage))
class Transfers(Events):
    """Filters: account (id or label), exchange_id, environment, currency, kind, status, since, until (exclusive)."""

    model = Transfer
    kind = SyncKind.TRANSFERS
    serializer_class = TransferRow
    filters = {"currency": text, "kind": one_of(TransferKind), "status": one_of(TransferStatus)}
    lookups = {"currency": "currency__iexact", "kind": "kind", "status": "status"}


@extend_schema_view(get=extend_schema(responses=FundingPage))
class FundingPayments(Events):
    """Filters: account (id or label), exchange_id, environment, symbol, since, until (exclusive)."""

    model = FundingPayment
    kind = SyncKind.FUNDING_PAYMENTS
    serializer_class = FundingRow
    filters = {"symbol": text}
    lookups = {"symbol": "symbol__iexact"}


@extend_schema_view(get=extend_schema(responses=EntryPage))
class LedgerEntries(Events):
    """Filters: account (id or label), exchange_id, environment, currency, kind, since, until (exclusive)."""

    model = LedgerEntry
    kind = SyncKind.LEDGER
    serializer_class = EntryRow
    filters = {"currency": text, "kind": one_of(LedgerKind)}
    lookups = {"currency": "currency__iexact", "kind": "kind"}


class SweepRow(serializers.Serializer):
    looked = serializers.IntegerField(allow_null=True)
    of = serializers.IntegerField(allow_null=True)
    through_at = serializers.DateTimeField(allow_null=True)


class SourceRow(serializers.Serializer):
    source = serializers.CharField()
    complete_since = serializers.DateTimeField(allow_null=True)
    read_until = serializers.DateTimeField(allow_null=True)
    lists = serializers.IntegerField()
    behind = serializers.IntegerField()
    swept = SweepRow(allow_null=True)


class BehindRow(serializers.Serializer):
    source = serializers.CharField()
    symbol = serializers.CharField(allow_blank=True)
    reached_at = serializers.DateTimeField(allow_null=True)


class TroubleRow(serializers.Serializer):
    source = serializers.CharField()
    symbol = serializers.CharField(allow_blank=True)
    status = serializers.CharField()
    error = serializers.CharField(allow_blank=True)


class HistoryRow(serializers.Serializer):
    kind = serializers.CharField()
    complete_since = serializers.DateTimeField(allow_null=True)
    read_until = serializers.DateTimeField(allow_null=True)
    progress = serializers.CharField(allow_blank=True)
    sources = SourceRow(many=True)
    first_behind = BehindRow(many=True)
    troubles = TroubleRow(many=True)


class AccountHistoryRow(serializers.Serializer):
    """As `_account` says it, for the schema."""

    account_id = serializers.IntegerField()
    account = serializers.CharField()
    exchange_id = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    history_from = serializers.DateTimeField(allow_null=True)
    histories = HistoryRow(many=True)
    untold = serializers.DictField(child=serializers.CharField(), help_text="what the exchange never tells, and why")


@extend_schema_view(get=extend_schema(responses=AccountHistoryRow(many=True)))
class Histories(ListAPIView):
    """Per account and kind: since when all is known, how far it is read, what is behind and what is in trouble.

    Filters: account (id or label), exchange_id, environment.
    """

    pagination_class = Pages
    scope = Scope.PORTFOLIO_READ
    parameters = ACCOUNTS

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = checked_of_list(request.query_params, self.parameters)
        accounts = ExchangeAccount.objects.filter(pk__in=[each.pk for each in accounts_asked(request.user, asked)])
        page = self.paginate_queryset(accounts)
        of_account: dict[int, list[Coverage]] = {}
        for each in coverage(page, named=True):
            of_account.setdefault(each.account.pk, []).append(each)
        return self.get_paginated_response([_account(each, of_account.get(each.pk, [])) for each in page])


def _account(account: ExchangeAccount, histories: list[Coverage]) -> dict[str, Any]:
    return {
        "account_id": account.pk,
        "account": account.label,
        "exchange_id": account.exchange_id,
        "environment": account.environment,
        "history_from": iso(account.history_start),
        "histories": [_history(each) for each in histories],
        "untold": {kind.value: why for kind, why in account.exchange.untold.items()},
    }


def _history(covered: Coverage) -> dict[str, Any]:
    return {
        "kind": covered.kind,
        "complete_since": iso(covered.complete_since),
        "read_until": iso(covered.read_until),
        "progress": covered.progress,
        "sources": [_source(each) for each in covered.sources],
        "first_behind": [_list(each) | {"reached_at": iso(each.reached_at)} for each in covered.first_behind],
        "troubles": [_list(each) | {"status": each.status, "error": each.error} for each in covered.troubles],
    }


def _source(covered: SourceCoverage) -> dict[str, Any]:
    sweep = covered.sweep
    return {
        "source": covered.source,
        "complete_since": iso(covered.complete_since),
        "read_until": iso(covered.read_until),
        "lists": covered.lists,
        "behind": covered.behind,
        "swept": {"looked": sweep.looked, "of": sweep.listed, "through_at": iso(sweep.through_at)} if sweep else None,
    }


def _list(row: Any) -> dict[str, str]:
    # A sweep as a whole has a place in the list of markets, and no symbol.
    return {"source": row.source, "symbol": row.symbol if isinstance(row, HistoryCursor) else ""}
