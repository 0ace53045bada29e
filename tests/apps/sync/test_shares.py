import pytest

from alphapulse.exchanges.catalogue import exchange
from alphapulse.exchanges.route import Route
from alphapulse.types import ACCOUNT_KINDS, Environment, SyncKind
from apps.sync.models import SyncState
from apps.sync.services.shares import BY_HAND, MOST_FOR_LIVE, kept, left_by_seldom
from tests.apps.builders import NOON, account, later, state

pytestmark = [pytest.mark.django_db]

DEFAULT = Route(exchange_id="binance", environment=Environment.SANDBOX)
LIMITS = {quota.name: quota.limit for quota in exchange("binance").quotas}
USUAL = exchange("binance").costs(SyncKind.BALANCES, ["spot", "funding", "usdm"])


def test_accounts_leave_something_to_prices_and_to_people_and_prices_leave_nothing():
    by_clock = kept(DEFAULT, SyncKind.BALANCES, BY_HAND, NOON)
    by_hand = kept(DEFAULT, SyncKind.BALANCES, 0, NOON)
    assert by_clock["spot"] - by_hand["spot"] == LIMITS["spot"] * BY_HAND
    assert by_hand["spot"] > 0
    assert kept(DEFAULT, SyncKind.TICKERS, BY_HAND, NOON) == {}


def test_reads_that_are_seldom_made_leave_what_all_accounts_of_the_lane_need_to_be_on_time():
    for number in range(3):
        state(account(f"a{number}"))
    state(account("live", environment="live"))
    left = left_by_seldom(DEFAULT, {"sapi": 100}, NOON)
    # Three accounts, each twice a minute.
    assert left["sapi"] == 100 + 3 * 2 * USUAL["sapi"]
    assert left["spot"] == 3 * 2 * USUAL["spot"]


def test_where_accounts_need_more_than_there_is_others_get_a_part_all_the_same():
    for number in range(200):
        state(account(f"a{number}"))
    assert left_by_seldom(DEFAULT, {}, NOON)["spot"] == int(LIMITS["spot"] * MOST_FOR_LIVE)


def test_histories_leave_accounts_what_they_need_even_when_prices_and_people_have_spent_theirs():
    for kind in ACCOUNT_KINDS:
        state(account(f"of {kind}"), kind.value)
    live, reading_on = (kept(DEFAULT, kind, BY_HAND, NOON) for kind in (SyncKind.BALANCES, SyncKind.TRADES))
    of_orders = exchange("binance").costs(SyncKind.ORDERS)["spot"]
    of_balances = 2 * exchange("binance").costs(SyncKind.BALANCES)["spot"]
    left_by_histories, spent_by_others, kept_for_others = reading_on["spot"], live["spot"], live["spot"]
    assert left_by_histories - spent_by_others - kept_for_others == of_orders + of_balances


def test_histories_leave_only_what_the_rest_of_the_window_needs():
    state(account("a"))
    at_first, half_way, at_last = (kept(DEFAULT, SyncKind.TRADES, 0, later(second))["spot"] for second in (0, 30, 59.9))
    for_all = kept(DEFAULT, SyncKind.BALANCES, 0, NOON)["spot"]
    assert at_first - for_all == 2 * (half_way - for_all) > 0
    assert for_all < at_last < half_way


def test_what_reads_on_always_leaves_room_for_what_is_asked_for_seldom():
    for kind in ACCOUNT_KINDS:
        state(account(f"of {kind}"), kind.value)
    costs = exchange("binance").costs(SyncKind.ORDERS, ["coinm"])["usdm"]
    for second in (0, 30, 59.9):
        for_all = kept(DEFAULT, SyncKind.BALANCES, BY_HAND, later(second))
        left = kept(DEFAULT, SyncKind.CANDLES, BY_HAND, later(second))
        assert left["usdm"] - left_by_seldom(DEFAULT, for_all, later(second))["usdm"] >= costs > 0


def test_candles_which_are_cheap_leave_a_step_to_what_is_dear_and_waits_for_longer():
    dearest = exchange("binance").costs(SyncKind.FUNDING_PAYMENTS)["usdm"]
    state(account("a"), SyncKind.FUNDING_PAYMENTS.value, due_at=later(10))
    candles = SyncState.objects.create(exchange_id="binance", environment="sandbox", kind="candles", due_at=later(20))
    left = kept(DEFAULT, SyncKind.CANDLES, 0, later(60))["usdm"]
    candles.due_at = later(5)
    candles.save()
    assert left - kept(DEFAULT, SyncKind.CANDLES, 0, later(60))["usdm"] == dearest
