"""A series is read at both ends, wherever it is cut, and nothing is asked for that is proven."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alphapulse.market import timeframes
from alphapulse.market.backfill import LATE, Covered, Window, after, is_behind, windows

NOW = datetime(2026, 11, 21, 17, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MADE = {"timeframe": "1h", "per_page": 10}


def hour(number: float) -> datetime:
    return NOW.replace(minute=0) + number * HOUR


def asked(covered: Covered, since: datetime, now: datetime = NOW) -> list[Window]:
    return list(windows(covered, wanted_since=since, now=now, **MADE))


def test_the_newest_page_comes_first_and_then_those_before_it():
    assert asked(Covered(), hour(-24)) == [
        Window(since=hour(-9), until=hour(1)),
        Window(since=hour(-19), until=hour(-9)),
        Window(since=hour(-24), until=hour(-19)),
    ]


def test_a_start_that_is_near_is_not_gone_beyond():
    assert asked(Covered(), hour(-3.5)) == [Window(since=hour(-3), until=hour(1))]


def test_the_newest_closed_candle_is_asked_for_again():
    assert asked(Covered(since=hour(-24), until=hour(0)), hour(-24)) == [Window(since=hour(-1), until=hour(1))]


def test_after_a_long_sleep_the_newer_end_is_reached_in_order():
    assert asked(Covered(since=hour(-50), until=hour(-25)), hour(-50)) == [
        Window(since=hour(-26), until=hour(-16)),
        Window(since=hour(-16), until=hour(-6)),
        Window(since=hour(-6), until=hour(1)),
    ]


def test_a_candle_that_may_still_come_is_not_covered():
    reached = after(Covered(), Window(since=hour(-9), until=hour(1)), timeframe="1h", as_of=hour(0) + LATE / 2)
    assert reached == Covered(since=hour(-9), until=hour(-1))


def test_an_answer_that_is_apart_from_what_is_covered_proves_nothing():
    known = Covered(since=hour(-9), until=hour(0))
    assert after(known, Window(since=hour(5), until=hour(9)), timeframe="1h", as_of=hour(9)) == known


@given(
    st.integers(1, 60),
    st.integers(1, 30),
    st.lists(st.integers(0, 3), max_size=10),
    st.lists(st.integers(0, 400), min_size=10, max_size=10),
    st.sampled_from(["30m", "1h", "1d", "1M"]),
)
def test_wherever_it_is_cut_everything_is_read_in_the_end(back, per_page, answered, sleeps, timeframe):
    """`answered`: how many windows of each step are; `sleeps`: minutes between the steps."""
    covered, now = Covered(), NOW
    since = timeframes.step(timeframes.floor(NOW, timeframe), timeframe, -back)
    read: set[datetime] = set()

    def step(number: int) -> None:
        nonlocal covered
        plan = windows(covered, timeframe=timeframe, wanted_since=since, per_page=per_page, now=now)
        for window, _ in zip(plan, range(number), strict=False):
            size = timeframes.count(window.since, window.until, timeframe)
            assert 1 <= size <= per_page
            opened = [timeframes.step(window.since, timeframe, each) for each in range(size)]
            # What is to come is in no answer.
            read.update(at for at in opened if timeframes.ends(at, timeframe) <= now)
            covered = after(covered, window, timeframe=timeframe, as_of=now)

    for number, sleep in zip(answered, sleeps, strict=False):
        step(number)
        now += timedelta(minutes=sleep)
    step(1_000)
    assert not is_behind(covered, timeframe=timeframe, wanted_since=since, now=now)
    assert covered.since is not None
    assert covered.until is not None
    assert covered.since <= since
    whole = timeframes.count(covered.since, covered.until, timeframe)
    assert {timeframes.step(covered.since, timeframe, number) for number in range(whole)} <= read
    assert covered.until >= timeframes.floor(now - LATE, timeframe)
