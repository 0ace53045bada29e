"""Names that nothing has are refused; what there is, of which nothing is known, is an empty answer."""

from typing import Any

import pytest

from apps.core.clock import now
from apps.exchanges.models import Environment
from tests.apps.api import get, logged_in
from tests.apps.builders import account
from tests.config.furnished import CANDLES, FEATURE, furnish_market

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

OF_CANDLES = ("history", "export", "indicators", "features/values")
BESIDE = {"indicators": {"indicators": "RSI"}, "features/values": {"feature": FEATURE}}


@pytest.fixture(autouse=True)
def market() -> None:
    furnish_market(now())


def refused(path: str, **query: Any) -> tuple[str, str]:
    answer = logged_in().get(f"/api/{path}", query)
    assert answer.status_code == 400, answer.content
    [(name, [problem])] = answer.json()["errors"].items()
    return name, problem


@pytest.mark.parametrize("path", OF_CANDLES)
def test_candles_of_a_symbol_that_the_exchange_does_not_list_are_refused(path):
    wrong = CANDLES | BESIDE.get(path, {}) | {"symbol": "NOPE"}
    told = "binance (sandbox) lists no 'NOPE'. /api/market/symbols tells them, as BTC/USDT."
    assert refused(f"market/{path}", **wrong) == ("symbol", told)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "btc/usdt"])
def test_what_is_nearly_a_symbol_is_told_as_what_it_may_be(symbol):
    told = f"binance (sandbox) lists no {symbol!r}. Did you mean BTC/USDT?"
    assert refused("market/history", **CANDLES | {"symbol": symbol}) == ("symbol", told)


@pytest.mark.parametrize("path", OF_CANDLES)
def test_an_exchange_of_which_no_markets_are_known_is_refused_with_those_that_are(path):
    wrong = CANDLES | BESIDE.get(path, {}) | {"exchange_id": "kraken"}
    told = "no markets of kraken (sandbox) are known here; there are binance (sandbox)."
    assert refused(f"market/{path}", **wrong) == ("exchange_id", told)


def test_a_feature_that_there_is_not_is_refused_with_those_that_there_are():
    told = f"there is no feature 'nope'; there are {FEATURE}."
    assert refused("market/features/values", **CANDLES | {"feature": "nope"}) == ("feature", told)


@pytest.mark.parametrize("path", ["prices", "symbols"])
def test_lists_refuse_what_no_market_is_called(path):
    told = "no market is called 'BTCUSDT'. Did you mean BTC/USDT?"
    assert refused(f"market/{path}", symbol="BTCUSDT") == ("symbol", told)
    assert refused(f"market/{path}", exchange_id="kraken")[0] == "exchange_id"
    assert get(logged_in(), f"/api/market/{path}", symbol="btc/usdt", environment="live")["results"] == []


@pytest.mark.parametrize("path", ["prices", "symbols"])
def test_where_somebody_has_an_account_markets_are_still_to_come(path):
    account(exchange_id="kraken")
    assert get(logged_in(), f"/api/market/{path}", exchange_id="kraken")["results"] == []


def test_markets_are_looked_for_by_coins_that_they_have():
    assert refused("market/symbols", base="NOPE") == ("base", "no market has 'NOPE' as its base.")
    assert refused("market/symbols", quote="NOPE")[0] == "quote"
    assert get(logged_in(), "/api/market/symbols", base="BTC", type="swap")["results"] == []


@pytest.mark.parametrize("path", ["market/pins", "exchange/orders", "exchange/trades", "portfolio/positions"])
def test_nothing_of_a_symbol_that_there_is_not_is_refused_and_nothing_of_one_that_there_is_told(path):
    account()
    assert refused(path, symbol="BTCUSDT")[0] == "symbol"
    assert get(logged_in(), f"/api/{path}", symbol="BTC/USDT")["results"] == []


@pytest.mark.parametrize("path", OF_CANDLES)
def test_who_has_accounts_in_the_sandbox_alone_is_told_of_the_sandbox(path):
    asked = {name: value for name, value in CANDLES.items() if name != "environment"} | BESIDE.get(path, {})
    assert refused(f"market/{path}", **asked)[1].startswith("no markets of binance (live) are known here")
    account(environment=Environment.SANDBOX)
    assert logged_in().get(f"/api/market/{path}", asked).status_code == 200
    account(label="real", environment=Environment.LIVE)
    assert refused(f"market/{path}", **asked)[0] == "exchange_id"


def test_pins_too_are_of_where_one_has_accounts():
    account(environment=Environment.SANDBOX)
    wanted = {name: value for name, value in CANDLES.items() if name != "environment"}
    answer = logged_in().post("/api/market/pins", wanted, format="json")
    assert (answer.status_code, answer.json()["environment"]) == (201, "sandbox")
