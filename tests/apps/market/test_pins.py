"""Symbols that people pin, over REST: whose they are, how many, and that nobody undoes what others want."""

from datetime import timedelta
from typing import Any

import pytest

from apps.core.clock import now
from apps.market.models import CandleSeries, Market, WatchedSymbol
from apps.market.services import pins, watch
from apps.market.services.watch import follow_all
from apps.users.models import Membership, Workspace
from tests.apps import builders
from tests.apps.api import logged_in, user

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PIN = {"exchange_id": "binance", "environment": "sandbox", "symbol": "BTC/USDT", "timeframe": "1h"}


@pytest.fixture(autouse=True)
def _listed():
    builders.account()
    builders.account("live", environment="live")
    for symbol, market_type in (("BTC/USDT", "spot"), ("ETH/USDT", "spot"), ("BTC/USDT-261225", "option")):
        listed(symbol, market_type)


def listed(symbol: str, market_type: str = "spot") -> None:
    Market.objects.create(
        exchange_id="binance",
        environment="sandbox",
        symbol=symbol,
        market_id=symbol,
        type=market_type,
        base="BTC",
        quote="USDT",
        is_active=True,
        is_inverse=False,
    )


def send(client: Any, **body: Any) -> Any:
    return client.post("/api/market/pins", PIN | body, format="json")


def is_read(symbol: str = "BTC/USDT", timeframe: str = "1h") -> bool:
    return CandleSeries.objects.get(symbol=symbol, timeframe=timeframe).due_at is not None


def test_what_is_pinned_is_read_and_the_list_says_how_far():
    client = logged_in()
    answer = send(client)
    assert answer.status_code == 201
    assert is_read()
    told = client.get("/api/market/pins", {"symbol": "BTC/USDT"}).json()["results"]
    assert told == [answer.json()]
    wanted = PIN | {"is_behind": True, "status": "ok", "covered_from": None, "first_at": None, "error": ""}
    assert wanted.items() <= told[0].items()
    symbols = client.get("/api/market/symbols", {"symbol": "BTC/USDT"}).json()["results"]
    assert symbols[0]["candles"][0]["watched_by"] == ["pinned"]


def test_what_is_pinned_already_is_answered_as_it_is():
    client = logged_in()
    first, second = send(client), send(client)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert WatchedSymbol.objects.count() == 1


def test_two_workspaces_that_pin_the_same_do_not_undo_one_another():
    mine, theirs = logged_in(), logged_in("neighbours")
    ids = [send(client).json()["id"] for client in (mine, theirs)]
    symbols = mine.get("/api/market/symbols", {"symbol": "BTC/USDT"}).json()["results"]
    assert symbols[0]["candles"][0]["watched_by"] == ["pinned"]
    assert mine.delete(f"/api/market/pins/{ids[1]}").status_code == 404
    assert mine.delete(f"/api/market/pins/{ids[0]}").status_code == 204
    assert is_read()
    assert theirs.delete(f"/api/market/pins/{ids[1]}").status_code == 204
    assert not is_read()


def test_other_sources_and_the_staff_leave_pins_of_workspaces_alone():
    send(logged_in())
    where = {"exchange_id": "binance", "environment": "sandbox", "now": now()}
    watch("pinned", **where, symbols=[("ETH/USDT", "1h")])
    watch("pinned", **where, symbols=[])
    watch("held", **where, symbols=[])
    assert is_read()
    assert not is_read("ETH/USDT")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"exchange_id": "krakn"}, "exchange_id", "Nothing is read of krakn (sandbox): nobody"),
        ({"environment": "live"}, "exchange_id", "The markets of Binance (live) are not known yet"),
        ({"symbol": "BTCUSDT"}, "symbol", "Binance (sandbox) lists no BTCUSDT"),
        ({"symbol": "BTC/USDT-261225"}, "symbol", "Binance tells no candles of BTC/USDT-261225 (option)"),
        ({"timeframe": "1w"}, "timeframe", "made of shorter ones"),
        ({"timeframe": "7m"}, "timeframe", "not a valid choice"),
        ({"workspace_id": 10**9}, "workspace_id", "no workspace of this id"),
    ],
)
def test_what_cannot_be_pinned_is_refused_in_words(body, field, said):
    answer = send(logged_in(), **body)
    assert answer.status_code == 400
    assert said in answer.json()["errors"][field][0]
    assert not WatchedSymbol.objects.exists()


def test_a_workspace_may_pin_so_many_and_fewer_that_are_asked_for_often(monkeypatch):
    monkeypatch.setattr(pins, "MOST", 3)
    monkeypatch.setattr(pins, "MOST_SHORT", 1)
    client = logged_in()
    assert send(client, timeframe="1m").status_code == 201
    short = send(client, timeframe="5m")
    assert (short.status_code, "shorter than 15 minutes" in short.json()["detail"]) == (409, True)
    assert [send(client, timeframe=each).status_code for each in ("1h", "1d", "4h")] == [201, 201, 409]
    # What is there already is no more than it was, and others have their own.
    assert send(client, timeframe="1h").status_code == 200
    assert send(logged_in("neighbours"), timeframe="4h").status_code == 201


def test_a_viewer_sees_what_is_pinned_and_pins_nothing():
    client, theirs = logged_in(), logged_in("neighbours")
    pinned = send(theirs).json()
    Membership.objects.create(user=user(), workspace=Workspace.objects.get(pk=pinned["workspace_id"]), role="viewer")
    assert [each["id"] for each in client.get("/api/market/pins").json()["results"]] == [pinned["id"]]
    refused = send(client, workspace_id=pinned["workspace_id"], symbol="ETH/USDT")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    assert client.delete(f"/api/market/pins/{pinned['id']}").status_code == 403


def test_the_pins_of_a_workspace_that_is_deleted_rest_with_the_next_look():
    workspace_id = send(logged_in("neighbours")).json()["workspace_id"]
    Workspace.objects.get(pk=workspace_id).delete()
    assert is_read()
    follow_all(now() + timedelta(hours=1))
    assert not is_read()
