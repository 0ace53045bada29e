"""What positions have earned, beside prices that are newer than what their exchange said of them."""

from decimal import Decimal

import pytest

from alphapulse.types import PositionSide, SyncKind
from apps.portfolio.services import snapshots
from apps.portfolio.services.history import equity_curve
from apps.portfolio.services.valuation import value_accounts
from tests.apps.builders import NOON, later, workspace
from tests.apps.portfolio.holdings import fail, holding, position, store, tell

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

COIN = {"BTC/USDT": "100000", "BTC/USD:BTC": "100000", "BTC/USDT:USDT": "100000"}
UP = dict.fromkeys(COIN, "160000")
DEAR = Decimal(100000)


def short(symbol, contracts, contract_size, **more):
    """Of 100,000 dollars, opened at the price of now."""
    prices = dict.fromkeys(("entry_price", "mark_price"), DEAR)
    sizes = {"contracts": Decimal(contracts), "contract_size": Decimal(contract_size)}
    return position(symbol, side=PositionSide.SHORT, earned="0", **(prices | sizes | more))


def hedged(at=NOON):
    """A bitcoin, of which whatever it wins a contract loses: 100,000 dollars at any price."""
    mine = holding(BTC="1", wallet="coinm", at=at)
    store(mine, SyncKind.POSITIONS, short("BTC/USD:BTC", 1000, 100), wallet="coinm", at=at)
    return mine


def valued(mine, now):
    return value_accounts([mine], "USDT", now=now)


def test_a_move_of_sixty_percent_and_back_leaves_the_curve_where_it_was():
    """Nobody has read the position meanwhile: hedged, it was 100,000 all the time."""
    tell(COIN)
    hedged()
    for seconds, prices in ((0, COIN), (300, UP), (600, COIN)):
        tell(prices, at=later(seconds))
        snapshots.take(workspace().pk, "sandbox", now=later(seconds))
    points = equity_curve([workspace().pk], "sandbox", "USDT")
    assert [round(point.value, 6) for point in points] == [100000, 100000, 100000]
    assert all(point.is_complete for point in points)


def test_what_an_account_that_fails_earns_meanwhile_puts_it_in_no_doubt():
    """Its rows are the same; the market is another, and what was earned with it."""
    tell(COIN)
    mine = holding(USDT="100000", wallet="usdm")
    store(mine, SyncKind.POSITIONS, short("BTC/USDT:USDT", 1, 1), wallet="usdm")
    snapshots.take(workspace().pk, "sandbox", now=NOON)
    fail(mine)
    tell(dict.fromkeys(COIN, "90000"), at=later(300))
    snapshots.take(workspace().pk, "sandbox", now=later(300))
    points = equity_curve([workspace().pk], "sandbox", "USDT")
    assert [(point.value, point.is_complete) for point in points] == [(100000, True), (110000, False)]


def test_a_position_that_is_newer_than_the_prices_counts_at_theirs_as_its_coins_do():
    """Read at the high, while prices are those of a moment before: hedged, it was 100,000 all the time."""
    tell(COIN)
    mine = holding(BTC="1", wallet="coinm", at=later(10))
    # Sold at 100,000: at 160,000 that lost 60,000 dollars, which is 0.375 of a coin.
    high = {"mark_price": Decimal(160000), "unrealized_pnl": Decimal("-0.375")}
    store(mine, SyncKind.POSITIONS, short("BTC/USD:BTC", 1000, 100, **high), wallet="coinm", at=later(10))
    assert round(valued(mine, later(11)).worth.total, 6) == 100000
    tell(UP, at=later(15))
    assert round(valued(mine, later(16)).worth.total, 6) == 100000


def test_a_position_that_was_read_at_other_prices_than_those_of_now_counts_at_those_of_now():
    """The exchange said at the high what a contract earned there; its market came down a moment later."""
    tell(COIN)
    mine = holding(USDT="100000", wallet="usdm")
    high = {"mark_price": Decimal(160000), "unrealized_pnl": Decimal(-60000)}
    store(mine, SyncKind.POSITIONS, short("BTC/USDT:USDT", 1, 1, **high), wallet="usdm", at=later(0))
    tell(COIN, at=later(15))
    found = valued(mine, later(15))
    assert (found.worth.total, found.worth.is_complete) == (100000, True)
    assert [(each.mark_price, each.notional) for each in found.positions] == [(DEAR, DEAR)]


def test_the_exchanges_own_word_stands_while_prices_are_hardly_newer():
    """A mark is no last price: 5 are told, and 0 would follow."""
    tell(COIN)
    mine = holding(USDT="1000", wallet="usdm")
    told = short("BTC/USDT:USDT", 1, 1, unrealized_pnl=Decimal(5))
    store(mine, SyncKind.POSITIONS, told, wallet="usdm")
    for seconds, total in ((60, 1005), (61, 1000)):
        tell(COIN, at=later(seconds))
        assert valued(mine, later(seconds)).worth.total == total


@pytest.mark.parametrize(
    "told",
    [
        short("X/USDT:USDT", 1, 1),  # nothing tells what it costs now
        short("ETH/USD:BTC", 1, 1),  # paid in a third coin: nobody knows how many of it
        short("BTC/USDT:USDT", 1, 1, entry_price=None),
    ],
)
def test_what_cannot_be_told_at_prices_of_now_is_stale_and_counts_as_it_was(told):
    tell(COIN | {"ETH/USD:BTC": "100000"})
    mine = holding(USDT="1000", wallet="usdm")
    store(mine, SyncKind.POSITIONS, told, wallet="usdm")
    tell(COIN | {"ETH/USD:BTC": "100000"}, at=later(301))
    assert valued(mine, later(300)).worth.is_complete
    found = valued(mine, later(301))
    assert (found.worth.total, found.worth.is_complete, found.worth.stale) == (1000, False, {mine.pk})
    [why] = found.stale[mine.pk]
    assert why == f"positions of usdm: what {told.symbol} has earned is of another time than the prices beside it"


def test_what_is_known_to_have_moved_and_cannot_be_told_is_stale_at_once():
    quanto = {"ETH/USD:BTC": "100000"}
    tell(COIN | quanto)
    mine = holding(USDT="1000", wallet="usdm")
    store(mine, SyncKind.POSITIONS, short("ETH/USD:BTC", 1, 1), wallet="usdm")
    tell(UP | {"ETH/USD:BTC": "160000"}, at=later(10))
    assert valued(mine, later(10)).worth.stale == {mine.pk}


def test_worth_is_of_the_moment_of_its_prices_until_there_are_newer_ones():
    tell(UP, at=later(-30))
    mine = holding(USDT="100000", wallet="usdm")
    store(mine, SyncKind.POSITIONS, short("BTC/USDT:USDT", 1, 1), wallet="usdm")
    assert valued(mine, NOON).worth.total == 40000
    tell(COIN, at=NOON)
    assert valued(mine, later(1)).worth.total == 100000
