"""What bookings were worth in one currency, at their times. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from alphapulse.money import size
from alphapulse.portfolio.bookings import Booking, Move, Why, rising
from alphapulse.portfolio.lots import EXACT, part, to_step
from alphapulse.portfolio.past_prices import Price, PricesIn

Value = Decimal | None


@dataclass(frozen=True, slots=True)
class Valued:
    """What each of a booking's moves was worth, without a sign; None where nobody says."""

    booking: Booking
    values: tuple[Value, ...]


def in_order(bookings: Iterable[Booking]) -> list[Booking]:
    """By time; what came from nowhere before what was exchanged, and that before what left. The same for any order."""
    return sorted(bookings, key=lambda each: (each.at, _place(each), each.account, *rising(each.key)))


def _place(booking: Booking) -> int:
    if booking.why is Why.EXCHANGED:
        return 1
    return 0 if all(move.amount > 0 for move in booking.moves) else 2


def value(bookings: Iterable[Booking], prices: PricesIn) -> tuple[list[Valued], Counter[str]]:
    """In order; and how often each source of prices was used."""
    sources: Counter[str] = Counter()
    return [Valued(booking, _values(booking, prices, sources)) for booking in in_order(bookings)], sources


def _values(booking: Booking, prices: PricesIn, sources: Counter[str]) -> tuple[Value, ...]:
    def worth(moves: Sequence[Move]) -> Value:
        found: list[Price] = []
        for move in moves:
            price = prices.price(move.asset, booking.at)
            if price is None:
                return None
            found.append(price)
        for price in found:
            for source in price.sources:
                sources[source] += 1
        return _sum(moves, [price.value for price in found]) if found else None

    if booking.why is Why.OWN:
        return (None,) * len(booking.moves)
    if len(booking.moves) == 1 and not booking.worth:
        return (worth(booking.moves),)
    gave = [move for move in booking.moves if move.amount < 0]
    got = [move for move in booking.moves if move.amount > 0]
    # What was given or got in the books' own currency costs what it is: a market's price is but near it.
    exact = [side for side in (gave, got) if side and all(prices.is_own(move.asset) for move in side)]
    whole = _first(map(worth, [*exact, *([each] for each in booking.worth), gave, got]))
    return tuple(_share(move, got if move.amount > 0 else gave, whole, worth) for move in booking.moves)


def _first(values: Iterable[Value]) -> Value:
    return next((value for value in values if value is not None), None)


def _sum(moves: Sequence[Move], prices: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for move, price in zip(moves, prices, strict=True):
        total = EXACT.add(total, EXACT.multiply(size(move.amount), price))
    return to_step(total)


def _share(move: Move, side: Sequence[Move], whole: Value, worth: Callable[[Sequence[Move]], Value]) -> Value:
    """What of the whole's worth falls on one of a side: by what each of the side was worth elsewhere."""
    if whole is None or len(side) == 1:
        return whole
    own, together = worth([move]), worth(side)
    return part(whole, own, together) if own is not None and together else None
