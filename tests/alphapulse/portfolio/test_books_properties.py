"""What is true of all books, whatever happened."""

from collections import Counter
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.portfolio.bookings import Booking, Move, Why
from alphapulse.portfolio.books import GAINS, Item, residual
from alphapulse.portfolio.lots import EXACT, Method
from alphapulse.portfolio.past_prices import Told
from tests.alphapulse.portfolio.happenings import MAIN, OTHER, books, day, told

ASSETS = ("USDT", "BTC", "ETH", "BNB")
# Whatever may come out of a division.
TINY = Decimal("1e-12")

amounts = st.integers(1, 10**14).map(lambda units: Decimal(units).scaleb(-8))
# Each example is a past of ten bookings: fifty are enough.
few = settings(max_examples=50)
methods = st.sampled_from(list(Method))
assets = st.sampled_from(ASSETS)
_ALONE = tuple(why for why in Why if why is not Why.EXCHANGED)


def _exchanged(gave: tuple[str, Decimal], got: tuple[str, Decimal]) -> tuple[Why, tuple[Move, ...]]:
    other = got[0] if got[0] != gave[0] else next(asset for asset in ASSETS if asset != gave[0])
    return Why.EXCHANGED, (Move(gave[0], -gave[1]), Move(other, got[1]))


def _alone(why: Why, asset: str, amount: Decimal, is_in: bool) -> tuple[Why, tuple[Move, ...]]:
    is_in = {Why.DEPOSIT: True, Why.WITHDRAWAL: False}.get(why, is_in)
    return why, (Move(asset, amount if is_in else -amount),)


moves = st.builds(_exchanged, st.tuples(assets, amounts), st.tuples(assets, amounts)) | st.builds(
    _alone, st.sampled_from(_ALONE), assets, amounts, st.booleans()
)
whats = st.lists(st.tuples(moves, st.sampled_from((MAIN, OTHER)), st.integers(1, 30)), max_size=10)
pasts = whats.map(
    lambda rows: [
        Booking(account=account, at=day(on), key=str(number), why=why, moves=moved)
        for number, ((why, moved), account, on) in enumerate(rows)
    ]
)


def _prices(salt: int, known: set[str]) -> list[Told]:
    """Of each asset that has any, another every day."""
    days = [(number, asset, on) for number, asset in enumerate(sorted(known)) for on in range(1, 31)]
    return [told(asset, "USDT", str((salt * (31 * number + on)) % 99991 + 1), on) for number, asset, on in days]


every_price = st.integers(1, 99990).map(lambda salt: _prices(salt, set(ASSETS[1:])))
some_prices = st.builds(_prices, st.integers(1, 99990), st.sets(st.sampled_from(ASSETS[1:])))


@few
@given(past=pasts, known=some_prices, method=methods, balance=st.decimals("0", "1000", places=8))
def test_what_was_moved_and_the_residual_explain_every_balance(past, known, method, balance):
    kept = books(past, method, prices=known)
    moved: Counter[tuple[int, str]] = Counter()
    for booking in past:
        for move in booking.moves:
            moved[booking.account, move.asset] += move.amount  # type: ignore[assignment]
    assert dict(kept.moved) == dict(moved)
    for explained in kept.moved.values():
        assert explained + residual(balance, explained) == balance


@few
@given(past=pasts, known=some_prices, method=methods)
def test_what_is_held_and_what_came_from_nowhere_are_all_that_was_moved(past, known, method):
    """Of each asset; what goes from one account of ours to another comes from none of the lots."""
    kept = books([booking for booking in past if booking.why is not Why.OWN], method, prices=known)
    for asset in ASSETS:
        moved = sum(amount for (_, each), amount in kept.moved.items() if each == asset)
        held = kept.held.get(asset)
        nowhere = sum(gap.amount for gap in kept.gaps if gap.asset == asset and gap.missing.name == "NOT_ACQUIRED")
        assert moved == (held.amount + held.without_cost if held else 0) - nowhere


@few
@given(past=pasts, known=some_prices, method=methods, seed=st.randoms())
def test_permuting_what_happened_changes_nothing(past, known, method, seed):
    shuffled, others = list(past), list(known)
    seed.shuffle(shuffled)
    seed.shuffle(others)
    assert books(shuffled, method, prices=others) == books(past, method, prices=known)


@few
@given(past=pasts, known=every_price, method=methods)
def test_what_is_held_cost_what_came_in_and_was_gained(past, known, method):
    """Where everything is known: deposits, and gains, less what left at its cost."""
    kept = books(past, method, prices=known)
    if kept.gaps or any(booking.why is Why.OWN for booking in past):
        return
    came = EXACT.subtract(kept.total(Item.DEPOSITED, *GAINS), kept.total(Item.WITHDRAWN_COST))
    assert abs(EXACT.subtract(kept.cost, came)) < TINY


def _all_sold(changes: list[tuple[Decimal, bool, Decimal]]) -> list[Booking]:
    """Bought and sold for USDT in any order that never sells what is not there, and in the end all of it."""
    held, steps = Decimal(0), []
    for amount, is_sale, paid in changes:
        change = -min(amount, held) if held and is_sale else amount
        held += change
        steps.append((change, -paid if change > 0 else paid))
    steps.append((-held, Decimal(7)))
    return [
        Booking(account=MAIN, at=day(on), key=str(on), why=Why.EXCHANGED, moves=(Move("BTC", got), Move("USDT", paid)))
        for on, (got, paid) in enumerate(steps, 1)
        if got
    ]


all_sold = st.lists(st.tuples(amounts, st.booleans(), amounts), min_size=1, max_size=12).map(_all_sold)


@few
@given(past=all_sold)
def test_all_methods_agree_when_all_is_sold(past):
    gains = {method: books(past, method).total() for method in Method}
    brought = sum(move.amount for booking in past for move in booking.moves if move.asset == "USDT")
    assert gains == dict.fromkeys(Method, brought)
