"""What accounts are worth now, from rows alone: balances less debts, and what positions have earned."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from alphapulse.money import subtract
from alphapulse.portfolio.contracts import is_inverse, settles_in
from alphapulse.portfolio.valuation import Holding, Worth, unrealized_pnl, valuate
from alphapulse.types import PositionSide, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Balance, Position, WalletReading
from apps.ledger.services.wallets import is_read, readings_of
from apps.portfolio.services.prices import Prices, prices_of

# What makes the equity of an account.
KINDS = (SyncKind.BALANCES, SyncKind.POSITIONS)

# Reasons by account.
Troubles = dict[int, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """The worth of accounts of one environment. `failed`: what was never read, `stale`: what is of earlier, and why."""

    accounts: Sequence[ExchangeAccount]
    worth: Worth
    prices: Prices
    failed: Troubles
    stale: Troubles


def value_accounts(
    accounts: Sequence[ExchangeAccount], currency: str, *, now: datetime, at_par: bool = False
) -> Valuation:
    """All of them are of one environment. The number of queries does not depend on theirs."""
    environments = {account.environment for account in accounts}
    assert len(environments) <= 1, "nothing is ever summed across environments"
    prices = prices_of(next(iter(environments), ""), now=now, at_par=at_par)
    readings = readings_of(accounts, KINDS)
    failed, stale = _troubles(readings, now)
    counted = {reading.pk: reading for reading in readings if reading.pk and is_read(reading)}
    holdings = [*_balances(accounts, counted, prices), *_positions(accounts, counted, prices)]
    worth = valuate(holdings, prices.book, currency, failed=failed, stale=stale)
    return Valuation(accounts=accounts, worth=worth, prices=prices, failed=failed, stale=stale)


def _troubles(readings: Iterable[WalletReading], now: datetime) -> tuple[Troubles, Troubles]:
    failed: Troubles = defaultdict(list)
    stale: Troubles = defaultdict(list)
    for reading in readings:
        if is_read(reading) and reading.is_missing(now):
            of_account = failed if reading.as_of is None else stale
            what = f"{reading.kind} of {reading.wallet}" if reading.wallet else reading.kind
            of_account[reading.account_id].append(f"{what}: {reading.stale_reason(now)}")
    return dict(failed), dict(stale)


def _balances(
    accounts: Sequence[ExchangeAccount], counted: dict[int, WalletReading], prices: Prices
) -> Iterator[Holding]:
    rows = Balance.objects.filter(reading__account__in=accounts)
    for reading_id, currency, total, debt in rows.values_list("reading", "currency", "total", "debt"):
        if reading := counted.get(reading_id):
            amount = subtract(total, debt) if debt else total
            yield _holding(reading, currency, amount, prices)


def _positions(
    accounts: Sequence[ExchangeAccount], counted: dict[int, WalletReading], prices: Prices
) -> Iterator[Holding]:
    for position in Position.objects.filter(reading__account__in=accounts):
        if reading := counted.get(position.reading_id):
            earned = earned_by(position)
            yield _holding(reading, settles_in(position.symbol), earned, prices, symbol=position.symbol)


def earned_by(position: Position) -> Decimal | None:
    """Its unrealised PnL in its settle currency: as the exchange says, or from its prices; None: unknown."""
    if position.unrealized_pnl is not None:
        return position.unrealized_pnl
    return unrealized_pnl(
        side=PositionSide(position.side),
        contracts=position.contracts,
        contract_size=position.contract_size,
        entry_price=position.entry_price,
        mark_price=position.mark_price,
        is_inverse=is_inverse(position.symbol),
    )


def _holding(reading: WalletReading, code: str, amount: Decimal | None, prices: Prices, symbol: str = "") -> Holding:
    exchange_id = reading.account.exchange_id
    asset, pieces = prices.aliases.meaning(exchange_id, code, prices.made_at)
    return Holding(
        account_id=reading.account_id,
        exchange_id=exchange_id,
        wallet=reading.wallet,
        asset=asset,
        amount=amount if amount is None or pieces == 1 else amount * pieces,
        symbol=symbol,
    )
