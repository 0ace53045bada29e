"""What it is all worth, in parts, and how that went."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alphapulse.money import plain
from alphapulse.portfolio.prices import Price
from apps.core.clock import now
from apps.core.query import Check, moment, one_of
from apps.exchanges.models import AccountGroup, ExchangeAccount
from apps.market.services.assets import pegs
from apps.portfolio.api.asked import WHOSE, Asked, asked_by
from apps.portfolio.api.rows import AllocationRow, EquityCurveRow, WorthSummaryRow
from apps.portfolio.services import parts
from apps.portfolio.services.history import equity_curve
from apps.portfolio.services.parts import By, Part
from apps.portfolio.services.untold import why_untold
from apps.portfolio.services.valuation import Troubles, Valuation
from apps.users.models import Workspace
from apps.users.scopes import Scope

# Of a new user's dollars in the sandbox, and wherever no market has them.
HINT = (
    ": nothing here tells what {0} is worth. Choose another base_currency in your settings, as USDT, or "
    "stablecoins_at_par; ops may name the ECB's rates (ECB_RATES)"
)

# --- Views --------------------------------------------------------------------------------------------------------


class Summary(APIView):
    """What my accounts are worth together, each account, group and workspace; and all that is not in it.

    Filters: account (id or label), group, workspace_id, exchange_id, environment, currency.
    """

    scope = Scope.PORTFOLIO_READ
    parameters = WHOSE

    @extend_schema(responses=WorthSummaryRow)
    def get(self, request: Request) -> Response:
        asked = asked_by(request, self.parameters)
        at = now()
        valued = asked.valued(at)
        by_account = parts.by_account(valued)
        groups = parts.together(asked.accounts, by_account, parts.of_groups(_groups(asked)))
        workspaces = parts.together(asked.accounts, by_account, parts.of_workspaces(asked.workspaces))
        answer = {
            **_worth(asked, valued, at),
            "accounts": [_account(account, by_account[account.pk]) for account in asked.accounts],
            "groups": [{"group_id": int(each.key), "group": each.name, **_total(each)} for each in groups],
            "workspaces": [
                {"workspace_id": int(each.key), "workspace": each.name, **_total(each)} for each in workspaces
            ],
        }
        return Response(answer)


class Allocation(APIView):
    """The same worth by asset (with its prices: source, path and age), account, group, wallet, exchange or workspace.

    Filters: by, account (id or label), group, workspace_id, exchange_id, environment, currency.
    """

    scope = Scope.PORTFOLIO_READ
    parameters: Mapping[str, Check] = {**WHOSE, "by": one_of(By)}

    @extend_schema(responses=AllocationRow)
    def get(self, request: Request) -> Response:
        asked = asked_by(request, self.parameters)
        at, by = now(), By(asked.params.get("by", By.ASSET))
        valued = asked.valued(at)
        shares = sorted(_parts(by, asked, valued), key=lambda part: (-(part.value or 0), part.key))
        whole = valued.worth.total
        return Response({**_worth(asked, valued, at), "by": by.value, "parts": [_share(p, whole, at) for p in shares]})


class History(APIView):
    """The equity curve out of snapshots, oldest first, never with a jump where something could not be read or priced.

    Filters: account (id or label), group, workspace_id, exchange_id, environment, currency, since, until (exclusive).
    """

    scope = Scope.PORTFOLIO_READ
    parameters: Mapping[str, Check] = {**WHOSE, "since": moment, "until": moment}

    @extend_schema(responses=EquityCurveRow)
    def get(self, request: Request) -> Response:
        asked = asked_by(request, self.parameters)
        since, until = (_moment(asked.params.get(name)) for name in ("since", "until"))
        of = {
            "accounts": [account.pk for account in asked.accounts] if asked.is_narrowed else None,
            "since": since,
            "until": until,
            "pegs": pegs() if asked.at_par else {},
        }
        whose = (asked.workspaces, asked.environment, asked.currency)
        points = equity_curve(*whose, **of)
        told = [{"at": _time(each.at), "value": plain(each.value), "complete": each.is_complete} for each in points]
        reasons = [] if points else [why_untold(*whose, **of)]
        answer = {"environment": asked.environment, "currency": asked.currency, "points": told, "reasons": reasons}
        return Response(answer)


# --- Their parts --------------------------------------------------------------------------------------------------


def _parts(by: By, asked: Asked, valued: Valuation) -> Iterable[Part]:
    if by is By.ASSET:
        return parts.by_asset(valued)
    if by is By.WALLET:
        return parts.by_wallet(valued)
    accounts = parts.by_account(valued)
    if by is By.ACCOUNT:
        return accounts.values()
    if by is By.GROUP:
        return parts.together(asked.accounts, accounts, parts.of_groups(_groups(asked)))
    owners = parts.of_exchange if by is By.EXCHANGE else parts.of_workspaces(asked.workspaces)
    return parts.together(asked.accounts, accounts, owners)


def _groups(asked: Asked) -> Iterable[tuple[int, str, int]]:
    visible = AccountGroup.objects.filter(workspace__in=Workspace.objects.of(asked.user), accounts__isnull=False)
    return visible.values_list("pk", "name", "accounts")


def _worth(asked: Asked, valued: Valuation, at: datetime) -> dict[str, Any]:
    worth = valued.worth
    return {
        "environment": asked.environment,
        "currency": worth.currency,
        "at": _time(at),
        "total": _plain(worth.total),
        "complete": worth.is_complete,
        "unpriced": _unpriced(valued),
        "failed": _troubles(asked.accounts, valued.failed),
        "stale": _troubles(asked.accounts, valued.stale),
    }


def _unpriced(valued: Valuation) -> list[dict[str, str]]:
    worth = valued.worth
    # Where there is a total, something leads to the currency.
    nothing_leads = worth.total is None and not valued.prices.book.prices_in(worth.currency).keys() - {worth.currency}
    hint = HINT.format(worth.currency) if nothing_leads else ""
    return [{"asset": asset, "reason": reason + hint} for asset, reason in worth.unpriced.items()]


def _troubles(accounts: Iterable[ExchangeAccount], troubles: Troubles) -> list[dict[str, Any]]:
    return [
        {"account_id": account.pk, "account": account.label, "reasons": troubles[account.pk]}
        for account in accounts
        if account.pk in troubles
    ]


def _account(account: ExchangeAccount, part: Part) -> dict[str, Any]:
    return {
        "account_id": account.pk,
        "account": account.label,
        "exchange_id": account.exchange_id,
        "workspace_id": account.workspace_id,
        **_total(part),
    }


def _total(part: Part) -> dict[str, Any]:
    return {"total": _plain(part.value), "complete": part.is_complete}


def _share(part: Part, whole: Decimal | None, at: datetime) -> dict[str, Any]:
    return {
        "key": part.key,
        "name": part.name,
        "amount": _plain(part.amount),
        "value": _plain(part.value),
        "share": _plain(part.share(whole)),
        "complete": part.is_complete,
        "prices": [_price(exchange_id, price, at) for exchange_id, price in sorted(part.prices.items())],
    }


def _price(exchange_id: str, price: Price, at: datetime) -> dict[str, Any]:
    return {
        "exchange_id": exchange_id,
        "value": plain(price.value),
        "sources": list(price.sources),
        "as_of": _time(price.as_of) if price.as_of else None,
        "age_seconds": int((at - price.as_of).total_seconds()) if price.as_of else None,
        "path": [
            {
                "base": step.base,
                "quote": step.quote,
                "rate": plain(step.rate),
                "source": step.source,
                "as_of": _time(step.as_of),
            }
            for step in price.path
        ],
    }


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _time(at: datetime) -> str:
    return str(serializers.DateTimeField().to_representation(at))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
