"""What a statement tells of some accounts, of an asset, of a span of days: sums, residuals, and what they miss."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext
from typing import TypeVar

from alphapulse.money import ZERO, size
from alphapulse.portfolio.books import GAINS, Item, residual
from alphapulse.portfolio.lots import EXACT
from alphapulse.types import PositionSide
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import doubles
from apps.ledger.services.coverage import Coverage, coverage
from apps.portfolio.models import Statement
from apps.portfolio.services import content
from apps.portfolio.services.content import Content, Gap, Line, Span
from apps.portfolio.services.happenings import accounts_of
from apps.portfolio.services.statements import Sight
from apps.portfolio.services.valuation import Valuation, value_accounts

K = TypeVar("K")

# A balance of a million may be off by what somebody rounded; of one that should be nothing, anything is told.
ROUNDED = Decimal("1e-6")
MOST_REASONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """By item, in the statement's currency. `total` is of all gains and losses, not of what came and went."""

    by_item: Mapping[Item, Decimal]

    @property
    def total(self) -> Decimal:
        return _sum(self.by_item[item] for item in GAINS if item in self.by_item)

    def __getitem__(self, item: Item) -> Decimal:
        return self.by_item.get(item, ZERO)


NOTHING = Sums(by_item={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """Of an account's asset (or, with a symbol, of a position): what is there, what its history explains, and the rest.

    Nulls: it could not be read.
    """

    account: ExchangeAccount
    asset: str
    explained: Decimal
    balance: Decimal | None
    symbol: str = ""

    @property
    def residual(self) -> Decimal | None:
        return None if self.balance is None else residual(self.balance, self.explained)

    @property
    def is_explained(self) -> bool:
        left = self.residual
        return left is not None and size(left) <= ROUNDED * max(size(self.balance or ZERO), size(self.explained))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldNow:
    """What is left in lots: `cost` of the `amount` whose cost is known; `unrealised` null where it has no price now."""

    amount: Decimal
    cost: Decimal
    without_cost: Decimal
    unrealised: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """`reasons`: why it is not whole, in words; none: it is. `held` by asset, of all accounts of the workspace."""

    statement: Statement
    content: Content
    complete_since: datetime | None
    reasons: Sequence[str]
    sums: Sums
    by_asset: Mapping[str, Sums]
    by_account: Mapping[ExchangeAccount, Sums]
    by_day: Mapping[date, Sums]
    held: Mapping[str, HeldNow]
    residues: Sequence[Residue]
    gaps: Sequence[Gap] = field(default_factory=list)

    @property
    def missing(self) -> Mapping[tuple[int, str, str], int]:
        """How often something of an account's asset is in no sum, by the reason."""
        counts: Counter[tuple[int, str, str]] = Counter()
        for gap in self.gaps:
            counts[gap.account, gap.asset, gap.missing] += gap.count
        return dict(sorted(counts.items()))


def pnl(sight: Sight, asked: Span, *, now: datetime) -> Pnl:
    """Of a statement that has been calculated."""
    statement = sight.statement
    kept = content.read(statement)
    accounts = accounts_of(statement.workspace, statement.environment)
    accounts = [account for account in accounts if not asked.accounts or account.pk in asked.accounts]
    live = [account for account in accounts if account.archived_at is None]
    valuation = value_accounts(live, statement.currency, now=now, at_par=statement.is_at_par)
    (lines, gaps), known = content.read_days(statement, asked), coverage(accounts)
    residues = _residues(kept, live, valuation, asked)
    of_accounts = _by(lines, lambda line: line.account)
    reasons = [*sight.reasons()]
    reasons += doubles.told(statement.workspace_id, statement.environment, asked.accounts)
    reasons += _reasons(kept, asked, known, gaps, residues)
    return Pnl(
        statement=statement,
        content=kept,
        complete_since=_complete_since(known),
        reasons=reasons[:MOST_REASONS],
        sums=_sums(lines),
        by_asset=_by(lines, lambda line: line.asset),
        by_account={each: of_accounts.get(each.pk, NOTHING) for each in accounts},
        by_day=_by_day(lines),
        held={} if asked.accounts else _held(kept, asked, valuation, statement.currency),
        residues=residues,
        gaps=gaps,
    )


def _by(lines: Iterable[Line], key: Callable[[Line], K]) -> dict[K, Sums]:
    groups: dict[K, list[Line]] = defaultdict(list)
    for line in lines:
        groups[key(line)].append(line)
    return {name: _sums(groups[name]) for name in sorted(groups)}  # type: ignore[type-var]


def _sums(lines: Iterable[Line]) -> Sums:
    by_item: dict[Item, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for line in lines:
            by_item[line.item] += sum(line.values, ZERO)
    return Sums(by_item=dict(by_item))


def _by_day(lines: Iterable[Line]) -> dict[date, Sums]:
    days: dict[int, dict[Item, Decimal]] = defaultdict(dict)
    with localcontext(EXACT):
        for line in lines:
            for day, value in zip(line.days, line.values, strict=True):
                by_item = days[day]
                by_item[line.item] = by_item.get(line.item, ZERO) + value
    return {date.fromordinal(day): Sums(by_item=days[day]) for day in sorted(days)}


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = EXACT.add(total, value)
    return total


def _held(kept: Content, asked: Span, valuation: Valuation, currency: str) -> dict[str, HeldNow]:
    found = {}
    for asset, held in kept.held.items():
        if asked.asset in ("", asset) and (held.amount or held.without_cost):
            price = valuation.prices.book.price(asset, currency)
            worth = price and EXACT.multiply(price.value, held.amount)
            found[asset] = HeldNow(
                amount=held.amount,
                cost=held.cost,
                without_cost=held.without_cost,
                unrealised=None if worth is None else EXACT.subtract(worth, held.cost),
            )
    return found


# --- What the history does not explain --------------------------------------------------------------------------------


def _residues(kept: Content, accounts: Sequence[ExchangeAccount], valuation: Valuation, asked: Span) -> list[Residue]:
    """Of accounts that are there still: of others nobody knows a balance."""
    balances: dict[tuple[int, str], Decimal | None] = defaultdict(Decimal)
    for line in valuation.worth.lines:
        where, amount = (line.holding.account_id, line.holding.asset), line.holding.amount
        if not line.holding.symbol:
            before = balances[where]
            balances[where] = None if before is None or amount is None else EXACT.add(before, amount)
    of_assets = [
        Residue(
            account=account,
            asset=asset,
            explained=kept.moved.get((account.pk, asset), ZERO),
            balance=None if account.pk in valuation.failed else balances[account.pk, asset],
        )
        for account in accounts
        for asset in sorted({asset for where, asset in {*balances, *kept.moved} if where == account.pk})
        if asked.of(account.pk, asset)
    ]
    told = [each for each in of_assets if each.explained or each.balance or each.balance is None]
    return [*told, *_positions(kept, accounts, valuation, asked)]


def _positions(
    kept: Content, accounts: Sequence[ExchangeAccount], valuation: Valuation, asked: Span
) -> Iterator[Residue]:
    """Fills that do not make up a position mean that some of them, and what they brought, are not known."""
    mine = {account.pk: account for account in accounts}
    open_now: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for position in valuation.positions:
        signed = position.contracts if position.side == PositionSide.LONG else -position.contracts
        open_now[position.reading.account_id, position.symbol] += signed
    for account, symbol in sorted({*open_now, *kept.positions}):
        asset = symbol.partition(":")[2].partition("-")[0]
        if account in mine and asked.of(account, asset):
            yield Residue(
                account=mine[account],
                asset=asset,
                symbol=symbol,
                explained=kept.positions.get((account, symbol), ZERO),
                balance=None if account in valuation.failed else open_now[account, symbol],
            )


# --- What is missing, in words ---------------------------------------------------------------------------------------


def _complete_since(known: Collection[Coverage]) -> datetime | None:
    times = [each.complete_since for each in known]
    return None if not times or None in times else max(time for time in times if time)


def _reasons(
    kept: Content,
    asked: Span,
    known: Iterable[Coverage],
    gaps: Iterable[Gap],
    residues: Iterable[Residue],
) -> Iterator[str]:
    begin = datetime.combine(asked.since, time(), tzinfo=UTC) if asked.since else kept.first_at
    for each in known:
        name = f"{each.kind.value.replace('_', ' ')} of {each.account.label}"
        if each.complete_since is None:
            yield f"Not all {name} are known yet: {each.progress}."
        elif begin and begin < each.complete_since:
            yield f"The {name} are known whole since {each.complete_since:%Y-%m-%d} only."
    missing: Counter[tuple[str, str]] = Counter()
    for gap in gaps:
        missing[gap.asset, gap.missing] += gap.count
    for (asset, why), count in sorted(missing.items()):
        yield f"{asset}: {why} ({count} times)."
    for each in residues:
        if not each.is_explained:
            yield _unexplained(each)


def _unexplained(each: Residue) -> str:
    what = f"{each.symbol or each.asset} of {each.account.label}"
    if each.residual is None:
        return f"{what} could not be read."
    return f"{what}: {each.residual:f} of what is there is explained by nothing that is known."
