"""A series is read at both ends, wherever it is cut, and nothing is asked for that is proven."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.market import timeframes
from alphapulse.market.backfill import (
    LATE,
    Answer,
    Covered,
    Window,
    after,
    has_all_closed,
    is_behind,
    is_untold,
    windows,
    without,
)

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
        Window(since=hour(-17), until=hour(-7)),
        Window(since=hour(-8), until=hour(1)),
    ]


def told(since: float, until: float, *opened: float, as_of: float = 0.5, newer: float | None = None) -> Answer:
    window = Window(since=hour(since), until=hour(until))
    later = None if newer is None else hour(newer)
    return Answer(window=window, as_of=hour(as_of), opened=[hour(each) for each in opened], newer=later)


def read(covered: Covered, answer: Answer) -> tuple[float | None, float | None]:
    reached = after(covered, answer, timeframe="1h")
    return tuple(None if at is None else (at - hour(0)) / HOUR for at in (reached.since, reached.until))


def known(since: float, until: float) -> Covered:
    return Covered(since=hour(since), until=hour(until))


def test_a_candle_that_may_still_come_is_not_covered():
    answer = told(-9, 1, *range(-9, 1), as_of=LATE / HOUR / 2)
    assert read(Covered(), answer) == (-9, -1)


def test_an_answer_that_is_apart_from_what_is_covered_proves_nothing():
    assert read(known(-9, 0), told(5, 9, 5, 6, 7, 8, as_of=9)) == (-9, 0)


def test_a_page_that_begins_late_proves_what_it_holds_and_the_rest_is_asked_for_again():
    """As of an exchange that tells the newest five, however many are asked for; or of a market that is young."""
    assert read(Covered(), told(-9, 1, -4, -3, -2, -1, 0)) == (-4, 0)
    assert read(known(-4, 0), told(-14, -4, -7, -6, -5)) == (-7, 0)
    assert asked(known(-7, 0), hour(-24))[1] == Window(since=hour(-17), until=hour(-7))


def test_a_page_that_ends_early_proves_what_it_holds_and_the_rest_is_asked_for_again():
    assert read(known(-50, -25), told(-26, -16, -26, -25, -24)) == (-50, -23)
    assert asked(known(-50, -23), hour(-50))[0] == Window(since=hour(-24), until=hour(-14))


def test_nothing_after_the_candle_that_is_known_is_nothing():
    assert read(known(-50, -23), told(-24, -14, -24)) == (-50, -14)


def test_candles_with_holes_are_all_that_there_are():
    assert read(known(-4, 0), told(-14, -4, -10, -7, -5)) == (-14, 0)
    assert read(known(-50, -25), told(-26, -16, -26, -25, -20)) == (-50, -16)


def test_an_empty_page_before_the_first_candle_is_read():
    assert read(known(-4, 0), told(-14, -4)) == (-14, 0)


def test_newer_ones_in_place_of_what_was_asked_for_are_no_answer():
    answer = told(-14, -4, newer=0)
    assert is_untold(answer, newest=hour(0))
    assert without(known(-4, 0), answer) == known(-4, 0)
    # The exchange looked from then on, and found none before these.
    assert not is_untold(told(-14, -4, newer=-2), newest=hour(0))
    assert not is_untold(told(-14, -4, -6, newer=None), newest=hour(0))


def test_where_the_way_to_the_newest_is_not_told_a_new_stretch_begins():
    assert without(known(-50, -25), told(-26, -16, newer=0)) == Covered()


def test_what_was_read_before_all_that_is_wanted_is_another_stretch():
    assert asked(known(-50, -25), hour(-12)) == asked(Covered(), hour(-12))
    assert is_behind(known(-50, -25), timeframe="1h", wanted_since=hour(-12), now=NOW)


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
    seen: set[datetime] = set()

    def step(number: int) -> None:
        nonlocal covered
        plan = windows(covered, timeframe=timeframe, wanted_since=since, per_page=per_page, now=now)
        for window, _ in zip(plan, range(number), strict=False):
            size = timeframes.count(window.since, window.until, timeframe)
            assert 1 <= size <= per_page
            opened = [timeframes.step(window.since, timeframe, each) for each in range(size)]
            # What is to come is in no answer.
            seen.update(at for at in opened if timeframes.ends(at, timeframe) <= now)
            answer = Answer(window=window, as_of=now, opened=[at for at in opened if at <= now])
            covered = after(covered, answer, timeframe=timeframe)

    for number, sleep in zip(answered, sleeps, strict=False):
        step(number)
        now += timedelta(minutes=sleep)
    step(1_000)
    assert not is_behind(covered, timeframe=timeframe, wanted_since=since, now=now)
    assert covered.since is not None
    assert covered.until is not None
    assert covered.since <= since
    whole = timeframes.count(covered.since, covered.until, timeframe)
    assert {timeframes.step(covered.since, timeframe, number) for number in range(whole)} <= seen
    assert covered.until >= timeframes.floor(now - LATE, timeframe)


@given(st.integers(1, 60), st.integers(1, 30))
def test_who_asks_for_one_window_at_a_time_comes_to_the_end(back, per_page):
    """The newer end first, and while that is fresh the older one: as where many series share few requests."""
    since, covered, taken = hour(-back), Covered(), 0
    while is_behind(covered, timeframe="1h", wanted_since=since, now=NOW):
        is_fresh = has_all_closed(covered, timeframe="1h", now=NOW)
        window = next(
            windows(covered, timeframe="1h", wanted_since=since, per_page=per_page, now=NOW, is_fresh=is_fresh)
        )
        opened = [timeframes.step(window.since, "1h", each) for each in range(per_page)]
        answer = Answer(window=window, as_of=NOW, opened=[at for at in opened if at < window.until])
        covered, taken = after(covered, answer, timeframe="1h"), taken + 1
        assert taken <= back / per_page + 3


# --- Exchanges that answer something else -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Odd:
    """What an exchange makes of a question. `has`: when its candles open; it tells at most `page` of them."""

    has: list[datetime]
    page: int
    heeds_since: bool
    heeds_until: bool

    def tell(self, window: Window, now: datetime) -> Answer:
        rows = [at for at in self.has if at <= now]
        rows = [at for at in rows if at < window.until] if self.heeds_until else rows
        if self.heeds_since:
            rows = [at for at in rows if at >= window.since][: self.page]
        # As ccxt does, whatever comes.
        rows = [at for at in rows[-self.page :] if at >= window.since]
        inside = [at for at in rows if at < window.until]
        newer = max((at for at in rows if at >= window.until), default=None)
        return Answer(window=window, as_of=now, opened=inside, newer=None if inside else newer)


@dataclass
class Series:
    """One that is read from an exchange, step by step, as `services.answers` does."""

    odd: Odd
    wanted_since: datetime
    covered: Covered = field(default_factory=Covered)
    told_from: datetime | None = None
    stored: set[datetime] = field(default_factory=set)
    requests: int = 0

    def since(self) -> datetime:
        return max(self.wanted_since, self.told_from or self.wanted_since)

    def step(self, now: datetime) -> None:
        """Five requests, planned before the first is answered."""
        plan = windows(self.covered, timeframe="1h", wanted_since=self.since(), per_page=10, now=now)
        for window in list(islice(plan, 5)):
            self.requests += 1
            self.take(self.odd.tell(window, now))

    def take(self, answer: Answer) -> None:
        since = answer.window.since
        is_newer_end = self.covered.until is not None and since < self.covered.until <= answer.window.until
        if answer.opened and is_newer_end and since in self.stored and since not in answer.opened:
            self.covered = Covered()
        if is_untold(answer, newest=max(self.stored, default=None)):
            self.covered = without(self.covered, answer)
            self.told_from = self.covered.since
        else:
            self.covered = after(self.covered, answer, timeframe="1h")
        self.stored.update(answer.opened)

    def is_behind(self, now: datetime) -> bool:
        return is_behind(self.covered, timeframe="1h", wanted_since=self.since(), now=now)


@given(
    listed=st.integers(1, 120),
    page=st.integers(2, 30),
    heeds_since=st.booleans(),
    heeds_until=st.booleans(),
    sleeps=st.lists(st.integers(1, 60), max_size=4),
)
def test_whatever_an_exchange_heeds_reading_ends_and_nothing_is_claimed_that_was_not_told(
    listed, page, heeds_since, heeds_until, sleeps
):
    """Listed so many hours ago, while a hundred are wanted. `sleeps`: hours in which nobody asks.

    Who heeds since when tells as many as are asked for (ten): see `test_candle_lists.py`.
    """
    page = max(page, 10) if heeds_since else page
    everything = [hour(each) for each in range(-listed, 300)]
    odd = Odd(has=everything, page=page, heeds_since=heeds_since, heeds_until=heeds_until)
    series, now = Series(odd=odd, wanted_since=hour(-100)), NOW
    for sleep in [0, *sleeps]:
        now += sleep * HOUR
        for _ in range(300):
            series.step(now)
            if not series.is_behind(now):
                break
        assert not series.is_behind(now)
        assert (series.covered.since, series.covered.until) != (None, None)
        claimed = [at for at in everything if series.covered.since <= at < series.covered.until]
        assert set(claimed) <= series.stored
        assert series.covered.until == timeframes.floor(now, "1h")
    if heeds_since and heeds_until:
        assert series.covered.since <= hour(-100)
        assert series.told_from is None


@pytest.mark.parametrize("page", [10, 7])
def test_who_always_tells_the_newest_page_is_asked_for_older_ones_once(page):
    odd = Odd(has=[hour(each) for each in range(-500, 1)], page=page, heeds_since=False, heeds_until=False)
    series = Series(odd=odd, wanted_since=hour(-5000))
    while series.is_behind(NOW):
        series.step(NOW)
    assert series.requests <= 10
    assert series.told_from == series.covered.since == hour(1 - page)
    series.step(NOW)
    assert series.requests <= 11
