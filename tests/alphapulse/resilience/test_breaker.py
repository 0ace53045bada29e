from datetime import UTC, datetime, timedelta

from alphapulse.resilience.breaker import Breaker, BreakerState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(minutes=10)


def failed(times: int, breaker: Breaker | None = None, *, at: datetime = NOW) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker = breaker.after_failure(at, asked_at=at)
    return breaker


def test_four_failures_in_a_row_are_forgiven():
    breaker = failed(4)
    assert breaker.state(NOW) is BreakerState.CLOSED
    assert breaker.allows(NOW)


def test_the_fifth_failure_opens_it_for_ten_minutes():
    breaker = failed(5)
    assert breaker.state(NOW) is BreakerState.OPEN
    assert not breaker.allows(LATER - SECOND)


def test_a_success_in_between_starts_the_count_anew():
    assert failed(4, failed(4).after_success(NOW)).allows(NOW)


def test_after_its_rest_one_probe_may_go_out():
    breaker = failed(5)
    assert breaker.state(LATER) is BreakerState.HALF_OPEN
    assert breaker.allows(LATER)
    assert not breaker.with_probe(LATER).allows(LATER)


def test_a_probe_that_succeeds_closes_it():
    breaker = failed(5).with_probe(LATER).after_success(LATER)
    assert breaker == Breaker()


def test_a_probe_that_fails_opens_it_again_for_as_long():
    breaker = failed(5).with_probe(LATER).after_failure(LATER, asked_at=LATER)
    assert not breaker.allows(LATER + timedelta(minutes=10) - SECOND)
    assert breaker.allows(LATER + timedelta(minutes=10))


def test_a_probe_that_died_frees_its_place():
    breaker = failed(5).with_probe(LATER)
    assert not breaker.allows(LATER + breaker.probe_lease - SECOND)
    assert breaker.allows(LATER + breaker.probe_lease)


def test_failures_of_what_was_asked_before_it_opened_do_not_make_the_rest_longer():
    breaker = failed(5)
    assert breaker.after_failure(NOW + 20 * SECOND, asked_at=NOW - SECOND) == breaker


def test_a_ban_lasts_to_the_end_that_was_named_whatever_gets_through():
    breaker = Breaker().after_ban(LATER).after_ban(NOW + SECOND).after_success(NOW)
    assert breaker.state(LATER - SECOND) is BreakerState.BANNED
    assert not breaker.allows(LATER - SECOND)


def test_after_a_ban_one_probe_reopens_the_exchange():
    breaker = Breaker().after_ban(LATER)
    assert breaker.state(LATER) is BreakerState.HALF_OPEN
    assert not breaker.with_probe(LATER).allows(LATER)
    assert breaker.after_success(LATER) == Breaker()


def test_orders_pass_an_open_breaker_and_a_half_open_one_but_never_a_ban():
    opened = failed(5)
    assert [opened.allows_orders(at) for at in (NOW, LATER)] == [True, True]
    banned = opened.after_ban(LATER)
    assert [banned.allows_orders(at) for at in (NOW, LATER)] == [False, True]


def test_a_step_leaves_the_value_it_came_from_alone():
    breaker = failed(4)
    breaker.after_failure(NOW, asked_at=NOW)
    assert breaker.failures == 4
