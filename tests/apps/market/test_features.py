from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from alphapulse import types
from alphapulse.exchanges.reading import Reading
from alphapulse.market import feature_values, features
from apps.market import tasks
from apps.market.models import CandleSeries, FeatureSeries, FeatureValue, FundingRate
from apps.market.services import candles_of, feature_work, series_of, store_candles, store_funding_rates, tend
from apps.market.services import features as services
from apps.market.services.feature_work import compute
from apps.market.services.features import define, follow

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

START = datetime(2026, 3, 1, tzinfo=UTC)
WHERE = {"exchange_id": "binance", "environment": "sandbox", "timeframe": "1h"}


def series(symbol="ETH/USDT"):
    return series_of(symbol=symbol, **WHERE)


def candle(number, close, symbol="ETH/USDT", is_closed=True):
    price = Decimal(str(close))
    return types.Candle(
        symbol=symbol,
        timeframe="1h",
        opened_at=START + timedelta(hours=number),
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(1),
        is_closed=is_closed,
    )


def store(numbers, symbol="ETH/USDT"):
    store_candles(series(symbol), [candle(number, 100 + (number * 7919) % 13, symbol) for number in numbers])


def behind():
    return FeatureSeries.objects.behind()


def compute_all():
    follow()
    for row in behind():
        feature_work.compute_on(row.pk)


def stored(name, symbol="ETH/USDT"):
    found = FeatureValue.objects.filter(series__feature__name=name, series__candles__symbol=symbol)
    return dict(found.order_by("opened_at").values_list("opened_at", "value"))


def at_once(feature, symbol="ETH/USDT"):
    """All of its values, from all candles, in one go."""
    end = START + timedelta(days=90)
    own, other = (
        candles_of("binance", "sandbox", each, "1h", START, end) if each else [] for each in (symbol, feature.reference)
    )
    closed = [each for each in own if each.is_closed]
    opened_at = feature_values.grid(closed[0].opened_at, closed[-1].opened_at, "1h")
    closes = (feature_values.closes(each, opened_at) for each in (own, other))
    inputs = feature_values.Inputs("1h", opened_at, *closes)
    found = zip(opened_at, feature_values.compute(feature.definition, inputs), strict=True)
    return {at: value for at, value in found if value is not None}


def test_a_feature_is_computed_of_every_series_of_its_timeframe():
    define(name="day", function="returns", parameters={"bars": 24}, timeframe="1h")
    store(range(30))
    store(range(30), "BTC/USDT")
    compute_all()
    assert len(stored("day")) == len(stored("day", "BTC/USDT")) == 6


def test_new_candles_make_new_values_and_leave_the_others():
    feature = define(name="calm", function="volatility", parameters={"window": 5}, timeframe="1h")
    store(range(10))
    compute_all()
    first = stored("calm")
    store(range(10, 15))
    assert behind().count() == 1
    compute_all()
    assert stored("calm") == first | stored("calm") == at_once(feature)
    assert len(stored("calm")) == len(first) + 5
    assert behind().count() == 0


def test_a_candle_that_still_moves_has_no_value():
    define(name="hour", function="returns", parameters={}, timeframe="1h")
    store(range(3))
    store_candles(series(), [candle(3, 500, is_closed=False)])
    compute_all()
    assert max(stored("hour")) == START + timedelta(hours=2)


def test_a_past_that_comes_later_changes_what_was_made_of_too_little():
    feature = define(name="calm", function="zscore", parameters={"window": 5}, timeframe="1h")
    store(range(10, 20))
    compute_all()
    assert len(stored("calm")) == 6
    store(range(10))
    compute_all()
    assert stored("calm") == at_once(feature)
    assert len(stored("calm")) == 16


def test_a_reference_that_comes_later_is_compared_with():
    feature = define(
        name="with_btc", function="correlation", parameters={"window": 4}, timeframe="1h", reference="BTC/USDT"
    )
    store(range(10))
    compute_all()
    assert stored("with_btc") == {}
    store_candles(series("BTC/USDT"), [candle(number, 50 + number % 3, "BTC/USDT") for number in range(10)])
    compute_all()
    assert stored("with_btc") == at_once(feature) != {}


