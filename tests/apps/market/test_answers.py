"""What exchanges answer that is not what they were asked for costs no candle, claims none, and ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alphapulse.exchanges.reading import BarsRead, BarsWanted
from alphapulse.market import timeframes
from apps.market.models import CandleHole, CandleSeries, SeriesStatus
from apps.market.services import answers, series
from apps.market.services.watch import follow
from tests.apps.builders import NOON
from tests.apps.market.test_series import HOUR, bar, holes, listed, pin, plan, row, tell

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

AT = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _watched():
    listed("BTC/USDT")
    pin(("BTC/USDT", "1h"))


def answer(since: int, until: int, *hours: int, newer: int | None = None, at: timedelta = AT) -> None:
    wanted = BarsWanted(symbol="BTC/USDT", timeframe="1h", since=NOON + since * HOUR, until=NOON + until * HOUR)
    later = None if newer is None else NOON + newer * HOUR
    read = BarsRead(wanted=wanted, as_of=NOON + at, rows=[bar(hour) for hour in hours], newer=later)
    answers.store("binance", "sandbox", [read], NOON + at)


def twice(since: int, until: int, *hours: int, newer: int | None = None) -> None:
    for _ in range(2):
        answer(since, until, *hours, newer=newer)


def covered() -> tuple[int, int]:
    return (row().covered_from - NOON) // HOUR, (row().covered_to - NOON) // HOUR


def asked() -> list[tuple[int, int]]:
    CandleSeries.objects.update(due_at=NOON)
    return [((each.since - NOON) // HOUR, (each.until - NOON) // HOUR) for each in plan()]


def test_newer_candles_in_place_of_older_ones_say_that_those_are_not_told():
    tell(-10, 1)
    answer(-20, -10, newer=0)
    # Once may be a slip.
    assert (row().status, row().told_from, covered()) == (SeriesStatus.FAILED, None, (-10, 0))
    assert "told its newest candles of BTC/USDT in place of those from 2026-11-20 16:00 on" in row().error
    answer(-20, -10, newer=0)
    assert covered() == (-10, 0)
    assert (row().told_from, row().is_behind, row().status) == (NOON - 10 * HOUR, False, SeriesStatus.OK)
    assert asked() == [(-1, 1)]


def test_they_are_asked_for_once_more_when_the_series_is_watched_anew():
    tell(-10, 1)
    twice(-20, -10, newer=0)
    pin()
    pin(("BTC/USDT", "1h"))
    assert row().told_from is None
    assert asked()[0] == (-1010, -10)


def test_newer_candles_that_are_old_say_that_there_were_none_before_them():
    tell(-10, 1)
    answer(-20, -10, newer=-8)
    assert (covered(), row().told_from) == ((-20, 0), None)


def test_an_exchange_that_tells_only_its_newest_begins_a_new_stretch_after_a_long_sleep():
    tell(-100, -50, at=-50 * HOUR + AT)
    answer(-51, 1, -3, -2, -1, 0)
    assert (row().status, covered()) == (SeriesStatus.FAILED, (-100, -50))
    answer(-51, 1, -3, -2, -1, 0)
    assert covered() == (-3, 0)
    assert holes() == []
    twice(-13, -3, newer=0)
    assert (covered(), row().is_behind) == ((-3, 0), False)


def test_also_where_its_newest_lie_beyond_what_is_asked_for():
    tell(-100, -50, at=-50 * HOUR + AT)
    twice(-51, -41, newer=0)
    assert (row().covered_from, row().is_behind) == (None, True)


def test_an_empty_answer_about_a_candle_that_is_known_proves_nothing():
    tell(-10, 1)
    answer(-1, 2, at=HOUR + AT)
    assert (row().status, covered()) == (SeriesStatus.FAILED, (-10, 0))
    assert "no longer tells the newest candle" in row().error


def test_nothing_after_a_hole_is_nothing():
    tell(-10, -1, at=-HOUR + AT)
    answer(-2, 1)
    assert (row().status, covered()) == (SeriesStatus.FAILED, (-10, -1))
    answer(-2, 1, -2)
    assert (row().status, covered()) == (SeriesStatus.OK, (-10, 0))


def test_candles_that_are_still_to_come_are_believed_as_little():
    answer(-9, 1, newer=5)
    assert (row().status, row().covered_to) == (SeriesStatus.FAILED, None)


def test_candles_that_begin_at_other_times_than_ours_are_not_taken():
    wanted = BarsWanted(symbol="BTC/USDT", timeframe="1h", since=NOON - 5 * HOUR, until=NOON + HOUR)
    rows = [replace(bar(hour), opened_at=NOON + (hour + 0.5) * HOUR) for hour in range(-5, 0)]
    answers.store("binance", "sandbox", [BarsRead(wanted=wanted, as_of=NOON + AT, rows=rows)], NOON + AT)
    assert (row().status, row().first_at, row().covered_to) == (SeriesStatus.NOT_OFFERED, None, None)
    assert "begins its candles of 1h at Sat 07:30" in row().error


def test_a_page_that_begins_late_is_asked_for_on_before_it_and_no_hole_is_made_of_it():
    answer(-9, 1, *range(-4, 1))
    assert (covered(), holes()) == ((-4, 0), [])
    assert asked()[0] == (-1004, -4)


def test_a_stretch_that_nobody_has_asked_about_is_no_hole():
    """Candles that were there before, as from a file, are beside it, but not all between has been asked for."""
    tell(-100, -90, at=-90 * HOUR + AT)
    CandleSeries.objects.update(covered_from=None, covered_to=None)
    tell(-10, 1)
    assert not CandleHole.objects.exists()


def test_what_is_read_back_beyond_its_time_is_not_bridged_but_begun_anew():
    tell(-24 * 800, -24 * 799, at=-24 * 799 * HOUR + AT)
    assert asked()[0] == (-999, 1)
    tell(-999, 1)
    assert (covered(), holes()) == ((-999, 0), [])


def test_no_shorter_candles_are_asked_for_before_the_first_day():
    pin(("BTC/USDT", "1h"), ("BTC/USDT", "1d"))
    first_day = timeframes.floor(NOON, "1d") - timedelta(days=4)
    CandleSeries.objects.filter(timeframe="1d").update(
        covered_from=series.BEGINNING, covered_to=NOON, first_at=first_day, last_at=NOON, is_behind=False
    )
    hours = [each for each in plan() if each.timeframe == "1h"]
    assert [each.since for each in hours] == [first_day]
    tell(-108, 1)
    assert not row().is_behind


def test_days_that_are_not_read_back_so_far_say_nothing_of_what_was_before():
    pin(("BTC/USDT", "1h"), ("BTC/USDT", "1d"))
    CandleSeries.objects.filter(timeframe="1d").update(
        covered_from=NOON - timedelta(days=9), covered_to=NOON, first_at=NOON - timedelta(days=4), last_at=NOON
    )
    assert len([each for each in plan() if each.timeframe == "1h"]) > 1


def test_an_exchange_whose_clock_is_behind_is_not_asked_without_a_pause():
    """Its newest closed candle is the one before ours: it is read, and the next is not there yet."""
    wanted = BarsWanted(symbol="BTC/USDT", timeframe="1h", since=NOON - 730 * 24 * HOUR, until=NOON + HOUR)
    as_of = NOON - timedelta(minutes=2)
    read = BarsRead(wanted=wanted, as_of=as_of, rows=[bar(-3), bar(-2), bar(-1)])
    CandleSeries.objects.update(covered_from=series.BEGINNING, covered_to=NOON - 3 * HOUR)
    answers.store("binance", "sandbox", [read], NOON + AT)
    assert (row().is_behind, row().due_at > NOON + 5 * AT) == (False, True)


def test_an_answer_that_comes_when_nobody_watches_any_more_wakes_nothing():
    pin()
    tell(-10, 1)
    assert (row().due_at, covered()) == (None, (-10, 0))
    answer(-1, 1)
    assert row().due_at is None


def test_what_is_not_listed_is_marked_unless_somebody_has_moved_it_meanwhile(monkeypatch):
    pin(("NOPE/USDT", "1h"))
    fail = series.fail

    def rested_meanwhile(row, error, now):
        CandleSeries.objects.filter(pk=row.pk).update(due_at=None)
        fail(row, error, now)

    monkeypatch.setattr(series, "fail", rested_meanwhile)
    assert plan() == []
    assert (row("NOPE/USDT").due_at, row("NOPE/USDT").status) == (None, SeriesStatus.OK)


def test_following_again_changes_nothing():
    before = row()
    tell(-10, 1)
    due = row().due_at
    follow("binance", "sandbox", NOON + HOUR)
    assert (row().due_at, row().pk) == (due, before.pk)
