from datetime import timedelta

import pytest

from alphapulse.exchanges.route import Route
from alphapulse.types import Environment
from apps.exchanges import health
from apps.exchanges.models import ExchangeAccount
from apps.sync.models import SyncState
from tests.apps.builders import NOON, account, later, state

from .looking import all_is_well, look, the_event

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

BINANCE = ("sync_silent", "binance (sandbox, by default)")
ROUTE = Route(exchange_id="binance", environment=Environment.SANDBOX)


@pytest.fixture(autouse=True)
def the_rest_is_well(shared_redis):
    """Balances are due every 30 s, so three intervals are 90 s."""
    for seconds in range(0, 4000, 20):
        all_is_well(later(seconds))


def at(seconds: float) -> list[tuple[str, str]]:
    all_is_well(later(seconds))
    return look(later(seconds))


def test_due_work_that_nobody_does_for_three_intervals_is_told():
    state(account(), succeeded_at=NOON, due_at=later(30))
    assert at(90) == []
    assert at(91) == [BINANCE]
    assert the_event().message == (
        "binance (sandbox, by default): no sync has succeeded for 1 min 31 s; 1 are overdue, the oldest by 1 min 1 s. "
        "Nobody has taken them."
    )


def test_short_intervals_get_a_minute():
    state(account(), succeeded_at=NOON, due_at=later(1), interval_override=timedelta(seconds=1))
    assert at(60) == []
    assert at(61) == [BINANCE]


def test_one_sync_that_succeeds_shows_that_the_lane_lives():
    mine = account()
    state(mine, succeeded_at=NOON, due_at=later(30))
    state(mine, "positions", succeeded_at=later(200), due_at=later(230))
    assert at(240) == []


def test_what_is_not_due_yet_is_not_missed():
    state(account(), succeeded_at=NOON, due_at=later(3600), interval_override=timedelta(hours=1))
    assert at(3000) == []


def test_a_past_that_waits_for_its_budget_is_not_missed():
    mine = account()
    state(mine, "trades", succeeded_at=NOON, due_at=NOON, is_behind=True)
    state(mine, succeeded_at=NOON, due_at=later(3600), interval_override=timedelta(hours=1))
    assert at(3000) == []


def test_a_disabled_account_is_not_missed():
    state(account(is_enabled=False), succeeded_at=NOON, due_at=None)
    assert at(3600) == []


def test_a_rejected_key_is_its_owners_trouble_and_no_ops_event():
    state(account(), succeeded_at=NOON, due_at=later(3700), failures=5, error_kind="CredentialsRejected")
    assert at(3600) == []


def test_every_sync_that_fails_is_told_with_the_error_though_nothing_is_overdue():
    trouble = {"failures": 3, "error_kind": "Transient", "error": "Binance did not answer in time."}
    state(account(), succeeded_at=NOON, due_at=later(600), **trouble)
    assert at(120) == [BINANCE]
    assert "1 fail: Binance did not answer in time." in the_event().message


def test_a_hiccup_that_retries_mend_is_not_told():
    trouble = {"failures": 2, "error_kind": "Transient", "error": "Binance did not answer in time."}
    state(account(), succeeded_at=NOON, due_at=later(600), **trouble)
    assert at(120) == []


def test_a_banned_exchange_is_told_as_such_with_the_bans_end():
    error = {"failures": 1, "error_kind": "RateLimited", "error": "way too many requests"}
    state(account(), succeeded_at=NOON, due_at=later(1800), **error)
    health.banned(ROUTE, until=later(1800), error="way too many requests", at=later(30))
    assert at(120) == [BINANCE]
    event = the_event()
    assert "The exchange has banned us until 2026-11-21 12:30:00 UTC: way too many requests" in event.message
    assert event.advice.startswith("Nothing: every worker waits until then.")


def test_an_open_breaker_is_told_as_such():
    state(account(), succeeded_at=NOON, due_at=later(30))
    for number in range(5):
        health.failed(ROUTE, error="Binance did not answer.", asked_at=later(40 + number), at=later(41 + number))
    assert at(120) == [BINANCE]
    assert "Its breaker is open after 5 failures in a row: Binance did not answer." in the_event().message


def test_the_reason_follows_while_the_event_stays_the_same():
    state(account(), succeeded_at=NOON, due_at=later(30))
    at(120)
    first = the_event()
    health.banned(ROUTE, until=later(1800), error="way too many requests", at=later(125))
    at(130)
    second = the_event()
    assert (second.pk, second.opened_at, second.count) == (first.pk, first.opened_at, 2)
    assert "banned us until" in second.message


def test_environments_and_egresses_are_lanes_of_their_own():
    state(account("paper"), succeeded_at=NOON, due_at=later(30))
    state(account("real", environment="live"), succeeded_at=later(280), due_at=later(310))
    state(account("far", environment="live", egress="second"), succeeded_at=NOON, due_at=later(30))
    assert at(300) == [("sync_silent", "binance (live, by second)"), BINANCE]


def test_a_new_account_gets_three_intervals_for_its_first_success():
    state(account(), due_at=later(0))
    ExchangeAccount.objects.update(created_at=NOON)
    assert at(89) == []
    assert at(91) == [BINANCE]


def test_prices_of_an_exchange_are_missed_too():
    SyncState.objects.create(
        account=None, exchange_id="bybit", environment="live", kind="tickers", due_at=NOON, succeeded_at=NOON
    )
    assert at(300) == [("sync_silent", "bybit (live, by default)")]


def test_what_has_just_been_started_gets_its_three_intervals():
    state(account(), succeeded_at=later(-36000), due_at=later(-35000))
    all_is_well(later(80))
    assert look(later(80), since=NOON) == []
    all_is_well(later(100))
    assert look(later(100), since=NOON) == [BINANCE]


def test_it_closes_when_a_sync_succeeds():
    mine = state(account(), succeeded_at=NOON, due_at=later(30))
    at(120)
    SyncState.objects.filter(pk=mine.pk).update(succeeded_at=later(125), due_at=later(155))
    assert at(130) == [BINANCE]
    assert at(141) == []


def test_a_look_takes_as_many_queries_for_thirty_accounts_as_for_one(django_assert_num_queries):
    state(account("first"), succeeded_at=NOON, due_at=later(30))
    at(120)
    all_is_well(later(130))
    with django_assert_num_queries(9) as first:
        look(later(130))
    for number in range(30):
        state(account(f"account {number}"), succeeded_at=NOON, due_at=later(30))
    all_is_well(later(140))
    with django_assert_num_queries(len(first)):
        look(later(140))