def test_a_reference_that_is_made_of_a_finer_timeframe_may_come_later_too():
    wanted = {"name": "with_btc", "function": "correlation", "parameters": {"window": 4}, "timeframe": "2h"}
    define(**wanted, reference="BTC/USDT")
    own = [replace(candle(number, 100 + (number * 7919) % 13), timeframe="2h") for number in range(0, 20, 2)]
    store_candles(series_of(symbol="ETH/USDT", **WHERE | {"timeframe": "2h"}), own)
    store(range(17), "BTC/USDT")
    compute_all()
    early = stored("with_btc")
    store(range(17, 20), "BTC/USDT")
    compute_all()
    late = stored("with_btc")
    assert set(late) > set(early)
    FeatureSeries.objects.update(computed_to=None, due_at=START)
    compute_all()
    assert stored("with_btc") == late


SHORT = {"bars": 4, "skip": 1, "window": 5, "fast": 2, "slow": 6}


@pytest.mark.parametrize("function", sorted(set(features.FUNCTIONS) - {"funding"}))
@pytest.mark.parametrize("symbol", ["ETH/USDT", "BTC/USDT"])
def test_a_corrected_candle_changes_all_that_was_made_of_it(function, symbol):
    known = features.FUNCTIONS[function]
    parameters = {name: SHORT[name] for name in known.parameters}
    reference = "BTC/USDT" if known.needs_reference else ""
    feature = define(name="any", function=function, parameters=parameters, timeframe="1h", reference=reference)
    store(range(30), "BTC/USDT")
    store(range(30))
    compute_all()
    for number in (12, 20):
        store_candles(series(symbol), [candle(number, 150, symbol)])
    compute_all()
    assert stored("any") == at_once(feature)


def test_another_definition_is_another_version_with_values_of_its_own():
    define(name="move", function="returns", parameters={"bars": 1}, timeframe="1h")
    store(range(10))
    compute_all()
    one_bar = stored("move")
    changed = define(name="move", function="returns", parameters={"bars": 3}, timeframe="1h")
    assert changed.version == 2
    compute_all()
    assert stored("move") == at_once(changed) != one_bar
    assert FeatureSeries.objects.get().version == 2


def test_a_feature_of_another_timeframe_is_computed_no_more_where_it_was():
    define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(10))
    compute_all()
    define(name="move", function="returns", parameters={}, timeframe="4h")
    follow()
    assert not behind().exists()


def test_the_same_definition_again_computes_nothing_anew():
    define(name="move", function="returns", parameters={"bars": 1}, timeframe="1h")
    store(range(10))
    compute_all()
    assert define(name="move", function="returns", parameters={"bars": 1}, timeframe="1h").version == 1
    assert behind().count() == 0


def test_a_feature_that_is_switched_off_is_not_computed():
    define(name="move", function="returns", parameters={}, timeframe="1h", is_active=False)
    store(range(10))
    compute_all()
    assert stored("move") == {}


def test_a_long_series_is_computed_step_by_step(monkeypatch):
    monkeypatch.setattr("apps.market.services.feature_work.BARS_A_STEP", 7)
    feature = define(name="calm", function="zscore", parameters={"window": 5}, timeframe="1h")
    store(range(30))
    compute_all()
    assert stored("calm") == at_once(feature)


def test_what_was_computed_of_older_candles_is_not_written(monkeypatch):
    feature = define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(10))
    follow()
    row = behind().get()
    compute_values = feature_work._values

    def while_candles_change(*args):
        values = compute_values(*args)
        store_candles(series(), [candle(5, 999)])
        return values

    with monkeypatch.context() as patch:
        patch.setattr(feature_work, "_values", while_candles_change)
        assert compute(row.pk) == 0
    assert stored("move") == {}
    compute_all()
    assert stored("move") == at_once(feature)


