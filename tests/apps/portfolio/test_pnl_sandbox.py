"""A sandbox account whose past was planted, read by the syncs themselves: its profit is what the worksheet says.

BTC, in USDT       fifo                     lifo                     hifo                     average (3000)
buy 1 at 2000
buy 1 at 4000
buy 0.5 at 3000
sell 1.2 at 5000   1x2000 .2x4000: 3200     .5x3000 .7x4000: 1700    1x4000 .2x3000: 1400     3600: 2400
.2 for 1040        .2x4000: 240             .2x4000: 240             .2x3000: 440             600: 440
                   3440                     1940                     1840                     2840
"""

from datetime import timedelta

import pytest

from alphapulse.types import ACCOUNT_KINDS, HISTORY_KINDS, Credentials, SyncKind
from apps.core.clock import now
from apps.exchanges.models import Environment, ExchangeAccount
from apps.sync.services import batch, states
from tests.apps.api import get, logged_in
from tests.apps.builders import workspace
from tests.apps.sync.test_histories_sandbox import an_interval_later, sandbox, server  # noqa: F401

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.usefixtures("shared_redis"),
]

KINDS = (SyncKind.MARKETS, SyncKind.TICKERS, *ACCOUNT_KINDS, *HISTORY_KINDS, SyncKind.SWEEP)
MOST_ROUNDS = 1000
GAINS = {"fifo": "3440", "lifo": "1940", "hifo": "1840", "average": "2840"}
# 0.01 BNB that was bought for 250 each; 4, 1.5 and 6 of spot; 0.2 and 0.22 of the contract; 1 of the withdrawal.
FEES = "-15.42"
# The gains, 50 of the contract, 3 of funding paid, a reward of 10, and the fees.
TOTALS = {"fifo": "3481.58", "lifo": "1981.58", "hifo": "1881.58", "average": "2881.58"}


def past():
    begin = now().replace(minute=0, second=0, microsecond=0)

    def at(days, hours=0):
        return (begin - timedelta(days=days, hours=hours)).isoformat()

    def trade(days, side, amount, price, fee, **more):
        row = {"kind": "trade", "market": "BTCUSDT", "side": side, "amount": amount, "price": price, "fee": fee}
        return row | {"fee_currency": "USDT", "at": at(days)} | more

    contract = {"market_kind": "linear"}
    return [
        {"kind": "deposit", "currency": "USDT", "amount": "10000", "at": at(60)},
        trade(50, "buy", "2", "250", "0", market="BNBUSDT", at=at(50, 1)),
        trade(50, "buy", "1", "2000", "0.01", fee_currency="BNB"),
        trade(45, "buy", "1", "4000", "4"),
        trade(40, "buy", "0.5", "3000", "1.5"),
        trade(30, "sell", "1.2", "5000", "6"),
        {"kind": "reward", "currency": "USDT", "amount": "10", "at": at(29)},
        {"kind": "convert", "from": "BTC", "from_amount": "0.2", "to": "USDT", "to_amount": "1040", "at": at(28)},
        {"kind": "transfer", "currency": "USDT", "amount": "1000", "from": "spot", "to": "futures", "at": at(27)},
        trade(26, "buy", "0.1", "5000", "0.2", **contract),
        trade(25, "sell", "0.1", "5500", "0.22", **contract),
        {"kind": "funding", "market": "BTCUSDT", "market_kind": "linear", "amount": "-3", "at": at(25, 2)},
        {"kind": "withdrawal", "currency": "USDT", "amount": "100", "fee": "1", "at": at(20)},
    ]


def connected(exchange_id, keys):
    mine = ExchangeAccount(
        workspace=workspace(), label="main", exchange_id=exchange_id, environment=Environment.SANDBOX
    )
    mine.set_credentials(Credentials(api_key=keys.api_key, secret=keys.secret))
    mine.save()
    states.make_states(mine.pk)
    return mine


def read(mine, sandbox):  # noqa: F811
    """All of it: markets that were not known when the first steps were taken come with the next."""
    for _ in range(4):
        work(mine, sandbox)
        an_interval_later(mine)


def work(mine, sandbox):  # noqa: F811
    """What is due of the account, and of markets and prices, until nothing is."""
    for _ in range(MOST_ROUNDS):
        sandbox.forgive()
        if not sum(batch.sync_batch(mine.exchange_id, kind) for kind in KINDS):
            return
    raise AssertionError("it does not end")


def test_profit_by_each_method_is_what_the_worksheet_says(sandbox):  # noqa: F811
    keys = sandbox.create_account("binance", holdings={})
    sandbox.plant_history("binance", keys.api_key, past())
    read(connected("binance", keys), sandbox)
    client = logged_in()
    for method, gain in GAINS.items():
        told = get(client, "/api/portfolio/pnl", currency="USDT", method=method)
        totals = told["totals"]
        assert (totals["realised"], totals["total"], totals["fees"]) == (gain, TOTALS[method], FEES)
        assert (totals["contracts"], totals["funding"], totals["reward"]) == ("50", "-3", "10")
        assert (totals["deposited"], totals["withdrawn"]) == ("10000", "100")
        assert {row["residual"] for row in told["residuals"]} == {"0"}
        assert told["gaps"] == []
    held = {row["asset"]: (row["amount"], row["cost"]) for row in told["held"]}
    assert held["BTC"] == ("1.1", "3300")
    assert held["BNB"] == ("1.99", "497.5")


@pytest.mark.parametrize("exchange_id", ["binance", "bybit"])
def test_every_balance_of_a_past_of_all_kinds_is_explained(exchange_id, sandbox):  # noqa: F811
    keys = sandbox.create_account(exchange_id, holdings={})
    sandbox.generate_history(exchange_id, keys.api_key, days=80, trades=60, seed=5)
    read(connected(exchange_id, keys), sandbox)
    told = get(logged_in(), "/api/portfolio/pnl", currency="USDT")
    assert len(told["residuals"]) > 3
    assert {row["asset"]: row["residual"] for row in told["residuals"] if row["residual"] != "0"} == {}
