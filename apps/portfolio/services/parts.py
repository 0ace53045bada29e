"""A worth in parts: what each account, workspace, group, wallet, exchange or asset has of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from alphapulse.portfolio.prices import Price
from alphapulse.portfolio.valuation import Line, summed, total
from apps.exchanges.models import ExchangeAccount
from apps.portfolio.services.valuation import Valuation

# Shares are told to this step.
SHARE_STEP = Decimal("0.000001")


class By(StrEnum):
    ASSET = "asset"
    ACCOUNT = "account"
    GROUP = "group"
    WALLET = "wallet"
    EXCHANGE = "exchange"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`key` is an id, or a code; `name` is for people. `amount` and `prices` (by exchange) are an asset's alone."""

    key: str
    name: str
    value: Decimal | None
    is_complete: bool
    amount: Decimal | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)

    def share(self, of: Decimal | None) -> Decimal | None:
        """None where the whole is nothing, or less, or unknown."""
        if self.value is None or of is None or of <= 0:
            return None
        return (self.value / of).quantize(SHARE_STEP)


# Whose part an account is: each with its key and name. Of groups it may be in several, or in none.
Owners = Callable[[ExchangeAccount], Iterable[tuple[str, str]]]


def by_account(valued: Valuation) -> dict[int, Part]:
    """The part of every account, also of those that have nothing."""
    worth = valued.worth
    lines = worth.by(lambda holding: holding.account_id)
    parts = {}
    for account in valued.accounts:
        mine = lines.get(account.pk, [])
        parts[account.pk] = Part(
            key=str(account.pk),
            name=account.label,
            value=worth.total_of(account.pk, mine),
            is_complete=worth.is_whole(account.pk, mine),
        )
    return parts


def together(accounts: Sequence[ExchangeAccount], parts: Mapping[int, Part], owners: Owners) -> list[Part]:
    """Accounts' parts, added up by whose they are."""
    found: dict[tuple[str, str], list[Part]] = {}
    for account in accounts:
        for owner in owners(account):
            found.setdefault(owner, []).append(parts[account.pk])
    return [_sum(*owner, each) for owner, each in sorted(found.items())]


def by_wallet(valued: Valuation) -> list[Part]:
    """Of all accounts at an exchange. What failed or is stale makes all wallets of its account incomplete."""
    marked = valued.worth.failed | valued.worth.stale
    parts = []
    for (exchange_id, wallet), lines in sorted(valued.worth.by(lambda each: (each.exchange_id, each.wallet)).items()):
        is_complete = all(line.value is not None and line.holding.account_id not in marked for line in lines)
        name = f"{wallet} at {exchange_id}" if wallet else exchange_id
        parts.append(Part(key=f"{exchange_id}:{wallet}", name=name, value=total(lines), is_complete=is_complete))
    return parts


def by_asset(valued: Valuation) -> list[Part]:
    """Over all accounts. An account that failed may have more of any."""
    marked = valued.worth.failed | valued.worth.stale
    parts = []
    for asset, lines in sorted(valued.worth.by(lambda each: each.asset).items()):
        amounts = [line.holding.amount for line in lines if line.holding.amount is not None]
        is_complete = all(line.value is not None and line.holding.account_id not in marked for line in lines)
        parts.append(
            Part(
                key=asset,
                name=asset,
                value=total(lines),
                is_complete=is_complete,
                amount=summed(amounts),
                prices=_prices(lines),
            )
        )
    return parts


def of_exchange(account: ExchangeAccount) -> list[tuple[str, str]]:
    return [(account.exchange_id, account.exchange.name)]


def of_workspaces(names: Mapping[int, str]) -> Owners:
    return lambda account: [(str(account.workspace_id), names[account.workspace_id])]


def of_groups(groups: Iterable[tuple[int, str, int]]) -> Owners:
    """`groups`: id, name and an account of each."""
    mine: dict[int, list[tuple[str, str]]] = {}
    for group_id, name, account_id in groups:
        mine.setdefault(account_id, []).append((str(group_id), name))
    return lambda account: mine.get(account.pk, ())


def _prices(lines: Iterable[Line]) -> dict[str, Price]:
    return {line.holding.exchange_id: line.price for line in lines if line.price}


def _sum(key: str, name: str, parts: Sequence[Part]) -> Part:
    known = [part.value for part in parts if part.value is not None]
    value = summed(known) if known else None
    return Part(key=key, name=name, value=value, is_complete=all(part.is_complete for part in parts))
