"""What holdings are worth: exact sums, and a list of what is not in them. Unknown is not zero."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import NamedTuple, TypeVar

from alphapulse.money import ZERO
from alphapulse.portfolio.prices import Price, PriceBook
from alphapulse.types import PositionSide

K = TypeVar("K")

_EXACT = Context(prec=76)
# Worths are told to this step, and sums are exact sums of them.
STEP = Decimal("1E-12")


# Tuples: an answer has thousands of them.
class Holding(NamedTuple):
    """What an account has of an asset in a wallet: what is owned less what is owed, or a position's unrealised PnL.

    `symbol`: the position it is of. `amount` is None where the exchange did not say and nothing tells it.
    """

    account_id: int
    exchange_id: str
    wallet: str
    asset: str
    amount: Decimal | None
    symbol: str = ""


class Line(NamedTuple):
    """A holding with its price; `value` is None where there is none."""

    holding: Holding
    price: Price | None
    value: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """All of it in one currency. `total` is of what has a price: None if nothing has, and there may be something.

    `unpriced`: asset (or position) -> why it is in no total. `failed`: accounts (ids) of which something was never
    read, and is missing; `stale`: accounts whose last good rows are of earlier, and count.
    """

    currency: str
    lines: Sequence[Line]
    unpriced: Mapping[str, str]
    failed: frozenset[int]
    stale: frozenset[int]

    @property
    def total(self) -> Decimal | None:
        return total(self.lines, may_be_more=bool(self.failed))

    def total_of(self, account_id: int, lines: Iterable[Line]) -> Decimal | None:
        """This account's part."""
        return total(lines, may_be_more=account_id in self.failed)

    @property
    def is_complete(self) -> bool:
        return not (self.unpriced or self.failed or self.stale)

    def by(self, key: Callable[[Holding], K]) -> dict[K, list[Line]]:
        """The lines in parts: by account, asset, wallet ..."""
        parts: dict[K, list[Line]] = {}
        for line in self.lines:
            parts.setdefault(key(line.holding), []).append(line)
        return parts

    def is_whole(self, account_id: int, lines: Iterable[Line]) -> bool:
        """Is this account's part of it complete?"""
        return account_id not in self.failed | self.stale and all(line.value is not None for line in lines)


def valuate(
    holdings: Iterable[Holding],
    prices: PriceBook,
    currency: str,
    *,
    failed: Collection[int] = (),
    stale: Collection[int] = (),
) -> Worth:
    """Each holding at its own exchange's price where that is as near. What is nothing needs no price."""
    lines: list[Line] = []
    unpriced: dict[str, str] = {}
    at: dict[str, Mapping[str, Price]] = {}
    for holding in holdings:
        if holding.exchange_id not in at:
            at[holding.exchange_id] = prices.prices_in(currency, near=holding.exchange_id)
        line = _line(holding, at[holding.exchange_id].get(holding.asset))
        lines.append(line)
        if line.value is None:
            unpriced |= _why(holding, prices, currency)
    return Worth(
        currency=currency,
        lines=lines,
        unpriced=dict(sorted(unpriced.items())),
        failed=frozenset(failed),
        stale=frozenset(stale),
    )


def _why(holding: Holding, prices: PriceBook, currency: str) -> dict[str, str]:
    if holding.amount is None:
        return {holding.symbol: f"the exchange did not say what the position in {holding.symbol} earned"}
    return {holding.asset: prices.why_none(holding.asset, currency)}


def _line(holding: Holding, price: Price | None) -> Line:
    return Line(holding, price, ZERO if holding.amount == 0 else worth_of(holding.amount, price))


def worth_of(amount: Decimal | None, price: Price | None) -> Decimal | None:
    """None where either is unknown."""
    if amount is None or price is None:
        return None
    return _EXACT.multiply(amount, price.value).quantize(STEP, context=_EXACT)


def total(lines: Iterable[Line], *, may_be_more: bool = False) -> Decimal | None:
    """The exact sum of what has a price; None where nothing has, and there is something or may be."""
    told = [line.value for line in lines]
    values = [value for value in told if value is not None]
    return summed(values) if values or not (told or may_be_more) else None


def summed(amounts: Iterable[Decimal]) -> Decimal:
    """In any order the same."""
    with localcontext(_EXACT):
        return sum(amounts, ZERO)


def unrealized_pnl(
    *,
    side: PositionSide,
    contracts: Decimal,
    contract_size: Decimal | None,
    entry_price: Decimal | None,
    mark_price: Decimal | None,
    is_inverse: bool,
) -> Decimal | None:
    """What a position has earned, in its settle currency, where the exchange does not say it; None: not to be known."""
    if not entry_price or not mark_price or contract_size is None:
        return None
    size = _EXACT.multiply(contracts, contract_size)
    if is_inverse:
        # A contract is worth fewer coins the dearer they are.
        moved = _EXACT.subtract(_EXACT.divide(1, entry_price), _EXACT.divide(1, mark_price))
    else:
        moved = _EXACT.subtract(mark_price, entry_price)
    earned = _EXACT.multiply(size, moved).quantize(Decimal("1E-18"), context=_EXACT)
    return earned if side is PositionSide.LONG else earned.copy_negate()


def notional_at(
    price: Decimal, *, contracts: Decimal, contract_size: Decimal | None, is_inverse: bool
) -> Decimal | None:
    """What a position is of, in its settle currency, never negative; None: its contracts' size is not known."""
    if contract_size is None:
        return None
    size = _EXACT.multiply(contracts, contract_size)
    return abs(_EXACT.divide(size, price) if is_inverse else _EXACT.multiply(size, price))
