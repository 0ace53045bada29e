"""Features are computed in turns, out of rows that say since when they are due."""

from datetime import timedelta

import pytest

from apps.core.clock import now
from apps.market.models import CandleSeries, Feature, FeatureSeries
from apps.market.services import feature_work, store_candles
from apps.market.services.feature_work import FOR_NEW_BARS, LEASE, TURN, compute, due, take_turn
from apps.market.services.features import define, follow
from apps.market.signals import features_computed
from tests.apps.market.test_features import START, candle, series, store, stored

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

NAMES = [f"C{number}/USDT" for number in range(6)]


@pytest.fixture
def move():
    return define(name="move", function="returns", parameters={}, timeframe="1h")


@pytest.fixture
def told():
    """The ids that were announced, one list a turn."""
    heard = []

    def hear(feature_series_ids, **_):
        heard.append(feature_series_ids)

    features_computed.connect(hear)
    yield heard
    features_computed.disconnect(hear)


@pytest.fixture
def slow(monkeypatch):
    """Each series takes a second, from an hour on; the symbols in the order in which they are computed."""
    clock, done = [now() + timedelta(hours=1)], []

    def compute_slowly(pk):
        done.append(FeatureSeries.objects.get(pk=pk).candles.symbol)
        clock.append(clock[-1] + timedelta(seconds=1))
        return compute(pk)

    monkeypatch.setattr(feature_work, "clock_now", lambda: clock[-1])
    monkeypatch.setattr(feature_work, "compute", compute_slowly)
    return done


def computed(*numbers):
    """Candles, and the feature of them, with nothing left to do."""
    store(numbers)
    follow()
    take_turn()
    assert_at_rest()


def assert_at_rest():
    assert not FeatureSeries.objects.behind().exists()


def closes_at(symbol, hour):
    FeatureSeries.objects.filter(candles__symbol=symbol).update(due_at=START + timedelta(hours=hour))


# --- When there is something to compute -------------------------------------------------------------------------------


def test_a_hole_before_a_candle_that_still_moves_is_nothing_to_compute(move):
    computed(0, 1, 2)
    store_candles(series(), [candle(5, 100, is_closed=False)])
    assert_at_rest()


def test_one_that_begins_with_a_candle_that_still_moves_rests_until_it_is_closed(move):
    store_candles(series(), [candle(0, 100, is_closed=False)])
    follow()
    take_turn()
    assert_at_rest()
    store_candles(series(), [candle(0, 101), candle(1, 102, is_closed=False)])
    assert FeatureSeries.objects.behind().count() == 1


def test_a_candle_that_moves_makes_nothing_due_though_the_closed_one_before_it_is_told_again(move):
    computed(0, 1, 2)
    for close in (100, 101, 102):
        again = [candle(number, 100 + (number * 7919) % 13) for number in range(3)]
        assert store_candles(series(), [*again, candle(3, close, is_closed=False)]) == 1
        assert_at_rest()


def test_what_comes_after_a_hole_is_computed_and_rests(move):
    computed(0, 1, 2)
    store([5, 6])
    take_turn()
    assert_at_rest()
    assert max(stored("move")) == START + timedelta(hours=6)
    assert START + timedelta(hours=5) not in stored("move")


def test_a_late_candle_and_a_corrected_one_make_due_what_is_made_of_them(move):
    computed(0, 1, 2, 5, 6)
    for late in (candle(4, 100), candle(1, 999)):
        store_candles(series(), [late])
        row = FeatureSeries.objects.get()
        assert row.outdated == (late.opened_at, late.opened_at + timedelta(hours=2))
        assert row.computed_to == START + timedelta(hours=7)
        assert compute(row.pk) == 2
        assert compute(row.pk) == 0
        assert_at_rest()
    assert stored("move")[START + timedelta(hours=1)] == pytest.approx(8.99)


