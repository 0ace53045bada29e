"""What happened, as a frontend sees it."""

from base64 import b64encode
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alphapulse.exchanges.errors import PermissionMissing
from alphapulse.types import OrderStatus, SyncKind, TransferKind
from apps.ledger.models import HistoryCursor, Trade
from apps.ledger.services import cursors, store_events
from apps.ledger.services.coverage import coverage
from apps.ledger.services.histories import AccountSteps, store_steps
from apps.ledger.services.sightings import note
from tests.apps.api import get, logged_in
from tests.apps.builders import NOON, account, later
from tests.apps.pasts import Past, list_markets, tell_at_binance
from tests.events import entry, funding, order, trade, transfer

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

TRADES = SyncKind.TRADES
PATHS = ("trades", "transfers", "funding", "ledger")


@pytest.fixture(autouse=True)
def _lists(monkeypatch):
    tell_at_binance(monkeypatch)


def trades(client, **params) -> list[str]:
    return [row["trade_id"] for row in get(client, "/api/exchange/trades", **params)["results"]]


def test_a_trade_says_whose_it_is_when_it_was_and_exactly_how_much():
    mine = account()
    told = trade("7", amount="0.00000001", price="1E18", fee=Decimal("-0.5"), fee_currency="BNB", is_maker=None)
    store_events(mine.pk, TRADES, [told], source="spot")
    (row,) = get(logged_in(), "/api/exchange/trades")["results"]
    assert row == {
        "account_id": mine.pk,
        "account": "main",
        "exchange_id": "binance",
        "environment": "sandbox",
        "source": "spot",
        "exchange_at": "2026-11-21T12:00:00Z",
        "trade_id": "7",
        "order_id": None,
        "symbol": "BTC/USDT",
        "side": "buy",
        "price": "1000000000000000000",
        "amount": "0.00000001",
        "cost": "10000000000",
        "fee": "-0.5",
        "fee_currency": "BNB",
        "is_maker": None,
    }


def test_each_kind_has_its_own_rows():
    mine = account()
    store_events(mine.pk, SyncKind.TRANSFERS, [transfer("deposit:1", txid="abc")])
    store_events(mine.pk, SyncKind.FUNDING_PAYMENTS, [funding("usdm:1")])
    store_events(mine.pk, SyncKind.LEDGER, [entry("convert:1", reference="1")])
    client = logged_in()
    rows = {path: get(client, f"/api/exchange/{path}")["results"] for path in PATHS}
    assert rows["trades"] == []
    assert [(row["kind"], row["txid"], row["source"]) for row in rows["transfers"]] == [("deposit", "abc", "import")]
    assert [(row["symbol"], row["amount"]) for row in rows["funding"]] == [("BTC/USDT:USDT", "-0.5")]
    assert [(row["kind"], row["reference"]) for row in rows["ledger"]] == [("reward", "1")]


def test_only_the_callers_workspaces_are_shown():
    store_events(account(owner="neighbours").pk, TRADES, [trade("1")])
    client = logged_in()
    assert all(get(client, f"/api/exchange/{path}")["results"] == [] for path in (*PATHS, "history"))


def test_the_newest_come_first_page_by_page_though_older_ones_are_read_back_meanwhile():
    mine, client = account(), logged_in()
    # Two in the same millisecond, on the edge of two pages.
    at = {"1": later(1), "2": later(2), "3": later(2), "4": later(4), "5": later(5)}
    store_events(mine.pk, TRADES, [trade(each, at=when) for each, when in at.items()])
    first = get(client, "/api/exchange/trades", page_size=3)
    store_events(mine.pk, TRADES, [trade("0", at=later(0)), trade("6", at=later(6))])
    second = client.get(first["next"]).json()
    assert [row["trade_id"] for row in first["results"] + second["results"]] == ["5", "4", "3", "2", "1", "0"]
    assert second["next"] is None
    back = client.get(second["previous"]).json()
    assert [row["trade_id"] for row in back["results"]] == ["5", "4", "3"]


