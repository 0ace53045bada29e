from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from alphapulse.exchanges.route import Route
from alphapulse.types import Environment, SyncKind
from apps.exchanges import budgets, health
from apps.exchanges.budgets import counters
from apps.sync.models import SyncRun, SyncState
from apps.sync.services.claim import BATCH, BY_HAND, LEASE, claim_asked, claim_batch
from tests.apps.builders import NOON, account, later, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]

DEFAULT = Route(exchange_id="binance", environment=Environment.SANDBOX)


def claimed(now=NOON, exchange_id="binance", kind=SyncKind.BALANCES) -> list[str]:
    claim = claim_batch(exchange_id, kind, now)
    return [each.account.label for each in claim.states] if claim else []


def test_the_oldest_due_come_first_and_what_is_not_due_stays():
    for label, seconds in (("now", 0), ("overdue", -60), ("soon", 5)):
        state(account(label), due_at=later(seconds))
    assert sorted(claimed()) == ["now", "overdue"]


def test_what_people_asked_for_goes_before_everything_else_even_when_not_due():
    for number in range(BATCH):
        state(account(f"a{number}"), due_at=later(-100))
    state(account("asked"), due_at=later(600), requested_at=later(-1))
    assert "asked" in claimed()


def test_a_claimed_state_is_nobody_elses_until_the_lease_ends():
    state(account())
    assert claimed() == ["main"]
    assert claimed(later(1)) == []
    assert claimed(NOON + LEASE) == ["main"]


def test_each_claim_has_a_higher_number_than_the_one_before():
    mine = state(account())
    claimed()
    mine.refresh_from_db()
    first = mine.claim
    claimed(NOON + LEASE)
    mine.refresh_from_db()
    assert mine.claim > first
    assert SyncRun.objects.count() == 2


def test_a_batch_takes_fifty_and_no_more():
    for number in range(BATCH + 5):
        state(account(f"a{number}", exchange_id="bybit"))
    assert len(claimed(exchange_id="bybit")) == BATCH
    assert len(claimed(exchange_id="bybit")) == 5


def test_a_batch_never_mixes_environments_or_egresses(settings):
    settings.EGRESSES = {"second": {"local_address": "127.0.0.2"}}
    state(account("live one", environment="live"), due_at=later(-3))
    state(account("sandbox one"), due_at=later(-2))
    state(account("other ip", egress="second"), due_at=later(-1))
    assert [claimed(), claimed(), claimed(), claimed()] == [["live one"], ["sandbox one"], ["other ip"], []]


def test_what_the_budget_does_not_grant_stays_due_and_is_no_failure():
    # Of 5,400, what prices and markets need is kept for them, and some for people.
    budgets.take(DEFAULT, {"spot": 1}, wanted=5400 - 4 * 80 - 20 - int(6000 * BY_HAND) - 50, now=NOON)
    for number in range(5):
        state(account(f"a{number}"), due_at=later(-number))
    assert len(claimed()) == 2
    assert SyncState.objects.filter(failures=0, claimed_until=None, due_at__lte=NOON).count() == 3
    # Past the lease too, so all five are due: the next minute has room for them.
    assert len(claimed(later(61))) == 5


def asked(now=NOON, exchange_id="binance") -> list[str]:
    claim = claim_asked(exchange_id, now, reads_on=False)
    return [each.account.label for each in claim.states] if claim else []


def test_what_people_asked_for_is_claimed_by_itself_kind_by_kind_the_latest_question_first():
    mine = account("mine")
    state(mine, "orders", requested_at=later(-2), due_at=later(600))
    state(mine, "balances", requested_at=later(-1), due_at=later(600))
    state(account("due"), due_at=later(-100))
    state(account("elsewhere", exchange_id="bybit"), requested_at=NOON)
    claims = [claim_asked("binance", NOON, reads_on=False) for _ in range(2)]
    assert [claim.kind for claim in claims] == [SyncKind.BALANCES, SyncKind.ORDERS]
    assert [[each.account.label for each in claim.states] for claim in claims] == [["mine"], ["mine"]]
    assert asked() == []


def test_what_is_read_on_is_asked_for_apart_from_what_an_account_has():
    mine = account()
    state(mine, "trades", requested_at=NOON, due_at=later(600))
    assert claim_asked("binance", NOON, reads_on=False) is None
    assert claim_asked("binance", NOON, reads_on=True).kind is SyncKind.TRADES


def test_the_latest_question_does_not_wait_behind_a_crowd_of_others(settings):
    settings.EGRESSES = {"second": {"local_address": "127.0.0.2"}}
    for number in range(BATCH + 5):
        state(account(f"a{number}"), requested_at=later(-number - 10))
    state(account("last"), requested_at=later(-1))
    assert "last" in asked()
    state(account("other ip", egress="second"), requested_at=NOON)
    assert asked() == ["other ip"]
    assert len(asked()) == 6