def test_the_newest_closed_candle_that_is_told_again_with_the_next_one_is_one_step(move):
    computed(0, 1, 2)
    store_candles(series(), [candle(2, 101), candle(3, 102)])
    row = FeatureSeries.objects.get()
    assert (row.outdated, row.computed_to) == (None, START + timedelta(hours=2))
    assert compute(row.pk) == 2
    assert_at_rest()


def test_a_past_that_is_read_back_page_by_page_is_not_computed_anew_with_each():
    define(name="calm", function="zscore", parameters={"window": 3}, timeframe="1h")
    computed(*range(40, 50))
    row = FeatureSeries.objects.get()
    for page in (30, 20, 10, 0):
        store(range(page, page + 10))
        assert compute(row.pk) == 10 + 2
        assert compute(row.pk) == 0
    assert len(stored("calm")) == 48


def test_pages_that_come_before_it_is_computed_are_one_stretch(move):
    computed(*range(40, 50))
    store(range(30, 40))
    store(range(20, 30))
    row = FeatureSeries.objects.get()
    assert row.outdated == (START + timedelta(hours=20), START + timedelta(hours=41))
    take_turn()
    assert_at_rest()
    assert len(stored("move")) == 29


def test_a_reference_that_is_there_first_makes_nothing_due():
    define(name="with_btc", function="correlation", parameters={"window": 2}, timeframe="1h", reference="BTC/USDT")
    computed(0, 1, 2)
    store([0, 1, 2], "BTC/USDT")
    take_turn()
    take_turn()
    store([3], "BTC/USDT")
    assert [row.candles.symbol for row in FeatureSeries.objects.behind()] == []
    store([3])
    assert [row.candles.symbol for row in FeatureSeries.objects.behind()] == ["ETH/USDT"]


def test_candles_that_are_dropped_leave_nothing_due(move):
    computed(0, 1, 2)
    CandleSeries.objects.update(first_at=None, last_at=None)
    FeatureSeries.objects.update(due_at=START, computed_to=None)
    assert take_turn() == 0
    assert_at_rest()


def test_one_that_is_switched_off_waits_and_is_computed_when_it_is_on_again(move):
    computed(0, 1, 2)
    Feature.objects.update(is_active=False)
    store([3])
    assert take_turn() == 0
    Feature.objects.update(is_active=True)
    assert take_turn() == 1


# --- Turns ------------------------------------------------------------------------------------------------------------


def test_a_turn_ends_when_its_time_is_over_and_the_next_one_goes_on(move, slow):
    for name in NAMES:
        store([0, 1], name)
    follow()
    take_turn()
    assert len(slow) == TURN.total_seconds() < len(NAMES)
    assert FeatureSeries.objects.behind().count() == len(NAMES) - len(slow)
    take_turn()
    assert slow == NAMES


def test_who_waits_longest_comes_first(move, slow):
    for name in NAMES:
        store([0, 1], name)
    follow()
    for hour, name in enumerate(reversed(NAMES)):
        closes_at(name, hour)
    take_turn()
    assert slow == NAMES[:1:-1]


def test_new_bars_come_before_the_whole_past_of_a_feature_that_is_new(move, slow):
    for name in NAMES:
        store([0, 1], name)
    follow()
    take_turn()
    take_turn()
    del slow[:]
    store([2], NAMES[3])
    define(name="other", function="returns", parameters={"bars": 2}, timeframe="1h")
    follow()
    FeatureSeries.objects.filter(feature__name="other").update(due_at=START)
    take_turn()
    assert slow[0] == NAMES[3]
    assert len(slow) == TURN.total_seconds()


def test_new_bars_come_before_pasts_that_are_read_back(move, slow):
    for name in NAMES:
        store([10, 11], name)
    follow()
    take_turn()
    take_turn()
    del slow[:]
    for name in NAMES[1:]:
        store(range(5), name)
    store([12], NAMES[0])
    take_turn()
    assert slow[0] == NAMES[0]
    assert len(slow) == TURN.total_seconds()


