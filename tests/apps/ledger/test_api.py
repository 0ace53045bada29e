from base64 import b64encode
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Balance, Order, Position, WalletReading, WalletStatus
from apps.portfolio.services import prices
from tests.apps.api import get, logged_in
from tests.apps.builders import account

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def reading(of: ExchangeAccount, kind: str = "balances", wallet: str = "spot", **fields) -> WalletReading:
    at = now()
    fresh = {"status": WalletStatus.OK, "as_of": at, "fresh_until": at.replace(year=at.year + 1)}
    return WalletReading.objects.create(account=of, kind=kind, wallet=wallet, **(fresh | fields))


def hold(of: WalletReading, currency: str, total: str) -> None:
    amount = Decimal(total)
    Balance.objects.create(reading=of, currency=currency, free=amount, used=Decimal(0), total=amount, debt=Decimal(0))


def test_a_balance_says_whose_it_is_how_old_and_exactly_how_much():
    mine = account(wallets=["spot"])
    hold(reading(mine), "PEPE", "0.00000001")
    answer = get(logged_in(), "/api/exchange/balance")
    row = answer["results"][0]
    assert (row["account_id"], row["account"], row["exchange_id"], row["wallet"]) == (
        mine.pk,
        "main",
        "binance",
        "spot",
    )
    assert (row["asset"], row["total"], row["stale"], row["stale_reason"]) == ("PEPE", "0.00000001", False, "")
    assert row["as_of"].endswith("Z")
    assert answer["complete"] is True


def test_only_the_callers_workspaces_are_shown():
    hold(reading(account(owner="neighbours")), "BTC", "1")
    client = logged_in()
    for path in ("/api/exchange/balance", "/api/exchange/orders", "/api/portfolio/positions"):
        answer = get(client, path)
        assert (answer["results"], answer["wallets"]) == ([], [])


def test_a_failed_wallet_is_named_and_makes_the_answer_incomplete():
    mine = account()
    hold(reading(mine), "BTC", "1")
    reading(mine, wallet="usdm", status=WalletStatus.FAILED, as_of=None, error="binance did not answer")
    answer = get(logged_in(), "/api/exchange/balance")
    assert answer["complete"] is False
    failed = next(row for row in answer["wallets"] if row["wallet"] == "usdm")
    assert (failed["status"], failed["as_of"], failed["stale_reason"]) == ("failed", None, "binance did not answer")


def test_a_wallet_that_the_key_may_not_read_leaves_the_rest_complete():
    mine = account(wallets=["spot", "usdm"])
    hold(reading(mine), "BTC", "1")
    reading(mine, wallet="usdm", status=WalletStatus.NOT_PERMITTED, as_of=None)
    assert get(logged_in(), "/api/exchange/balance")["complete"] is True


def test_a_disabled_accounts_last_rows_stay_readable_and_say_why_they_are_stale():
    mine = account(is_enabled=False, disabled_reason="the key was rejected")
    hold(reading(mine), "BTC", "1")
    row = get(logged_in(), "/api/exchange/balance")["results"][0]
    assert (row["total"], row["stale"], row["stale_reason"]) == (
        "1",
        True,
        "the account is disabled: the key was rejected",
    )


def test_rows_without_an_answer_in_time_are_stale():
    at = now()
    hold(reading(account(), as_of=at.replace(year=at.year - 1), fresh_until=at.replace(year=at.year - 1)), "BTC", "1")
    assert get(logged_in(), "/api/exchange/balance")["results"][0]["stale_reason"] == "no answer has come in time"


def test_filters_narrow_rows_and_wallets_alike():
    for label, exchange_id in (("a", "binance"), ("b", "bybit")):
        one = reading(account(label, exchange_id=exchange_id, wallets=["spot"]))
        hold(one, "BTC", "1")
        hold(one, "ETH", "2")
    client = logged_in()
    answer = get(client, "/api/exchange/balance", exchange_id="bybit", asset="ETH")
    assert [(row["account"], row["asset"]) for row in answer["results"]] == [("b", "ETH")]
    assert [row["account"] for row in answer["wallets"]] == ["b"]


