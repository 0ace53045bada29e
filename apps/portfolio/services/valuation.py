"""What accounts are worth now, from rows alone: balances less debts, and what positions have earned."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import prefetch_related_objects

from alphapulse.money import subtract
from alphapulse.portfolio.contracts import settles_in
from alphapulse.portfolio.lots import EXACT
from alphapulse.portfolio.prices import Price
from alphapulse.portfolio.valuation import Holding, Worth, valuate
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services.doubles import why_not_counted
from apps.ledger.models import Balance, Position, WalletReading
from apps.ledger.services.wallets import Name, counted
from apps.portfolio.services.positions import Looked, earned_by, looked_at
from apps.portfolio.services.prices import Prices, prices_of

# What makes the equity of an account.
KINDS = (SyncKind.BALANCES, SyncKind.POSITIONS)

# Of a wallet: its account's id, the exchange, and its name.
Place = tuple[int, str, str]
# Reasons by account.
Troubles = dict[int, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """The worth of accounts of one environment. `failed`: what was never read, `stale`: what is of earlier, and why.

    `wallets`: those that count, by account and kind.

    `positions`: those that count, as they are at these prices. What lies in a wallet that is not read any more may
    count twice.

    One whose money another account counts already has failed, too.

    Both are told of `missing`: the readings of which the worth misses something.
    """

    accounts: Sequence[ExchangeAccount]
    worth: Worth
    prices: Prices
    failed: Troubles
    stale: Troubles
    missing: Sequence[WalletReading]
    wallets: Collection[Name]
    positions: Sequence[Position]


def value_accounts(
    accounts: Sequence[ExchangeAccount], currency: str, *, now: datetime, at_par: bool = False
) -> Valuation:
    """All of them are of one environment. The number of queries does not depend on theirs."""
    environments = {account.environment for account in accounts}
    assert len(environments) <= 1, "nothing is ever summed across environments"
    prices = prices_of(next(iter(environments), ""), now=now, at_par=at_par)
    readings = counted([account for account in accounts if account.double_of_id is None], KINDS, now)
    failed, stale = _troubles(readings.missing, now)
    failed |= _not_counted(accounts)
    at = {account.pk: account.exchange_id for account in accounts}
    places = {pk: (account_id, at[account_id], wallet) for pk, (account_id, _, wallet) in readings.names.items()}
    looked = looked_at(accounts, places, prices, now)
    _add_stale(stale, looked)
    holdings = [*_balances(accounts, places, prices), *_positions(looked, places, prices)]
    return Valuation(
        accounts=accounts,
        worth=valuate(holdings, prices.book, currency, failed=failed, stale=stale),
        prices=prices,
        failed=failed,
        stale=stale,
        missing=readings.missing,
        wallets=readings.wallets,
        positions=[each.position for each in looked],
    )


def _troubles(readings: Iterable[WalletReading], now: datetime) -> tuple[Troubles, Troubles]:
    failed: Troubles = defaultdict(list)
    stale: Troubles = defaultdict(list)
    for reading in readings:
        of_account = failed if reading.as_of is None else stale
        what = f"{reading.kind} of {reading.wallet}" if reading.wallet else reading.kind
        of_account[reading.account_id].append(f"{what}: {reading.stale_reason(now)}")
    return dict(failed), dict(stale)


def _add_stale(stale: Troubles, looked: Iterable[Looked]) -> None:
    for position, why in looked:
        if why:
            reading = position.reading
            stale.setdefault(reading.account_id, []).append(f"positions of {reading.wallet}: {why}")


def _not_counted(accounts: Iterable[ExchangeAccount]) -> Troubles:
    marked = [account for account in accounts if account.double_of_id is not None]
    prefetch_related_objects(marked, "double_of")
    return {account.pk: [why_not_counted(account)] for account in marked}


def _balances(accounts: Sequence[ExchangeAccount], places: Mapping[int, Place], prices: Prices) -> Iterator[Holding]:
    rows = Balance.objects.filter(reading__account__in=accounts)
    for reading_id, currency, total, debt in rows.values_list("reading", "currency", "total", "debt"):
        if place := places.get(reading_id):
            yield _holding(place, currency, subtract(total, debt) if debt else total, prices)


def _positions(looked: Iterable[Looked], places: Mapping[int, Place], prices: Prices) -> Iterator[Holding]:
    for position, _ in looked:
        place = places[position.reading_id]
        yield _holding(place, settles_in(position.symbol), earned_by(position), prices, position.symbol)


def priced(code: str, account_id: int, valuation: Valuation, currency: str) -> Price | None:
    """Of one of what an account's exchange calls so: the price that its holdings have."""
    [exchange_id] = {account.exchange_id for account in valuation.accounts if account.pk == account_id}
    prices = valuation.prices
    asset, pieces = prices.aliases.meaning(exchange_id, code, prices.made_at)
    price = prices.book.price(asset, currency, near=exchange_id)
    return price and replace(price, value=EXACT.multiply(price.value, pieces))


def _holding(place: Place, code: str, amount: Decimal | None, prices: Prices, symbol: str = "") -> Holding:
    account_id, exchange_id, wallet = place
    asset, pieces = prices.aliases.meaning(exchange_id, code, prices.made_at)
    if amount is not None and pieces != 1:
        amount = EXACT.multiply(amount, pieces)
    return Holding(account_id, exchange_id, wallet, asset, amount, symbol)