def rate(hour, value, symbol="ETH/USDT"):
    return types.FundingRate(symbol=symbol, rate=Decimal(value), funding_at=START + timedelta(hours=hour))


def store_rates(*rates, as_of=START):
    reading = Reading(wallet="usdm", as_of=as_of, rows=rates)
    return store_funding_rates(exchange_id="binance", environment="sandbox", readings=[reading])


def test_funding_is_made_of_the_rates_that_fell_due():
    define(name="paid", function="funding", parameters={"window": 4}, timeframe="1h")
    store(range(10))
    CandleSeries.objects.update(due_at=START)
    assert store_rates(rate(2, "0.0001"), rate(6, "0.0003"), rate(2, "0.5", "BTC/USDT")) == 2
    compute_all()
    hours = {(at - START) // timedelta(hours=1): value for at, value in stored("paid").items()}
    assert hours == {
        3: pytest.approx(0.0001),
        4: pytest.approx(0.0001),
        5: pytest.approx(0.0001),
        6: pytest.approx(0.0003),
        7: pytest.approx(0.0003),
        8: pytest.approx(0.0003),
        9: pytest.approx(0.0003),
    }


def test_the_rate_that_was_told_last_counts_and_an_older_answer_changes_nothing():
    store(range(10))
    CandleSeries.objects.update(due_at=START)
    store_rates(rate(8, "0.0001"), as_of=START)
    assert store_rates(rate(8, "0.0002"), as_of=START + timedelta(hours=1)) == 1
    assert store_rates(rate(8, "0.0001"), as_of=START) == 0
    assert FundingRate.objects.get().rate == Decimal("0.0002")


def test_values_go_with_their_candles():
    define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(10))
    compute_all()
    tend.drop_old(START + timedelta(days=5000))
    assert stored("move") == {}


def sweep(monkeypatch):
    """What the sweep sends is done at once. Returns how many messages it sent."""
    sent = []
    with monkeypatch.context() as patch:
        patch.setattr(tasks.compute_features, "apply_async", lambda expires: sent.append(expires))
        tasks.sweep_features.run()
    for _message in sent:
        tasks.compute_features.run()
    return len(sent)


def test_the_sweep_computes_what_is_due_and_sends_nothing_where_nothing_is(monkeypatch):
    feature = define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(10))
    assert sweep(monkeypatch) == 1
    assert stored("move") == at_once(feature) != {}
    assert behind().count() == 0
    assert sweep(monkeypatch) == 0


def test_however_many_are_due_it_is_one_message(monkeypatch):
    for number in range(3):
        define(name=f"move_{number}", function="returns", parameters={}, timeframe="1h")
    for number in range(20):
        store(range(3), f"C{number}/USDT")
    assert sweep(monkeypatch) == 1
    assert behind().count() == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"parameters": {"window": 3}}, "has no parameter 'window'"),
        ({"function": "correlation"}, "needs the symbol that it compares with"),
        ({"reference": "BTC/USDT"}, "compares with nothing"),
        ({"name": "Not a name"}, "Small letters"),
        ({"timeframe": "7m"}, "not a valid choice"),
        ({"function": "magic"}, "not a valid choice"),
    ],
)
def test_what_cannot_be_computed_is_not_defined(wrong, words):
    usual = {"name": "move", "function": "returns", "parameters": {}, "timeframe": "1h"}
    with pytest.raises(ValidationError, match=words):
        define(**usual | wrong)


# --- What a condition reads -------------------------------------------------------------------------------------------

ETH = {"exchange_id": "binance", "environment": "sandbox", "symbol": "ETH/USDT"}


def hour(number):
    return START + timedelta(hours=number)


def judged(name, at):
    row = services.series_of(name, **ETH)
    return row and services.latest(row, at)


def test_what_nobody_has_computed_yet_is_unknown():
    assert judged("move", hour(9)) is None
    define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(3))
    follow()
    assert judged("move", hour(9)) is None