@pytest.mark.parametrize("name", ["main", "id"])
def test_an_account_is_named_by_its_label_or_its_id(name):
    mine = account()
    hold(reading(mine), "BTC", "1")
    hold(reading(account("other")), "ETH", "1")
    answer = get(logged_in(), "/api/exchange/balance", account=mine.pk if name == "id" else name)
    assert [row["asset"] for row in answer["results"]] == ["BTC"]


def test_an_assets_case_does_not_matter():
    hold(reading(account()), "BTC", "1")
    assert len(get(logged_in(), "/api/exchange/balance", asset="btc")["results"]) == 1


@pytest.mark.parametrize(
    ("path", "params", "words"),
    [
        ("exchange/balance", {"exchnage": "binance"}, "exchange_id, wallet, cursor, ordering, page_size."),
        ("exchange/balance", {"account": "nobody"}, "no account of yours"),
        ("exchange/balance", {"account": "9" * 30}, "no account of yours"),
        ("exchange/balance", {"account": "9" * 300}, "id or label"),
        ("exchange/balance", {"account": "theirs"}, "no account of yours"),
        ("exchange/balance", {"exchange_id": "binanse"}, "none of your accounts"),
        ("exchange/balance", {"exchange_id": "kraken"}, "none of your accounts"),
        ("exchange/balance", {"wallet": "stop"}, "there are coinm, earn, earn-locked, funding, margin, spot, usdm"),
        ("exchange/balance", {"asset": "B\0TC"}, "NUL"),
        ("exchange/balance", {"asset": ["BTC", "ETH"]}, "more than once"),
        ("exchange/balance", {"environment": "test"}, "live, sandbox"),
        ("exchange/orders", {"status": "opened"}, "open, closed, canceled"),
        ("exchange/orders", {"side": "long"}, "buy, sell"),
        ("portfolio/positions", {"side": "buy"}, "long, short"),
        ("portfolio/positions", {"page_size": "many"}, "1 to 500"),
        ("portfolio/positions", {"page_size": "501"}, "1 to 500"),
        ("portfolio/positions", {"cursor": "nonsense"}, "`next`"),
        ("portfolio/positions", {"cursor": b64encode(b"p=nonsense").decode()}, "`next`"),
        ("portfolio/positions", {"cursor": b64encode(b"p=" + b"9" * 40).decode()}, "`next`"),
        ("system/status", {"account": "mine"}, "known are none"),
    ],
)
def test_a_filter_that_is_not_understood_is_named_and_never_shows_everything_or_nothing(path, params, words):
    account("mine")
    account("theirs", owner="neighbours")
    answer = logged_in().get(f"/api/{path}", params)
    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert (problem["code"], list(problem["errors"])) == ("bad_parameter", list(params))
    assert words in problem["detail"]


def test_what_has_never_been_read_is_named_and_not_taken_for_zero():
    mine = account(wallets=["spot", "usdm"])
    reading(mine)
    for path, wallets in (("exchange/balance", ["spot", "usdm"]), ("portfolio/positions", ["usdm"])):
        answer = get(logged_in(), f"/api/{path}")
        assert [row["wallet"] for row in answer["wallets"]] == wallets
        unread = answer["wallets"][-1]
        assert (unread["status"], unread["as_of"], unread["stale"]) == ("not read yet", None, True)
        assert answer["complete"] is False


def test_a_wallet_filter_asks_for_completeness_of_that_wallet_alone():
    mine = account()
    hold(reading(mine), "BTC", "1")
    answer = get(logged_in(), "/api/exchange/balance", wallet="spot")
    assert (answer["complete"], len(answer["wallets"])) == (True, 1)


def test_a_permission_that_was_taken_away_leaves_old_rows_and_an_incomplete_answer():
    mine = account(wallets=["spot"])
    hold(reading(mine, status=WalletStatus.NOT_PERMITTED, error="the key may not read it"), "BTC", "1")
    answer = get(logged_in(), "/api/exchange/balance")
    assert (answer["results"][0]["stale"], answer["complete"]) == (True, False)
    assert answer["wallets"][0]["error"] == "the key may not read it"


def test_long_lists_come_page_by_page_and_back():
    one = reading(account())
    for number in range(7):
        hold(one, f"C{number}", "1")
    client = logged_in()
    first = get(client, "/api/exchange/balance", page_size=5)
    second = client.get(first["next"]).json()
    seen = [row["asset"] for row in [*first["results"], *second["results"]]]
    assert (len(first["results"]), len(seen), len(set(seen)), second["next"]) == (5, 7, 7, None)
    assert client.get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize("ordering", ["newest", "oldest"])
