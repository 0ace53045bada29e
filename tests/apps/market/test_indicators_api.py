"""Indicators and features, as a frontend gets them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alphapulse import types
from apps.core.clock import now
from apps.market.models import FeatureSeries
from apps.market.services import series_of, store_candles
from apps.market.services.feature_work import compute
from apps.market.services.features import define, follow
from tests.apps.api import get, logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

START = datetime(2026, 3, 1, tzinfo=UTC)
WHERE = {"exchange_id": "binance", "symbol": "ETH/USDT", "timeframe": "1h"}
INDICATORS = "/api/market/indicators"
VALUES = "/api/market/features/values"


@pytest.fixture
def candles():
    """Thirty hours, the fifth of them missing and the last still going on; each closes a dollar higher."""
    series = series_of(environment="live", **WHERE)
    hours = [hour for hour in range(30) if hour != 4]
    store_candles(series, [candle(hour, is_closed=hour != 29) for hour in hours])
    return hours


def candle(hour, *, is_closed=True):
    close = Decimal(100 + hour)
    return types.Candle(
        symbol="ETH/USDT",
        timeframe="1h",
        opened_at=START + timedelta(hours=hour),
        open=close,
        high=close,
        low=close,
        close=close,
        volume=Decimal(1),
        is_closed=is_closed,
    )


def at(hour):
    return (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_each_closed_bar_has_its_values_and_what_is_missing_is_named(candles):
    told = get(logged_in(), INDICATORS, **WHERE, since=at(0), until=at(30), indicators="SMA(timeperiod=3),OBV")
    assert told["opened_at"] == [at(hour) for hour in candles[:-1]]
    assert told["holes"] == [{"since": at(4), "until": at(5)}]
    sma, obv = told["indicators"]
    assert sma["indicator"] == "SMA(timeperiod=3)"
    assert sma["outputs"]["real"][:4] == [None, None, 101.0, 102.0]
    assert obv["outputs"]["real"][-1] == 28.0


def test_a_part_of_the_bars_needs_no_warming_up(candles):
    told = get(logged_in(), INDICATORS, **WHERE, since=at(27), until=at(29), indicators="SMA(timeperiod=3)")
    assert told["opened_at"] == [at(27), at(28)]
    assert told["indicators"][0]["outputs"]["real"] == [126.0, 127.0]


def test_of_a_symbol_without_candles_there_is_nothing(candles):
    told = get(logged_in(), INDICATORS, **WHERE | {"symbol": "XRP/USDT"}, indicators="RSI")
    assert (told["opened_at"], told["indicators"]) == ([], [])


def test_the_answer_says_of_which_candles_it_is_and_how_old_they_are(candles):
    told = get(logged_in(), INDICATORS, **WHERE, since=at(27), until=at(29), indicators="RSI")["candles"]
    age = (now() - START - timedelta(hours=29)).total_seconds()
    assert told.pop("age_seconds") == pytest.approx(age, abs=60)
    covered = {"covered_from": None, "covered_to": None}
    assert told == {"timeframe": "1h", "last_closed_at": at(28), "is_behind": True, "stale": True} | covered
    assert get(logged_in(), INDICATORS, **WHERE | {"symbol": "XRP/USDT"}, indicators="RSI")["candles"] is None


def test_environments_are_never_mixed(candles):
    assert get(logged_in(), INDICATORS, **WHERE, environment="sandbox", indicators="RSI")["opened_at"] == []


@pytest.mark.parametrize(
    ("wrong", "parameter", "words"),
    [
        ({"indicators": "MAGIC"}, "indicators", "'MAGIC' is no indicator"),
        ({"indicators": "RSI(timeperiod=0)"}, "indicators", "cannot compute"),
        ({"indicators": ""}, "indicators", "is no indicator"),
        ({"timeframe": "7m"}, "timeframe", "expected one of"),
        ({"symbol": ""}, "symbol", "needed"),
        ({"since": "2020-01-01"}, "since", "more than the 5000 of one answer"),
        ({"page_size": 3}, "page_size", "no such parameter"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(wrong, parameter, words):
    answer = logged_in().get(INDICATORS, {**WHERE, "indicators": "RSI"} | wrong)
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {parameter}
    assert words in str(answer.json()["errors"][parameter])


def test_the_names_tell_parameters_and_outputs():
    rows = {row["name"]: row for row in get(logged_in(), f"{INDICATORS}/names")}
    assert len(rows) > 40
    assert rows["BBANDS"]["parameters"] == {"timeperiod": 20, "nbdevup": 2.0, "nbdevdn": 2.0, "matype": 0}
    assert rows["BBANDS"]["outputs"] == ["upperband", "middleband", "lowerband"]
    assert rows["OBV"]["is_path_dependent"] is True


def test_a_feature_is_told_with_its_definition(candles):
    define(name="day", function="returns", parameters={"bars": 24}, timeframe="1h")
    define(name="week", function="volatility", parameters={"window": 7}, timeframe="1d")
    rows = get(logged_in(), "/api/market/features", timeframe="1h")["results"]
    assert [(row["name"], row["function"], row["parameters"], row["version"]) for row in rows] == [
        ("day", "returns", {"bars": 24}, 1)
    ]


def test_its_values_are_told_bar_by_bar_with_how_far_they_are_computed(candles):
    define(name="day", function="returns", parameters={"bars": 24}, timeframe="1h")
    follow()
    assert compute(FeatureSeries.objects.get().pk) > 0
    told = get(logged_in(), VALUES, **WHERE, feature="day", since=at(0), until=at(30))
    assert (told["version"], told["computed_to"], told["is_behind"]) == (1, at(29), False)
    assert (told["candles"]["last_closed_at"], told["candles"]["stale"]) == (at(28), True)
    assert told["values"][0] == {"opened_at": at(24), "value": pytest.approx(0.24)}
    # The bar a day after the missing one has nothing to be compared with.
    assert [value["opened_at"] for value in told["values"]] == [at(24), at(25), at(26), at(27)]


def test_what_is_not_computed_yet_says_so(candles):
    define(name="day", function="returns", parameters={"bars": 24}, timeframe="1h")
    told = get(logged_in(), VALUES, **WHERE, feature="day")
    assert (told["version"], told["computed_to"], told["values"]) == (None, None, [])
    assert (told["is_behind"], told["candles"]) == (True, None)


def test_of_a_timeframe_that_a_feature_had_once_nothing_is_told(candles):
    define(name="day", function="returns", parameters={"bars": 24}, timeframe="1h")
    follow()
    assert compute(FeatureSeries.objects.get().pk) > 0
    define(name="day", function="returns", parameters={"bars": 24}, timeframe="4h")
    answer = logged_in().get(VALUES, WHERE | {"feature": "day", "since": at(0), "until": at(30)})
    assert (answer.status_code, answer.json()["errors"]) == (400, {"timeframe": ["the feature 'day' is of 4h."]})