def test_the_newest_value_says_of_which_bar_it_is_and_how_old():
    define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(3))
    compute_all()
    told = judged("move", hour(3) + timedelta(minutes=20))
    assert (told.opened_at, told.age, told.version) == (hour(2), timedelta(minutes=20), 1)
    assert told.value == stored("move")[hour(2)]
    assert (told.is_behind, told.is_stale) == (False, False)


def test_it_is_none_while_it_warms_up():
    define(name="calm", function="volatility", parameters={"window": 30}, timeframe="1h")
    store(range(3))
    compute_all()
    told = judged("calm", hour(3))
    assert (told.opened_at, told.value) == (hour(2), None)


def test_it_says_that_it_is_behind_until_what_has_come_is_computed():
    define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(3))
    compute_all()
    store([3])
    assert (judged("move", hour(4)).is_behind, judged("move", hour(4)).opened_at) == (True, hour(2))
    compute_all()
    assert (judged("move", hour(4)).is_behind, judged("move", hour(4)).opened_at) == (False, hour(3))
    define(name="move", function="returns", parameters={"bars": 2}, timeframe="1h")
    assert (judged("move", hour(4)).is_behind, judged("move", hour(4)).version) == (True, 1)


def test_it_is_stale_when_its_candles_are_not_read_on():
    define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(3))
    CandleSeries.objects.update(covered_to=hour(3))
    compute_all()
    # The candle of the fourth hour has ended by then, and has had a quarter of an hour to come.
    assert [judged("move", hour(4) + timedelta(minutes=late)).is_stale for late in (14, 16)] == [False, True]
    # Read, and the exchange had none: dead, not stale.
    CandleSeries.objects.update(covered_to=hour(9))
    assert not judged("move", hour(9) + timedelta(minutes=30)).is_stale


def test_values_are_read_on_from_a_cursor_as_far_as_they_are_computed():
    define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(5))
    compute_all()
    row = services.series_of("move", **ETH)
    assert [each.opened_at for each in services.values(row, hour(3))] == [hour(3), hour(4)]
    assert [each.opened_at for each in services.values(row, hour(1), hour(3))] == [hour(1), hour(2)]
    # What is made of another candle now is not told as it was.
    store_candles(series(), [candle(2, 999)])
    left = [each.opened_at for each in services.values(services.series_of("move", **ETH), hour(1))]
    assert left == [hour(1), hour(4)]


def test_a_past_that_comes_meanwhile_leaves_the_newest_bar_what_it_is():
    define(name="move", function="returns", parameters={}, timeframe="1h")
    store(range(10, 15))
    compute_all()
    store(range(10))
    told = judged("move", hour(15))
    assert (told.opened_at, told.is_behind) == (hour(14), False)
    store_candles(series(), [candle(13, 999)])
    assert judged("move", hour(15)).is_behind


class ComputedOn(TestCase):
    """In any order of candles, with any holes between them, corrected, and computed now and then."""

    @settings(max_examples=40, deadline=None)
    @given(
        parts=st.lists(
            st.tuples(st.sets(st.integers(0, 40), min_size=1, max_size=15), st.integers(1, 3), st.integers(0, 3)),
            min_size=1,
            max_size=7,
        ),
        function=st.sampled_from(["returns", "volatility", "zscore", "momentum", "regime"]),
        bars_a_step=st.sampled_from([1, 3, 20_000]),
    )
    def test_values_computed_on_equal_those_computed_at_once(self, parts, function, bars_a_step):
        names = features.FUNCTIONS[function].parameters
        feature = define(
            name="any", function=function, parameters={name: SHORT[name] for name in names}, timeframe="1h"
        )
        with patch.object(feature_work, "BARS_A_STEP", bars_a_step):
            for numbers, salt, steps in parts:
                store_candles(
                    series(), [candle(number, 100 + (number * 7919) % (13 * salt)) for number in sorted(numbers)]
                )
                follow()
                for _step in range(steps):
                    compute(FeatureSeries.objects.get().pk)
            compute_all()
        assert stored("any") == at_once(feature)
        assert not behind().exists()
