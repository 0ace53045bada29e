from datetime import UTC, datetime, timedelta

from alphapulse.resilience.budget import Share, window_start, windows_between

MINUTE = timedelta(minutes=1)


def test_a_part_of_the_limit_is_left_for_orders_and_for_others():
    assert Share().of(6000) == 5400
    assert Share(for_orders=0.1, for_others=0.5).of(6000) == 2400


def test_windows_are_those_of_the_clock_on_the_wall():
    now = datetime(2026, 1, 1, 12, 34, 56, 789, tzinfo=UTC)
    assert window_start(now, MINUTE) == int(datetime(2026, 1, 1, 12, 34, tzinfo=UTC).timestamp())


def test_a_window_of_five_seconds_starts_at_multiples_of_five():
    now = datetime(2026, 1, 1, 12, 34, 59, tzinfo=UTC)
    assert window_start(now, timedelta(seconds=5)) == int(datetime(2026, 1, 1, 12, 34, 55, tzinfo=UTC).timestamp())


def test_the_first_moment_of_a_window_belongs_to_it():
    now = datetime(2026, 1, 1, 12, 35, tzinfo=UTC)
    assert window_start(now, MINUTE) == int(now.timestamp())


def test_orders_may_use_what_syncs_leave_and_nobody_what_is_the_others():
    share = Share(for_orders=0.1, for_others=0.2)
    assert (share.of(60), share.with_orders(60), share.unproven(60)) == (42, 48, 3)


def test_what_is_spent_of_a_window_whose_count_is_lost_stays_under_the_limit_whatever_was_granted_before():
    share = Share()
    for limit in (1, 20, 60, 600, 6000):
        assert share.of(limit) + share.unproven(limit) <= limit


def test_what_is_sent_late_may_fall_into_any_of_several_windows():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert windows_between(noon + timedelta(seconds=20), noon + timedelta(seconds=50), MINUTE) == [noon.timestamp()]
    late = windows_between(noon + timedelta(seconds=40), noon + timedelta(seconds=70), MINUTE)
    assert late == [noon.timestamp(), noon.timestamp() + 60]
    assert len(windows_between(noon, noon + timedelta(seconds=30), timedelta(seconds=5))) == 7