def test_filters_narrow_by_market_side_and_time():
    mine, client = account(), logged_in()
    rows = [trade("1", at=later(0)), trade("2", at=later(60)), trade("3", "ETH/USDT", at=later(60))]
    store_events(mine.pk, TRADES, rows)
    assert trades(client, symbol="btc/usdt") == ["2", "1"]
    assert trades(client, since="2026-11-21T12:01:00Z") == ["3", "2"]
    assert trades(client, until="2026-11-21T12:01:00+00:00") == ["1"]
    assert trades(client, since="2026-11-21", until="2026-11-22", symbol="ETH/USDT") == ["3"]
    assert trades(client, side="sell") == []
    store_events(mine.pk, SyncKind.TRANSFERS, [transfer("d"), transfer("w", "ETH", kind=TransferKind.WITHDRAWAL)])
    found = get(client, "/api/exchange/transfers", kind="withdrawal", currency="eth")["results"]
    assert [row["transfer_id"] for row in found] == ["w"]


@pytest.mark.parametrize(
    ("path", "params", "words"),
    [
        ("trades", {"since": "yesterday"}, "2026-11-21T12:00:00Z"),
        ("trades", {"until": "2026-13-01"}, "expected a day or a time"),
        ("trades", {"asset": "BTC"}, "no such parameter"),
        ("trades", {"account": "theirs"}, "no account of yours"),
        ("trades", {"cursor": b64encode(b"p=7").decode()}, "`next`"),
        ("transfers", {"kind": "gift"}, "deposit, withdrawal, internal"),
        ("ledger", {"kind": "gift"}, "convert, dust"),
        ("funding", {"side": "buy"}, "no such parameter"),
        ("history", {"kind": "trades"}, "no such parameter"),
        ("orders", {"since": "soon"}, "expected a day or a time"),
    ],
)
def test_a_filter_that_is_not_understood_is_named(path, params, words):
    account("mine")
    account("theirs", owner="neighbours")
    answer = logged_in().get(f"/api/exchange/{path}", params)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("path", PATHS)
def test_fifty_rows_cost_as_many_queries_as_one(path):
    mine, client = account(), logged_in()
    of_path = {
        "trades": (TRADES, [trade(str(number)) for number in range(50)]),
        "transfers": (SyncKind.TRANSFERS, [transfer(str(number)) for number in range(50)]),
        "funding": (SyncKind.FUNDING_PAYMENTS, [funding(str(number)) for number in range(50)]),
        "ledger": (SyncKind.LEDGER, [entry(str(number)) for number in range(50)]),
    }
    kind, rows = of_path[path]
    counts = []
    for told in (rows[:1], rows):
        store_events(mine.pk, kind, told)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(get(client, f"/api/exchange/{path}")["results"]) == len(told)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Since when all of it is known


def read(of, kind=TRADES, past=None) -> None:
    asked = cursors.wanted(kind, [of], NOON)[of.pk]
    steps = (past or Past(events={})).steps(asked)
    told = AccountSteps(account=of, wanted=asked, steps=steps, rest=timedelta(minutes=5))
    store_steps(kind, [told], asked_at=NOON, now=NOON)


def test_an_answer_says_since_when_none_is_missing_or_that_nobody_knows():
    client, mine = logged_in(), account(history_from=date(2024, 1, 1))
    assert get(client, "/api/exchange/transfers")["complete_since"] is None
    read(mine, SyncKind.TRANSFERS)
    assert get(client, "/api/exchange/transfers")["complete_since"] == "2024-01-01T00:00:00Z"
    # Of two accounts, what holds for both.
    other = account("other", history_from=date(2025, 1, 1))
    assert get(client, "/api/exchange/transfers")["complete_since"] is None
    assert get(client, "/api/exchange/transfers", account="main")["complete_since"] == "2024-01-01T00:00:00Z"
    read(other, SyncKind.TRANSFERS)
    assert get(client, "/api/exchange/transfers")["complete_since"] == "2025-01-01T00:00:00Z"


def test_what_came_while_the_rows_were_read_is_not_called_complete_without_them(monkeypatch):
    client, mine = logged_in(), account(history_from=date(2024, 1, 1))

    def caught_up_meanwhile(accounts):
        read(mine, SyncKind.TRANSFERS, Past(events={("deposits", ""): [transfer("deposit:1")]}))
        return coverage(accounts)

    monkeypatch.setattr("apps.ledger.api.events.coverage", caught_up_meanwhile)
    told = get(client, "/api/exchange/transfers")
    assert (told["complete_since"], len(told["results"])) == ("2024-01-01T00:00:00Z", 1)


