"""What is held of each asset, and the trades that would bring it to other weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any

from alphapulse.money import ZERO, plain
from alphapulse.portfolio.valuation import Worth, summed
from apps.portfolio.services.valuation import Valuation

_EXACT = Context(prec=76)
# A weight is told to six places; what moves less than that moves by rounding alone.
LEAST = Decimal("0.0001")
AMOUNT_STEP = Decimal("1E-8")
VALUE_STEP = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Over all accounts. `value` is None where a part of it has no price."""

    amount: Decimal
    value: Decimal | None
    price: Decimal | None


def held_of(worth: Worth) -> dict[str, Held]:
    """By asset: balances alone, as what positions have earned so far cannot be sold."""
    found = {}
    for asset, lines in worth.by(lambda holding: holding.asset).items():
        own = [line for line in lines if not line.holding.symbol and line.holding.amount]
        values = [line.value for line in own]
        price = next((line.price.value for line in own if line.price), None)
        if own:
            found[asset] = Held(
                amount=summed(line.holding.amount for line in own if line.holding.amount is not None),
                value=None if None in values else summed(value for value in values if value is not None),
                price=price,
            )
    return found


def nothing_of(asset: str, money: str, valuation: Valuation) -> Held:
    price = valuation.prices.book.price(asset, money)
    return Held(amount=ZERO, value=ZERO, price=price.value if price else None)


def whole_of(held: Mapping[str, Held]) -> Decimal:
    """The worth of what has a price."""
    return summed(each.value for each in held.values() if each.value is not None)


def trades(weights: Mapping[str, float], held: Mapping[str, Held], *, money: str) -> list[dict[str, Any]]:
    """Sales first: they pay for the rest. An amount is null where the asset has no price here."""
    if any(each.value is None for each in held.values()):
        return []
    whole = whole_of(held)
    if whole <= 0:
        return []
    moves = {asset: _move(weight, held[asset], whole) for asset, weight in weights.items()}
    told = [_trade(asset, value, held[asset], money) for asset, value in moves.items() if abs(value) >= LEAST * whole]
    return sorted(told, key=lambda trade: (trade["side"] == "buy", -Decimal(trade["value"]), trade["asset"]))


def _move(weight: float, held: Held, whole: Decimal) -> Decimal:
    wanted = _EXACT.multiply(Decimal(f"{weight:.6f}"), whole)
    return _EXACT.subtract(wanted, held.value or ZERO)


def _trade(asset: str, value: Decimal, held: Held, money: str) -> dict[str, Any]:
    side = "buy" if value > 0 else "sell"
    amount = _EXACT.divide(abs(value), held.price).quantize(AMOUNT_STEP, ROUND_DOWN, _EXACT) if held.price else None
    of_it = "" if amount is None else f"{plain(amount)} "
    worth = plain(abs(value).quantize(VALUE_STEP, context=_EXACT))
    return {
        "asset": asset,
        "side": side,
        "amount": None if amount is None else plain(amount),
        "value": worth,
        "words": f"{side} {of_it}{asset} for about {worth} {money}",
    }
