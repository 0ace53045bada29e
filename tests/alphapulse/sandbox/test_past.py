"""Planting a past: it moves balances, its ids rise with time, and the truth tells all of it."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal as D
from typing import Any

import pytest

from alphapulse.sandbox.accounts import Account
from alphapulse.sandbox.control_words import Refused
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import MarketKind
from alphapulse.sandbox.orders import NewOrder, OrderType, Side
from alphapulse.sandbox.past import plant
from alphapulse.sandbox.past_rows import read_rows
from alphapulse.sandbox.truth import told_history
from tests.alphapulse.sandbox.conftest import NOON_MS, Wall

DAY_MS = 86_400_000
START_MS = NOON_MS - 100 * DAY_MS
MONEY = {"kind": "deposit", "currency": "USDT", "amount": "100000", "at": START_MS}


@pytest.fixture
def exchange(engine: Engine) -> Exchange:
    return engine.exchanges["binance"]


@pytest.fixture
def account(exchange: Exchange) -> Account:
    return exchange.add_account("old hand")


def bought(
    market: str = "BTCUSDT", *, at: int, amount: str = "0.1", price: str = "40000", **more: Any
) -> dict[str, Any]:
    return {"kind": "trade", "market": market, "side": "buy", "amount": amount, "price": price, "at": at} | more


def planted(exchange: Exchange, account: Account, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    plant(exchange, account, read_rows(exchange, rows))
    return told_history(exchange, account)


def of_kind(history: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [row for row in history if row["kind"] == kind]


def free(account: Account, currency: str, wallet: str = "spot") -> D:
    return account.held(wallet, currency).free


def assert_the_book_is_the_balances(account: Account) -> None:
    sums: defaultdict[tuple[str, str], D] = defaultdict(D)
    for entry in account.entries:
        sums[entry.wallet, entry.currency] += entry.amount
    held = {(wallet, code): h.total for wallet, codes in account.wallets.items() for code, h in codes.items()}
    held |= {("margin", code): -debt.interest for code, debt in account.debts.items()}
    assert {key: amount for key, amount in held.items() if amount} == {
        key: amount for key, amount in sums.items() if amount
    }


def test_a_trade_moves_both_currencies_and_its_fee_where_it_was_taken(exchange: Exchange, account: Account):
    bnb = {"kind": "deposit", "currency": "BNB", "amount": "1", "at": START_MS}
    fee = {"fee": "0.01", "fee_currency": "BNB"}
    history = planted(exchange, account, MONEY, bnb, bought(at=START_MS + 1, **fee))

    assert (free(account, "BTC"), free(account, "USDT"), free(account, "BNB")) == (D("0.1"), 96_000, D("0.99"))
    [trade], [order] = of_kind(history, "trade"), of_kind(history, "order")
    assert (trade["fee"], trade["fee_currency"], trade["order_id"]) == (D("0.01"), "BNB", order["id"])
    assert (order["status"], order["filled"]) == ("filled", D("0.1"))
    assert_the_book_is_the_balances(account)


def test_a_fee_that_is_not_told_is_the_market_s_own(exchange: Exchange, account: Account):
    [trade] = of_kind(planted(exchange, account, MONEY, bought(at=START_MS + 1)), "trade")

    assert (trade["fee"], trade["fee_currency"]) == (D("0.0001"), "BTC")
    assert free(account, "BTC") == D("0.0999")


def test_an_order_filled_in_parts_and_cancelled_keeps_its_fills(exchange: Exchange, account: Account):
    order = {"kind": "order", "market": "ETHUSDT", "side": "buy", "price": "2000", "amount": "3", "at": START_MS + 1}
    fills = [
        {"price": "1999", "amount": "1", "at": START_MS + 5},
        {"price": "1998", "amount": "0.5", "at": START_MS + 5},
    ]
    history = planted(exchange, account, MONEY, order | {"fills": fills, "closed_at": START_MS + DAY_MS})

    [told] = of_kind(history, "order")
    assert (told["status"], told["filled"], told["cost"]) == ("canceled", D("1.5"), 2998)
    assert told["closed_ms"] == START_MS + DAY_MS
    assert {trade["order_id"] for trade in of_kind(history, "trade")} == {told["id"]}


def test_ids_rise_with_time_however_it_was_planted_and_below_what_happens_now(exchange: Exchange, account: Account):
    planted(exchange, account, MONEY, bought(at=START_MS + 50), bought(at=START_MS + 10))
    planted(exchange, account, bought(at=START_MS + 20), *[bought(at=START_MS + 30) for _ in range(5)])
    market = exchange.markets.of(MarketKind.SPOT)["BTCUSDT"]
    exchange.place(account, NewOrder(market=market, side=Side.BUY, type=OrderType.MARKET, amount=D("0.01")))
    history = planted(exchange, account, bought(at=START_MS + 40))

    for kind in ("trade", "order"):
        rows = of_kind(history, kind)
        ids = [int(row["id"]) for row in rows]
        assert len(ids) >= 9
        assert ids == sorted(set(ids))
    assert [entry.id for entry in account.entries] == sorted({entry.id for entry in account.entries})


def test_two_markets_share_trade_ids_at_binance_and_not_at_bybit(engine: Engine):
    for name, shared in (("binance", True), ("bybit", False)):
        exchange = engine.exchanges[name]
        account = exchange.add_account("a")
        at = START_MS + 1
        history = planted(exchange, account, MONEY, bought(at=at), bought("ETHUSDT", at=at, price="2000"))
        first, second = of_kind(history, "trade")
        assert (first["id"] == second["id"]) is shared


def test_contracts_make_profit_in_the_order_of_their_times(exchange: Exchange, account: Account):
    rows = [
        bought(market_kind="linear", at=START_MS + 3, price="50000", side="sell"),
        bought(market_kind="linear", at=START_MS + 2, price="40000", amount="0.2"),
        {"kind": "transfer", "currency": "USDT", "amount": "5000", "from": "spot", "to": "futures", "at": START_MS + 1},
        {"kind": "funding", "market": "BTCUSDT", "amount": "-1.5", "at": START_MS + 4},
    ]
    history = planted(exchange, account, MONEY, *rows)

    assert [trade["realised"] for trade in of_kind(history, "trade")] == [0, 1000]
    [leg] = account.positions.open_legs()
    assert (leg.position.amount, leg.position.entry_price) == (D("0.1"), 40_000)
    assert free(account, "USDT", "futures") == 5000 + 1000 - D("1.5") - D("4") - D("2.5")
    [transfer] = of_kind(history, "transfer")
    assert (transfer["from"], transfer["to"], transfer["amount"]) == ("spot", "futures", 5000)
    assert_the_book_is_the_balances(account)


def test_inverse_contracts_and_the_margin_wallet_have_a_past_too(exchange: Exchange, account: Account):
    coins = {"kind": "deposit", "currency": "BTC", "amount": "1", "at": START_MS}
    delivered = {"kind": "transfer", "currency": "BTC", "amount": "1", "from": "spot", "to": "delivery", "at": START_MS}
    lent = {"kind": "transfer", "currency": "USDT", "amount": "9000", "from": "spot", "to": "margin", "at": START_MS}
    perpetual = {"market_kind": "inverse", "amount": "10", "fee": "0"}
    history = planted(
        exchange,
        account,
        *(MONEY, coins, delivered, lent),
        bought("BTCUSD_PERP", at=START_MS + 1, price="40000", **perpetual),
        bought("BTCUSD_PERP", at=START_MS + 2, price="50000", side="sell", **perpetual),
        bought(at=START_MS + 3, wallet="margin"),
    )

    assert [trade["realised"] for trade in of_kind(history, "trade")] == [0, D("0.005"), 0]
    assert free(account, "BTC", "delivery") == D("1.005")
    assert (free(account, "USDT", "margin"), free(account, "BTC", "margin")) == (5000, D("0.0999"))
    assert_the_book_is_the_balances(account)


def test_every_kind_moves_what_it_says(exchange: Exchange, account: Account):
    at = {"at": START_MS + 1}
    history = planted(
        exchange,
        account,
        MONEY,
        {"kind": "withdrawal", "currency": "USDT", "amount": "100", "fee": "1.5", **at},
        {"kind": "convert", "from": "USDT", "from_amount": "200", "to": "BNB", "to_amount": "0.4", **at},
        {"kind": "purchase", "currency": "DOGE", "amount": "50", "fiat": "EUR", "fiat_amount": "9", "fee": "0.2", **at},
        {"kind": "dust", "coins": [{"currency": "DOGE", "amount": "3", "got": "0.001", "fee": "0.00002"}], **at},
        {"kind": "reward", "currency": "USDT", "amount": "0.5", "wallet": "earn", **at},
        {"kind": "airdrop", "currency": "ADA", "amount": "12", "info": "ADA airdrop", **at},
        {"kind": "rebate", "currency": "BNB", "amount": "0.01", **at},
        {"kind": "interest", "currency": "USDT", "amount": "0.25", "principal": "1000", **at},
        {"kind": "fiat_deposit", "currency": "EUR", "amount": "500", "fee": "1", **at},
        {"kind": "fiat_withdrawal", "currency": "EUR", "amount": "100", "fee": "1", **at},
        {"kind": "sale", "currency": "ADA", "amount": "2", "fiat": "EUR", "fiat_amount": "1", **at},
    )

    wallets = {wallet: {code: held.free for code, held in codes.items()} for wallet, codes in account.wallets.items()}
    assert wallets == {
        "spot": {"USDT": D("99698.5"), "BNB": D("0.411"), "DOGE": 47, "ADA": 10, "EUR": 399},
        "earn": {"USDT": D("0.5")},
    }
    assert account.debts["USDT"].interest == D("0.25")
    gave, got = of_kind(history, "convert")
    assert gave["reference"] == got["reference"]
    assert (gave["amount"], got["amount"]) == (-200, D("0.4"))
    assert_the_book_is_the_balances(account)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"kind": "luck"}, "no history of kind 'luck'"),
        ({"kind": "deposit", "currency": "BTC", "amount": "1"}, "needs 'at'"),
        ({"kind": "deposit", "currency": "BTC", "amount": "-1", "at": START_MS}, "without a sign"),
        ({"kind": "deposit", "currency": "BTC", "amount": "1", "at": NOON_MS + 1}, "no time of the past"),
        ({"kind": "deposit", "currency": "BTC", "amount": "1", "at": START_MS, "fi": 1}, "knows nothing of fi"),
        (MONEY | {"wallet": "futures"}, "does not reach futures"),
        (bought("LUCKUSDT", at=START_MS), "no market 'LUCKUSDT'"),
        (bought(at=START_MS, order_amount="0.05"), "no more than their order"),
        ({"kind": "withdrawal", "currency": "ETH", "amount": "1", "at": START_MS}, "ETH would end at -1"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_planted(
    exchange: Exchange, account: Account, row: dict[str, Any], sentence: str
):
    with pytest.raises(Refused, match=sentence):
        planted(exchange, account, MONEY, row)

    assert told_history(exchange, account) == []
    assert not account.wallets.get("spot")


def test_a_past_with_holes_is_never_told(
    exchange: Exchange, account: Account, wall: Wall, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("alphapulse.sandbox.fills._KEPT", 10)
    kept = exchange.add_account("kept")
    planted(exchange, kept)
    for amount in range(1, 15):
        exchange.set_balance(account, "spot", "BTC", D(amount))
        exchange.set_balance(kept, "spot", "BTC", D(amount))

    assert len(told_history(exchange, kept)) == 14
    with pytest.raises(Refused, match="has forgotten 5 rows"):
        told_history(exchange, account)
    with pytest.raises(Refused, match="plant into a fresh account"):
        planted(exchange, account, MONEY)
