"""Bybit's two wallets, and the account's own book."""

from decimal import Decimal
from itertools import pairwise

import ccxt
import pytest

BALANCE = "/v5/account/wallet-balance"


def coins(desk) -> dict[str, dict[str, str]]:
    [account] = desk.rows(BALANCE, accountType="UNIFIED")
    return {coin["coin"]: coin for coin in account["coin"]}


def test_the_unified_and_the_funding_wallet_are_two(open_client):
    client = open_client()

    assert client.fetch_balance()["total"] == {"USDT": 100_000, "BTC": 1}
    assert client.fetch_balance({"type": "funding"})["USDT"]["total"] == 500


def test_the_funding_wallet_lists_coins_that_are_empty_too(desk):
    answer = desk.get("/v5/asset/transfer/query-account-coins-balance", accountType="FUND")

    held = {row["coin"]: row["walletBalance"] for row in answer["result"]["balance"]}
    assert held == {"BTC": "0", "ETH": "0", "USDT": "500", "USDC": "0"}


def test_what_can_be_withdrawn_is_an_empty_text(desk):
    assert coins(desk)["USDT"]["availableToWithdraw"] == ""


def test_asking_for_a_coin_that_is_not_held_answers_zero(desk):
    [account] = desk.rows(BALANCE, accountType="UNIFIED", coin="XRP,USDT")

    assert [(coin["coin"], coin["walletBalance"]) for coin in account["coin"]] == [("XRP", "0"), ("USDT", "100000")]


def test_an_open_spot_order_locks_what_it_would_spend(open_client):
    client = open_client()
    last = client.fetch_ticker("BTC/USDT")["last"]
    price = float(client.price_to_precision("BTC/USDT", last * 0.8))
    order = client.create_order("BTC/USDT", "limit", "buy", 0.01, price)

    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(0.01 * price)
    assert client.fetch_balance()["USDT"]["total"] == 100_000

    client.cancel_order(order["id"], "BTC/USDT")
    assert client.fetch_balance()["USDT"]["used"] == 0


def test_a_negative_balance_is_borrowed(sandbox, open_client):
    client = open_client(holdings={"unified": {"USDT": "-250", "BTC": "1"}})

    balance = client.fetch_balance()
    assert balance["USDT"]["total"] == -250
    assert balance["USDT"]["debt"] == 250
    assert balance["BTC"]["debt"] == 0


def test_equity_in_dollars_adds_up_every_coin(desk):
    [account] = desk.rows(BALANCE, accountType="UNIFIED")

    parts = sum(float(coin["usdValue"]) for coin in account["coin"])
    assert float(account["totalEquity"]) == pytest.approx(parts)


def test_a_transfer_moves_money_and_is_remembered(open_client):
    client = open_client()
    client.transfer("USDT", 120, "funding", "unified")

    assert client.fetch_balance()["USDT"]["total"] == 100_120
    assert client.fetch_balance({"type": "funding"})["USDT"]["total"] == 380
    [transfer] = client.fetch_transfers("USDT")
    assert (transfer["amount"], transfer["fromAccount"], transfer["toAccount"]) == (120, "fund", "unified")


def test_nobody_transfers_more_than_there_is_or_the_same_transfer_twice(desk):
    wish = {"coin": "USDT", "fromAccountType": "FUND", "toAccountType": "UNIFIED"}
    path = "/v5/asset/transfer/inter-transfer"

    assert desk.post(path, transferId="a", amount="501", **wish)["retCode"] == 131212
    assert desk.post(path, transferId="a", amount="500", **wish)["retCode"] == 0
    assert desk.post(path, transferId="a", amount="500", **wish)["retCode"] == 131214
    assert desk.post(path, transferId="b", amount="1", **wish | {"toAccountType": "FUND"})["retCode"] == 131211


def test_money_a_position_needs_cannot_be_transferred_away(desk):
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "10"}
    assert desk.post("/v5/order/create", **order)["retCode"] == 0
    wish = {"coin": "USDT", "fromAccountType": "UNIFIED", "toAccountType": "FUND", "transferId": "a"}

    assert desk.post("/v5/asset/transfer/inter-transfer", amount="90000", **wish)["retCode"] == 131212
    assert desk.post("/v5/asset/transfer/inter-transfer", amount="100", **wish)["retCode"] == 0


def test_the_book_s_balances_lead_to_the_wallet_s(desk):
    order = {"category": "spot", "symbol": "BTCUSDT", "orderType": "Market", "marketUnit": "baseCoin"}
    desk.post("/v5/order/create", **order, side="Buy", qty="0.01")
    desk.post("/v5/order/create", **order, side="Sell", qty="0.004")
    move = {"coin": "USDT", "amount": "50", "fromAccountType": "UNIFIED", "toAccountType": "FUND", "transferId": "a"}
    desk.post("/v5/asset/transfer/inter-transfer", **move)

    for code in ("USDT", "BTC"):
        newest_first = desk.rows("/v5/account/transaction-log", currency=code)
        assert newest_first[0]["cashBalance"] == coins(desk)[code]["walletBalance"]
        for after, before in pairwise(newest_first):
            changed = Decimal(after["cashBalance"]) - Decimal(before["cashBalance"])
            assert changed == Decimal(after["change"])
        assert Decimal(newest_first[-1]["cashBalance"]) == Decimal(newest_first[-1]["change"])


def test_ccxt_reads_the_book_as_a_ledger(open_client):
    client = open_client("swap")
    client.create_order("BTC/USDT:USDT", "market", "buy", 0.01)

    deposit, trade = client.fetch_ledger("USDT")
    assert (deposit["type"], deposit["direction"], deposit["amount"]) == ("transaction", "in", 100_000)
    assert (trade["type"], trade["direction"]) == ("trade", "out")
    assert trade["amount"] == pytest.approx(trade["fee"]["cost"])
    assert trade["after"] == pytest.approx(100_000 - trade["amount"])


def test_what_the_control_gives_arrives_as_a_deposit(open_client):
    client = open_client()

    [deposit] = client.fetch_deposits("BTC")
    assert (deposit["amount"], deposit["status"]) == (1, "ok")
    assert client.fetch_withdrawals("BTC") == []


def test_classic_account_types_are_refused(desk):
    assert desk.get(BALANCE, accountType="SPOT")["retCode"] == 10001


def test_fees_are_those_that_are_charged(open_client):
    client = open_client("swap")
    fee = client.fetch_trading_fee("BTC/USDT:USDT")
    client.create_order("BTC/USDT:USDT", "market", "buy", 0.01)

    [trade] = client.fetch_my_trades("BTC/USDT:USDT")
    assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * fee["taker"], abs=1e-8)
    assert trade["fee"]["rate"] == fee["taker"] == 0.00055


def test_a_key_of_another_account_sees_another_wallet(open_client):
    poor = open_client(holdings={"unified": {"USDT": "1"}})

    assert poor.fetch_balance()["total"] == {"USDT": 1}
    with pytest.raises(ccxt.InsufficientFunds):
        poor.create_order("BTC/USDT", "market", "buy", 1)
