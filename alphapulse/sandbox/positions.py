"""Positions of contracts: opening, adding, reducing, closing, flipping.

Shared by every sandbox exchange with contracts: Binance (`binance/futures*.py`) and Bybit linear (`bybit/`). Prices
here are the market's levels (`Market.level`): a linear contract's price, and below zero for an inverse one. It knows no
clock, no wallet and no protocol; what a position demands of the wallet is in `margin.py`.

    book = PositionBook()                                    # one per account; starts one-way, leverage 20, cross
    realised = book.fill("BTCUSDT", PositionSide.BOTH, Decimal("-0.5"), Decimal("61000"))
    wallet += realised                                       # the book never touches money, its caller does
    for leg in book.open_legs():
        leg.symbol, leg.side, leg.position.entry_price, leg.position.unrealised(mark)
    wallet += leg.position.funding(mark, rate)               # negative when the holder pays

Amounts are signed: positive is long, negative is short, in every mode (a hedge-mode SHORT leg is negative too).
Whatever the fills, `realised` so far + `unrealised(mark)` is exactly the cash flow of the fills plus the value at mark.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

ZERO = Decimal(0)
MONEY_STEP = Decimal("1e-8")


class PositionSide(StrEnum):
    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class MarginMode(StrEnum):
    CROSS = "cross"
    ISOLATED = "isolated"


class PositionModeLocked(Exception):
    """The position mode may not change while a position is open."""


class WrongPositionSide(Exception):
    """BOTH belongs to one-way mode, LONG and SHORT to hedge mode."""


@dataclass(frozen=True)
class Position:
    """One leg. `cost` is the signed sum paid for what is held, so averaging never loses a digit.

    `outlay` is the cash put in since the leg opened, fees and realised results included: it breaks even at
    outlay / amount. `isolated_wallet` is the part of the wallet set aside for it (zero when cross).
    """

    amount: Decimal = ZERO
    cost: Decimal = ZERO
    outlay: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0

    @property
    def is_open(self) -> bool:
        return self.amount != 0

    @property
    def entry_price(self) -> Decimal:
        return self.cost / self.amount if self.amount else ZERO

    @property
    def break_even_price(self) -> Decimal:
        return max(ZERO, self.outlay / self.amount) if self.amount else ZERO

    def notional(self, mark: Decimal) -> Decimal:
        """Signed value at the mark price: below zero for shorts."""
        return self.amount * abs(mark)

    def unrealised(self, mark: Decimal) -> Decimal:
        return self.amount * mark - self.cost

    def funding(self, mark: Decimal, rate: Decimal) -> Decimal:
        """What the holder receives at a funding time; longs pay when the rate is positive."""
        return -self.amount * abs(mark) * rate


@dataclass(frozen=True)
class Fill:
    """What one fill made of a leg: the leg after it, the profit it realised, the quantity it closed (unsigned)."""

    position: Position
    realised: Decimal
    closed: Decimal


def apply_fill(position: Position, quantity: Decimal, price: Decimal, *, fee: Decimal = ZERO) -> Fill:
    """Trade a signed `quantity` at `price`: what opposes the position closes it first, the rest opens."""
    closing = _closing_part(position.amount, quantity)
    kept, realised = _reduced(position, closing, price)
    opening = quantity - closing
    amount = kept.amount + opening
    # A fill that flips pays its fee for two positions: only the share of the new one counts for breaking even.
    fee_share = fee if kept.is_open else fee * abs(opening / quantity)
    outlay = kept.outlay + opening * price + fee_share if amount else ZERO
    return Fill(replace(kept, amount=amount, cost=kept.cost + opening * price, outlay=outlay), realised, abs(closing))


def _closing_part(amount: Decimal, quantity: Decimal) -> Decimal:
    if amount * quantity >= 0:
        return ZERO
    return quantity if abs(quantity) <= abs(amount) else -amount


def _reduced(position: Position, closing: Decimal, price: Decimal) -> tuple[Position, Decimal]:
    """Close part of a position. Its cost gives up exactly what is realised, so rounding loses nothing."""
    if not closing:
        return position, ZERO
    proceeds = -closing * price
    if closing == -position.amount:
        return replace(position, amount=ZERO, cost=ZERO, outlay=ZERO), proceeds - position.cost
    share = position.cost * (-closing / position.amount)
    realised = (proceeds - share).quantize(MONEY_STEP, ROUND_HALF_EVEN)
    kept = replace(
        position,
        amount=position.amount + closing,
        cost=position.cost - (proceeds - realised),
        outlay=position.outlay - proceeds,
    )
    return kept, realised


@dataclass(frozen=True)
class SymbolSettings:
    leverage: int = 20
    margin_mode: MarginMode = MarginMode.CROSS


@dataclass(frozen=True)
class Leg:
    symbol: str
    side: PositionSide
    position: Position
    settings: SymbolSettings

    @property
    def is_isolated(self) -> bool:
        return self.settings.margin_mode is MarginMode.ISOLATED


@dataclass
class PositionBook:
    """All positions of one account, one leg per symbol (one-way) or two (hedge), with each symbol's settings.

    The mode is the account's (`hedged`); an exchange that has it per symbol sets it with `set_symbol_hedged`.
    """

    hedged: bool = False
    default_settings: SymbolSettings = field(default_factory=SymbolSettings)
    _positions: dict[tuple[str, PositionSide], Position] = field(default_factory=dict)
    _settings: dict[str, SymbolSettings] = field(default_factory=dict)
    _symbol_modes: dict[str, bool] = field(default_factory=dict)

    def fill(
        self,
        symbol: str,
        side: PositionSide,
        quantity: Decimal,
        price: Decimal,
        *,
        fee: Decimal = ZERO,
        at_ms: int = 0,
    ) -> Decimal:
        """Trade the signed quantity on that leg and return the profit realised (fees not taken off)."""
        self.check_side(side, symbol)
        before = self.position(symbol, side)
        result = apply_fill(before, quantity, price, fee=fee)
        isolated = self._isolated_after(symbol, before, result, price)
        self._positions[symbol, side] = replace(result.position, isolated_wallet=isolated, updated_ms=at_ms)
        return result.realised

    def position(self, symbol: str, side: PositionSide) -> Position:
        return self._positions.get((symbol, side), Position())

    def leg(self, symbol: str, side: PositionSide) -> Leg:
        return Leg(symbol, side, self.position(symbol, side), self.settings(symbol))

    def legs(self, symbol: str) -> list[Leg]:
        """Every leg the mode knows of a symbol, open or not."""
        return [self.leg(symbol, side) for side in self.sides(symbol)]

    def open_legs(self, symbol: str | None = None) -> Iterator[Leg]:
        for (name, side), position in self._positions.items():
            if position.is_open and symbol in (None, name):
                yield Leg(name, side, position, self.settings(name))

    def is_hedged(self, symbol: str) -> bool:
        return self._symbol_modes.get(symbol, self.hedged)

    def has_open(self) -> bool:
        return any(position.is_open for position in self._positions.values())

    def sides(self, symbol: str = "") -> tuple[PositionSide, ...]:
        return (PositionSide.LONG, PositionSide.SHORT) if self.is_hedged(symbol) else (PositionSide.BOTH,)

    def check_side(self, side: PositionSide, symbol: str = "") -> None:
        if side not in self.sides(symbol):
            raise WrongPositionSide(side)

    def set_hedged(self, hedged: bool) -> None:
        if hedged != self.hedged and any(self.open_legs()):
            raise PositionModeLocked
        self.hedged = hedged

    def set_symbol_hedged(self, symbol: str, hedged: bool) -> None:
        if hedged != self.is_hedged(symbol) and any(self.open_legs(symbol)):
            raise PositionModeLocked
        self._symbol_modes[symbol] = hedged

    def settings(self, symbol: str) -> SymbolSettings:
        return self._settings.get(symbol, self.default_settings)

    def configure(
        self, symbol: str, *, leverage: int | None = None, margin_mode: MarginMode | None = None
    ) -> SymbolSettings:
        known = self.settings(symbol)
        changed = SymbolSettings(leverage or known.leverage, margin_mode or known.margin_mode)
        self._settings[symbol] = changed
        return changed

    def configured(self) -> dict[str, SymbolSettings]:
        """The settings of every symbol that has some of its own."""
        return dict(self._settings)

    def symbol_modes(self) -> dict[str, bool]:
        """The symbols that have a mode of their own, and whether it is hedge mode."""
        return dict(self._symbol_modes)

    def restore(self, symbol: str, side: PositionSide, position: Position) -> None:
        """Put back a leg exactly as it was (the sandbox's state file)."""
        self._positions[symbol, side] = position

    def put(self, symbol: str, side: PositionSide, amount: Decimal, entry_price: Decimal, *, at_ms: int = 0) -> None:
        """Set a leg outright (the sandbox's control, not trading): no profit is realised."""
        self.check_side(side, symbol)
        held = apply_fill(Position(), amount, entry_price).position if amount else Position()
        isolated = abs(held.cost) / self.settings(symbol).leverage if self.leg(symbol, side).is_isolated else ZERO
        self._positions[symbol, side] = replace(held, isolated_wallet=isolated, updated_ms=at_ms)

    def add_isolated(self, symbol: str, side: PositionSide, change: Decimal) -> None:
        """Move money between the free wallet and what is set aside for an isolated leg (margin, funding)."""
        held = self.position(symbol, side)
        self._positions[symbol, side] = replace(held, isolated_wallet=held.isolated_wallet + change)

    def _isolated_after(self, symbol: str, before: Position, result: Fill, price: Decimal) -> Decimal:
        """Closing gives back its share of what was set aside; opening sets its initial margin aside."""
        if not self.leg(symbol, PositionSide.BOTH).is_isolated:
            return ZERO
        left = ZERO
        if before.amount:
            left = before.isolated_wallet * (abs(before.amount) - result.closed) / abs(before.amount)
        opened = abs(result.position.amount) - (abs(before.amount) - result.closed)
        return (left + opened * abs(price) / self.settings(symbol).leverage).quantize(MONEY_STEP)