def test_nor_does_a_flood_of_new_bars_hold_up_features_that_are_new(move, slow):
    for name in NAMES:
        store([0, 1], name)
    follow()
    take_turn()
    take_turn()
    del slow[:]
    for name in NAMES[1:]:
        store([2], name)
    define(name="other", function="returns", parameters={"bars": 2}, timeframe="1h")
    FeatureSeries.objects.create(
        feature=Feature.objects.get(name="other"), candles=series(NAMES[0]), version=1, due_at=now()
    )
    take_turn()
    assert slow.index(NAMES[0]) == FOR_NEW_BARS.total_seconds()


def test_a_long_past_goes_on_in_turns_and_waits_behind_the_others_meanwhile(move, monkeypatch):
    monkeypatch.setattr(feature_work, "BARS_A_STEP", 4)
    store(range(10))
    follow()
    row = FeatureSeries.objects.get()
    assert compute(row.pk) == 4
    row.refresh_from_db()
    assert row.due_at > START + timedelta(days=1)
    assert take_turn() == 1
    assert_at_rest()
    assert len(stored("move")) == 9


def test_a_worker_that_is_lost_costs_a_lease_and_loses_nothing(move):
    store([0, 1])
    follow()
    row = FeatureSeries.objects.get()
    assert feature_work._take(row.pk, row.due_at, now())
    assert take_turn() == 0
    assert list(due(now() + LEASE)) == [row]


def test_two_workers_never_take_the_same(move):
    store([0, 1])
    follow()
    row = FeatureSeries.objects.get()
    assert feature_work._take(row.pk, row.due_at, now())
    assert not feature_work._take(row.pk, row.due_at, now())


def test_candles_that_come_while_it_is_computed_make_it_due_at_once(move, monkeypatch):
    store([0, 1])
    follow()
    compute_values = feature_work._values

    def while_candles_come(*args):
        values = compute_values(*args)
        with monkeypatch.context() as patch:
            patch.setattr(feature_work, "_values", compute_values)
            store([2])
        return values

    with monkeypatch.context() as patch:
        patch.setattr(feature_work, "_values", while_candles_come)
        row = FeatureSeries.objects.get()
        feature_work._take(row.pk, row.due_at, now())
        assert compute(row.pk) == 0
    assert due(now()).count() == 1
    take_turn()
    assert len(stored("move")) == 2


def test_a_definition_that_changes_while_it_is_computed_makes_it_due_at_once(move, monkeypatch):
    store([0, 1, 2])
    follow()
    compute_values = feature_work._values

    def while_it_is_defined(*args):
        define(name="move", function="returns", parameters={"bars": 2}, timeframe="1h")
        return compute_values(*args)

    with monkeypatch.context() as patch:
        patch.setattr(feature_work, "_values", while_it_is_defined)
        row = FeatureSeries.objects.get()
        feature_work._take(row.pk, row.due_at, now())
        assert compute(row.pk) == 0
    assert due(now()).count() == 1
    take_turn()
    assert len(stored("move")) == 1


def test_one_that_cannot_be_computed_costs_the_others_one_turn(move, told, monkeypatch):
    for name in NAMES[:3]:
        store([0, 1], name)
    follow()
    compute_values, poison = feature_work._values, NAMES[1]

    def some(feature, row, *args):
        if row.candles.symbol == poison:
            raise ZeroDivisionError
        return compute_values(feature, row, *args)

    monkeypatch.setattr(feature_work, "_values", some)
    with pytest.raises(ZeroDivisionError):
        take_turn()
    assert len(told.pop()) == 1
    assert take_turn() == 1
    assert [row.candles.symbol for row in due(now() + LEASE)] == [poison]


def test_what_has_new_values_is_announced_once_a_turn_with_its_ids(move, told):
    for name in NAMES[:2]:
        store([0, 1], name)
    follow()
    assert take_turn() == 2
    assert take_turn() == 0
    assert told == [list(FeatureSeries.objects.order_by("pk").values_list("pk", flat=True))]