@pytest.mark.parametrize("narrowed", [{}, {"side": "buy"}])
def test_orders_of_the_same_time_and_of_none_come_page_by_page_each_of_them_once(narrowed, ordering):
    mine, at = reading(account(), "orders"), now()
    for number in range(7):
        known = {"symbol": "BTC/USDT", "side": "buy", "status": "open", "exchange_at": at if number > 3 else None}
        Order.objects.create(reading=mine, order_id=str(number), **known)
    client, seen = logged_in(), []
    page = get(client, "/api/exchange/orders", page_size=2, ordering=ordering, **narrowed)
    while page["next"]:
        seen += page["results"]
        page = client.get(page["next"]).json()
    seen += page["results"]
    order_ids = [row["order_id"] for row in seen]
    assert order_ids == (list("6543210") if ordering == "newest" else list("0123456"))


def test_the_same_rows_are_told_with_a_filter_and_without():
    mine = reading(account())
    hold(mine, "BTC", "1.50")
    hold(mine, "ETH", "0.00000001")
    client = logged_in()
    rows = get(client, "/api/exchange/balance")["results"]
    assert rows == [get(client, "/api/exchange/balance", asset=asset)["results"][0] for asset in ("ETH", "BTC")]
    assert get(client, "/api/exchange/balance", ordering="oldest")["results"] == rows[::-1]


def test_rows_that_come_between_two_pages_neither_repeat_nor_hide_others():
    one = reading(account())
    for number in range(4):
        hold(one, f"C{number}", "1")
    client = logged_in()
    first = get(client, "/api/exchange/balance", page_size=2)
    Balance.objects.filter(currency="C3").delete()
    hold(one, "NEW", "1")
    assert [row["asset"] for row in client.get(first["next"]).json()["results"]] == ["C1", "C0"]


@pytest.mark.parametrize("amount", ["0.000000000000000001", "1000000000000000000", "123456789.123456789", "0", "-1.50"])
def test_every_amount_is_written_out_plainly(amount):
    hold(reading(account()), "BTC", amount)
    assert get(logged_in(), "/api/exchange/balance")["results"][0]["total"] == amount.replace("-1.50", "-1.5")


def queries_for(path: str) -> int:
    client = logged_in()
    # What things cost is read anew: it is kept for some seconds, or no longer.
    prices.forget()
    with CaptureQueriesContext(connection) as seen:
        get(client, path)
    return len(seen)


@pytest.mark.parametrize("path", ["/api/exchange/balance", "/api/exchange/orders", "/api/portfolio/positions"])
def test_fifty_rows_cost_as_many_queries_as_one(path):
    def one_more(label: str) -> None:
        mine = account(label)
        hold(reading(mine), "BTC", "1")
        where = {"symbol": "BTC/USDT", "side": "long", "contracts": Decimal(1)}
        Position.objects.create(reading=reading(mine, "positions"), **where)
        where = {"symbol": "BTC/USDT", "side": "buy", "status": "open", "order_id": "7"}
        Order.objects.create(reading=reading(mine, "orders"), **where)

    one_more("first")
    one = queries_for(path)
    for number in range(50):
        one_more(f"a{number}")
    assert queries_for(path) == one


def test_positions_and_orders_have_their_words():
    mine = account()
    Position.objects.create(
        reading=reading(mine, "positions", "usdm"), symbol="BTC/USDT:USDT", side="short", contracts=Decimal("0.5")
    )
    Order.objects.create(
        reading=reading(mine, "orders"), symbol="BTC/USDT", order_id="7", side="buy", status="open", amount=Decimal(2)
    )
    client = logged_in()
    position = get(client, "/api/portfolio/positions")["results"][0]
    assert (position["side"], position["contracts"], position["mark_price"]) == ("short", "0.5", None)
    order = get(client, "/api/exchange/orders", status="open")["results"][0]
    assert (order["order_id"], order["amount"], order["filled"], order["stale"]) == ("7", "2", None, False)
    assert get(client, "/api/exchange/orders", status="closed")["results"] == []
