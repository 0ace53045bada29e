from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.market.models import (
    Asset,
    AssetAlias,
    CandleSeries,
    Feature,
    FeatureSeries,
    FiatRate,
    Market,
    QuarantinedValue,
    Ticker,
    WatchedSymbol,
)
from apps.market.services.features import define
from tests.apps.pages import add_url, delete_url, list_url, logged_in, now, page_url, queries_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def fill(numbers: range) -> None:
    for number in numbers:
        where = {"exchange_id": "binance", "environment": "sandbox", "symbol": f"C{number}/USDT"}
        Ticker.objects.create(**where, last=Decimal("0.00000001"), as_of=now())
        Market.objects.create(
            **where,
            market_id=f"C{number}USDT",
            type="spot",
            base=f"C{number}",
            quote="USDT",
            is_active=True,
            is_inverse=False,
            price_tick=Decimal("1E-8"),
        )


def fill_the_rest(numbers: range) -> None:
    for number in numbers:
        where = {"exchange_id": "binance", "environment": "sandbox", "symbol": f"C{number}/USDT"}
        QuarantinedValue.objects.create(**where, reason="jump", first_at=now(), seen_at=now())
        series = CandleSeries.objects.create(**where, timeframe="1h")
        WatchedSymbol.objects.create(**where, timeframe="1h")
        feature = define(name=f"calm_{number}", function="volatility", parameters={"window": 5}, timeframe="1h")
        FeatureSeries.objects.create(feature=feature, candles=series, version=1, computed_to=now())
        asset = Asset.objects.create(code=f"C{number}")
        AssetAlias.objects.create(exchange_id="binance", code=f"K{number}", asset=asset)
        day = now().date() - timedelta(days=number)
        FiatRate.objects.create(source="ecb", base="EUR", currency="USD", rate="1.1", published_on=day)


REST = [Asset, AssetAlias, CandleSeries, Feature, FeatureSeries, FiatRate, QuarantinedValue, WatchedSymbol]


@pytest.mark.parametrize("model", REST)
def test_any_other_list_does_too(model):
    client = logged_in()
    fill_the_rest(range(1, 3))
    for_two = queries_of(client, list_url(model))
    fill_the_rest(range(3, 30))

    assert queries_of(client, list_url(model)) == for_two


@pytest.mark.parametrize("model", [CandleSeries, FeatureSeries, FiatRate, QuarantinedValue])
def test_what_is_read_or_computed_is_not_typed_in(model):
    client = logged_in()
    fill_the_rest(range(1))

    assert client.get(add_url(model)).status_code == 403
    assert client.post(page_url(model.objects.first()), {}).status_code == 403
    assert client.post(delete_url(model.objects.first()), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", [Market, Ticker])
def test_a_list_needs_as_many_queries_for_thirty_rows_as_for_one(model):
    client = logged_in()
    fill(range(1))
    for_one = queries_of(client, list_url(model))
    fill(range(1, 30))

    assert queries_of(client, list_url(model)) == for_one


@pytest.mark.parametrize("model", [Market, Ticker])
def test_it_is_read_only_and_its_money_is_plain(model):
    client = logged_in()
    fill(range(1))

    assert client.get(add_url(model)).status_code == 403
    assert client.post(page_url(model.objects.get()), {}).status_code == 403
    assert ">0.00000001<" in text_of(client, list_url(model))


def test_an_old_price_is_marked_as_stale():
    client = logged_in()
    fill(range(1))
    assert "STALE" not in text_of(client, list_url(Ticker))
    Ticker.objects.update(as_of=now() - timedelta(days=2))

    assert "STALE, 2 d 0 h ago: no price has come in time" in text_of(client, list_url(Ticker))


# --- Features -----------------------------------------------------------------------------------------------------

CALM = {"name": "calm", "function": "volatility", "parameters": '{"window": 5}', "timeframe": "1h", "is_active": "on"}


def save(client, url: str, **form: str) -> list[str]:
    """The errors that the page shows; none: it is saved."""
    answer = client.post(url, CALM | form)
    if answer.status_code == 302:
        return []
    return [str(error) for errors in answer.context["errors"] for error in errors]


def test_a_feature_is_defined_and_another_definition_is_another_version():
    client = logged_in()
    assert save(client, add_url(Feature)) == []
    calm = Feature.objects.get()
    assert (calm.name, calm.parameters, calm.version) == ("calm", {"window": 5}, 1)
    assert save(client, page_url(calm), parameters='{"window": 7}') == []
    calm.refresh_from_db()
    assert (calm.parameters, calm.version) == ({"window": 7}, 2)
    assert save(client, page_url(calm), parameters='{"window": 7}', is_active="") == []
    calm.refresh_from_db()
    assert (calm.is_active, calm.version) == (False, 2)


def test_a_feature_keeps_its_name_and_cannot_be_deleted():
    client = logged_in()
    calm = define(name="calm", function="volatility", parameters={"window": 5}, timeframe="1h")
    assert save(client, page_url(calm), name="wild") == []
    assert Feature.objects.get().name == "calm"
    assert client.post(delete_url(calm), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"parameters": '{"windows": 5}'}, "has no parameter 'windows'"),
        ({"parameters": "[5]"}, "Parameters are written like"),
        ({"parameters": "{"}, "valid JSON"),
        ({"function": "correlation"}, "needs the symbol that it compares with"),
        ({"name": "Not a name"}, "Small letters"),
    ],
)
def test_what_cannot_be_computed_is_refused_in_words(wrong, words):
    (error,) = save(logged_in(), add_url(Feature), **wrong)
    assert words in error
    assert not Feature.objects.exists()


def test_how_far_a_feature_is_computed_and_by_which_version():
    client = logged_in()
    series = CandleSeries.objects.create(
        exchange_id="binance", environment="sandbox", symbol="BTC/USDT", timeframe="1h"
    )
    calm = define(name="calm", function="volatility", parameters={"window": 5}, timeframe="1h")
    at = datetime(2026, 11, 20, 7, tzinfo=UTC)
    FeatureSeries.objects.create(feature=calm, candles=series, version=1, computed_to=at)
    page = text_of(client, list_url(FeatureSeries))
    assert "2026-11-20 07:00" in page
    assert "by version" not in page
    define(name="calm", function="volatility", parameters={"window": 9}, timeframe="1h")
    assert "2026-11-20 07:00, by version 1 of 2" in text_of(client, list_url(FeatureSeries))