def test_the_history_says_what_is_behind_and_what_is_in_trouble():
    list_markets("BTC/USDT", "XRP/USDT")
    mine = account(history_from=date(2024, 1, 1))
    note({(mine.pk, "spot"): {"BTC", "USDT"}})
    cursors.wanted(TRADES, [mine], NOON)
    read(mine, SyncKind.TRANSFERS, Past(events={}, errors={("deposits", ""): PermissionMissing("not with this key")}))
    (told,) = get(logged_in(), "/api/exchange/history")["results"]
    assert (told["account"], told["history_from"]) == ("main", "2024-01-01T00:00:00Z")
    of_kind = {each["kind"]: each for each in told["histories"]}
    assert set(of_kind) == {"trades", "closed_orders", "transfers", "funding_payments", "ledger"}
    fills = of_kind["trades"]
    assert (fills["complete_since"], fills["progress"]) == (
        None,
        "1 of 1 lists to be read on, 0 of ? markets swept",
    )
    assert [(each["source"], each["symbol"]) for each in fills["first_behind"]] == [("spot", "BTC/USDT")]
    (source,) = fills["sources"]
    assert (source["source"], source["lists"], source["behind"], source["swept"]) == ("spot", 1, 1, None)
    trouble = {"source": "deposits", "symbol": "", "status": "not permitted", "error": "not with this key"}
    assert of_kind["transfers"]["troubles"] == [trouble]


def test_the_history_says_what_the_exchange_never_tells():
    account(exchange_id="kraken")
    (row,) = get(logged_in(), "/api/exchange/history")["results"]
    assert row["untold"]["funding_payments"] == "spot has no funding, and its futures are not read"


def test_the_history_of_many_markets_is_named_up_to_ten():
    mine = account()
    common = {"account": mine, "kind": "trades", "source": "spot", "start_at": NOON, "reached_at": NOON, "due_at": NOON}
    HistoryCursor.objects.bulk_create(HistoryCursor(symbol=f"C{n}/USDT", **common) for n in range(300))
    (told,) = get(logged_in(), "/api/exchange/history")["results"]
    fills = next(each for each in told["histories"] if each["kind"] == "trades")
    assert (len(fills["first_behind"]), fills["sources"][0]["behind"]) == (10, 300)


def test_the_histories_of_fifty_accounts_cost_as_many_queries_as_those_of_one():
    client, counts = logged_in(), []
    for labels in (["a"], [f"b{number}" for number in range(49)]):
        for label in labels:
            read(account(label))
        with CaptureQueriesContext(connection) as queries:
            rows = get(client, "/api/exchange/history")["results"]
        counts.append(len(queries))
    assert (len(rows), counts[0]) == (50, counts[1])


def test_the_history_comes_page_by_page():
    for number in range(3):
        account(f"account {number}")
    client = logged_in()
    first = get(client, "/api/exchange/history", page_size=2)
    second = client.get(first["next"]).json()
    assert [row["account"] for row in first["results"] + second["results"]] == [f"account {n}" for n in (2, 1, 0)]


# --- Orders


def test_orders_come_in_the_order_of_their_time_wherever_they_were_read():
    mine, client = account(), logged_in()
    store_events(mine.pk, SyncKind.CLOSED_ORDERS, [order("new", at=later(9)), order("undated", at=None)])
    store_events(mine.pk, SyncKind.CLOSED_ORDERS, [order("old", at=later(1), status=OrderStatus.CANCELED)])
    ids, path = [], "/api/exchange/orders?page_size=1"
    while path:
        answer = client.get(path).json()
        ids += [row["order_id"] for row in answer["results"]]
        path = answer["next"] and urlsplit(answer["next"])._replace(scheme="", netloc="").geturl()
    assert ids == ["new", "old", "undated"]
    closed = get(client, "/api/exchange/orders", status="canceled", since="2026-11-21")["results"]
    assert [row["order_id"] for row in closed] == ["old"]
    assert Trade.objects.count() == 0