def test_what_the_clock_leaves_of_the_budget_is_there_for_people():
    for number in range(400):
        state(account(f"a{number}"))
    while claimed():
        pass
    left = SyncState.objects.filter(claimed_until=None)
    assert left.exists()
    left.filter(pk=left.first().pk).update(requested_at=NOON)
    assert claimed() == []
    assert len(asked()) == 1


def test_what_people_ask_for_waits_behind_a_ban_too():
    state(account(), requested_at=NOON)
    health.banned(DEFAULT, until=later(60), error="banned", at=NOON)
    assert asked(later(59)) == []
    assert asked(later(60)) == ["main"]


def test_a_lane_without_budget_does_not_hold_up_another(settings):
    settings.EGRESSES = {"second": {"local_address": "127.0.0.2"}}
    budgets.take(DEFAULT, {"spot": 1}, wanted=5400, now=NOON)
    state(account("poor"), due_at=later(-100))
    state(account("rich", egress="second"))
    assert claimed() == ["rich"]


def test_an_egress_that_is_not_configured_is_told_to_its_accounts_and_holds_up_nobody():
    lost = state(account("lost", egress="nowhere"), due_at=later(-100))
    state(account("fine"))
    assert claimed() == ["fine"]
    lost.refresh_from_db()
    assert "'nowhere' is not among EGRESSES" in lost.error
    assert lost.due_at > NOON


def test_an_open_breaker_or_a_ban_leaves_the_work_due_and_unclaimed():
    state(account())
    health.banned(DEFAULT, until=later(60), error="banned", at=NOON)
    assert claimed(later(59)) == []
    assert claimed(later(60)) == ["main"]


def test_a_half_open_exchange_gets_one_probe_of_one_account():
    for number in range(3):
        state(account(f"a{number}"))
    for _ in range(5):
        health.failed(DEFAULT, error="down", asked_at=NOON, at=NOON)
    assert claimed(later(599)) == []
    assert len(claimed(later(600))) == 1
    assert claimed(later(601)) == []


def test_after_a_ban_one_probe_reopens_the_exchange():
    for number in range(3):
        state(account(f"a{number}"))
    health.banned(DEFAULT, until=later(60), error="banned", at=NOON)
    assert [len(claimed(later(60))), len(claimed(later(61)))] == [1, 0]
    health.answered(DEFAULT, at=later(62))
    assert len(claimed(later(62))) == 2


def test_prices_are_asked_for_even_when_accounts_have_spent_all_they_may():
    budgets.take(DEFAULT, {"spot": 1, "usdm": 1}, wanted=1700, now=NOON)
    for number in range(50):
        state(account(f"a{number}"), "orders")
    SyncState.objects.create(exchange_id="binance", environment="sandbox", kind="tickers", due_at=NOON)
    assert claim_batch("binance", SyncKind.ORDERS, NOON)
    assert claim_batch("binance", SyncKind.ORDERS, NOON) is None
    assert claim_batch("binance", SyncKind.TICKERS, NOON)


def test_a_key_with_rising_nonces_is_asked_one_thing_at_a_time():
    mine = account(exchange_id="kraken")
    for kind in ("balances", "orders"):
        state(mine, kind)
    assert claimed(exchange_id="kraken", kind=SyncKind.BALANCES) == ["main"]
    assert claimed(exchange_id="kraken", kind=SyncKind.ORDERS) == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_still_ask_one_key_one_thing_at_a_time():
    mine = account(exchange_id="kraken")
    kinds = ("balances", "positions", "orders")
    for kind in kinds:
        state(mine, kind)
    start = Barrier(len(kinds))

    def worker(kind: str) -> int:
        start.wait(10)
        try:
            return len(claimed(exchange_id="kraken", kind=SyncKind(kind)))
        finally:
            connection.close()

    with ThreadPoolExecutor(len(kinds)) as workers:
        assert sum(workers.map(worker, kinds)) == 1


def test_a_lost_count_is_no_riddle_when_nothing_was_asked_lately(redis_url):
    counters.server(redis_url).flushall()
    for number in range(BATCH):
        state(account(f"a{number}", exchange_id="bybit"))
    assert len(claimed(exchange_id="bybit")) == BATCH


def test_a_count_lost_while_others_were_asking_leaves_them_their_part(redis_url):
    for number in range(BATCH + 1):
        state(account(f"a{number}", exchange_id="bybit"), due_at=later(-number))
    SyncState.objects.filter(account__label="a0").update(due_at=later(1))
    claimed(exchange_id="bybit")
    counters.server(redis_url).flushall()
    SyncState.objects.update(claimed_until=None)
    # Two requests each, of half of the orders' tenth of 600.
    assert len(claimed(later(2), exchange_id="bybit")) == 15


def test_a_lane_that_nobody_has_asked_yet_sends_one_to_see_what_others_have_used(redis_url):
    counters.server(redis_url).flushall()
    for number in range(3):
        state(account(f"a{number}"))
    assert [len(claimed(later(5))), len(claimed(later(5)))] == [1, 0]
