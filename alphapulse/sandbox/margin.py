"""What positions demand of a wallet: initial and maintenance margin, and where they are liquidated.

Shared like `positions.py`. Cross positions share the wallet; an isolated one has only what is set aside for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from alphapulse.sandbox.positions import ZERO, Leg, Position


@dataclass(frozen=True)
class Bracket:
    """One step of the table from notional to risk: `rate` x notional - `cum` is the maintenance margin in it."""

    number: int
    floor: Decimal
    cap: Decimal
    max_leverage: int
    rate: Decimal
    cum: Decimal


# The steps of Binance's BTCUSDT table; a market that starts lower begins at its own leverage.
_STEPS = (
    (125, "50000", "0.004"),
    (100, "250000", "0.005"),
    (50, "3000000", "0.01"),
    (20, "20000000", "0.025"),
    (10, "40000000", "0.05"),
    (5, "100000000", "0.1"),
    (4, "120000000", "0.125"),
    (3, "200000000", "0.15"),
    (2, "300000000", "0.25"),
    (1, "600000000", "0.5"),
)


def brackets_up_to(max_leverage: int) -> tuple[Bracket, ...]:
    """The table of a market that allows at most this leverage."""
    brackets: list[Bracket] = []
    floor, cum, rate_before = ZERO, ZERO, ZERO
    for leverage, cap, rate in _STEPS:
        if leverage > max_leverage:
            continue
        # cum keeps the margin continuous where the rate steps up
        cum += floor * (Decimal(rate) - rate_before)
        brackets.append(Bracket(len(brackets) + 1, floor, Decimal(cap), leverage, Decimal(rate), cum))
        floor, rate_before = Decimal(cap), Decimal(rate)
    return tuple(brackets)


def bracket_of(notional: Decimal, brackets: Sequence[Bracket]) -> Bracket:
    size = abs(notional)
    return next((bracket for bracket in brackets if size < bracket.cap), brackets[-1])


def max_notional(leverage: int, brackets: Sequence[Bracket]) -> Decimal:
    """The largest position this leverage allows."""
    return max((b.cap for b in brackets if b.max_leverage >= leverage), default=ZERO)


def maintenance_margin(notional: Decimal, brackets: Sequence[Bracket]) -> Decimal:
    bracket = bracket_of(notional, brackets)
    return abs(notional) * bracket.rate - bracket.cum


def initial_margin(held: Decimal, leverage: int, *, bids: Decimal = ZERO, asks: Decimal = ZERO) -> Decimal:
    """Of a leg with signed notional `held` and open buy and sell orders worth `bids` and `asks`: the worse side."""
    return max(abs(held + bids), abs(held - asks)) / leverage


def liquidation_price(positions: Iterable[tuple[Position, Sequence[Bracket], Decimal]], collateral: Decimal) -> Decimal:
    """The level of *one* market at which `collateral` no longer covers its positions; zero when there is none.

    Takes every leg that shares the collateral in this market, with its brackets and today's level (`Market.level`: a
    linear market's is its price).
    `collateral`: wallet - other markets' maintenance margin + other markets' unrealised profit (the isolated
    wallet alone when isolated). From Binance: wallet + profit(p) = maintenance(p), solved for p.
    """
    above, below, sign = collateral, ZERO, 1
    for position, brackets, mark in positions:
        sign = 1 if mark > 0 else -1
        bracket = bracket_of(position.notional(mark), brackets)
        above += bracket.cum - position.cost
        below += sign * abs(position.amount) * bracket.rate - position.amount
    if not below:
        return ZERO
    level = above / below
    return level if level * sign > 0 else ZERO


def is_reducing(leg: Leg, quantity: Decimal) -> bool:
    """Whether a signed quantity only takes away from the leg."""
    held = leg.position.amount
    return held * quantity < 0 and abs(quantity) <= abs(held)
