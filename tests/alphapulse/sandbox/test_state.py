"""What the sandbox remembers over a restart."""

import stat
from decimal import Decimal
from pathlib import Path

import pytest

from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.state import StateFile, load_engine, snapshot
from alphapulse.sandbox.testing import SandboxServer
from tests.alphapulse.sandbox.binance.signing import Signer


def lived(sandbox: SandboxServer) -> str:
    """An account with a bit of everything; its key."""
    account = sandbox.create_account(
        "binance",
        name="main",
        holdings={"spot": {"USDT": "10000", "BTC": "1.00000001"}, "futures": {"USDT": "5000"}, "margin": {"BTC": "1"}},
        positions=[
            {"market": "BTCUSDT", "amount": "0.1", "leverage": 7, "entry_price": "50000"},
            {"market": "BTCUSD_PERP", "amount": "-3", "entry_price": "50000"},
        ],
        debts={"USDT": {"borrowed": "200", "interest": "0.5"}},
        can_withdraw=True,
    )
    sandbox.place_order("binance", "main", "BTCUSDT", "sell", "0.1", away=1.5, wallet="margin")
    sandbox.place_order("binance", "main", "BTCUSDT", "buy", "0.1", away=0.5, client_order_id="rests")
    sandbox.place_order("binance", "main", "BTCUSDT", "sell", "0.05", client_order_id="filled")
    stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.1"}
    price = f"{sandbox.price('BTC/USDT') * 0.5:.2f}"
    assert Signer(sandbox, account).signed("POST", "/api/v3/order", **stop, stopPrice=price).status == 200
    sandbox.create_account("bybit", positions=[{"market": "ETHUSDT", "amount": "1", "side": "short"}])
    sandbox.set_price("ETH/USDT", 1234)
    return account.api_key


def test_a_restart_forgets_nothing_but_faults_and_requests(tmp_path: Path):
    state = tmp_path / "deep" / "sandbox.json"
    with SandboxServer(markets=30, state=state) as before:
        key = lived(before)
        accounts, orders = before.accounts(), before.orders()

    with SandboxServer(markets=30, state=state) as after:
        assert after.accounts() == accounts
        assert after.orders() == orders
        assert after.price("ETH/USDT") == pytest.approx(1234)
        signer = Signer(after, after.create_account("binance", api_key=key))
        assert len(signer.signed("GET", "/api/v3/openOrders").body) == 2
        [trade] = signer.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT").body
        fresh = after.place_order("binance", "main", "BTCUSDT", "buy", "0.01")
        assert int(fresh["order_id"]) > max(
            int(order["order_id"]) for order in orders if order["exchange"] == "binance"
        )
        assert trade["qty"] == "0.05000000"


@pytest.mark.parametrize("exchange", ["binance", "bybit"])
def test_a_planted_past_is_there_after_a_restart_and_can_be_added_to(tmp_path: Path, exchange: str):
    state = tmp_path / "sandbox.json"
    with SandboxServer(markets=30, state=state) as before:
        before.create_account(exchange, name="old hand", holdings={"USDT": "1000"})
        before.generate_history(exchange, "old hand", days=40, trades=60)
        history, account = before.history(exchange, "old hand"), before.account(exchange, "old hand")

    with SandboxServer(markets=30, state=state) as after:
        assert after.history(exchange, "old hand") == history
        assert after.account(exchange, "old hand") == account
        at = min(row["at_ms"] for row in history if row["kind"] == "trade")
        order = {"kind": "trade", "market": "BTCUSDT", "side": "buy", "price": "2", "amount": "1", "at": at}
        after.plant_history(exchange, "old hand", [order] * 3)
        more = after.history(exchange, "old hand")
        for kind in ("trade", "order"):
            keys = [(row["market_kind"], row["market"], row["id"]) for row in more if row["kind"] == kind]
            assert len(set(keys)) == len(keys) == 3 + sum(row["kind"] == kind for row in history)


def test_saving_and_loading_again_gives_the_same_snapshot(tmp_path: Path):
    state = tmp_path / "sandbox.json"
    config = SandboxConfig(markets=30, seed=1, state=state)
    with SandboxServer(markets=30, state=state) as sandbox:
        lived(sandbox)

    engine = load_engine(config)
    again = Engine(config, started_ms=engine.clock.started_ms)
    StateFile(tmp_path / "copy.json", engine)
    before = snapshot(engine)
    config_of_copy = SandboxConfig(markets=30, seed=1, state=tmp_path / "copy.json")
    copy = StateFile(tmp_path / "copy.json", engine)
    engine.exchanges["binance"].set_balance(engine.exchanges["binance"].accounts["main"], "spot", "ADA", Decimal(1))
    copy.save_if_changed()

    loaded = snapshot(load_engine(config_of_copy))
    assert loaded["exchanges"]["binance"]["accounts"][0]["wallets"]["spot"]["ADA"] == [1, 0]
    assert loaded["exchanges"]["bybit"] == before["exchanges"]["bybit"]
    assert snapshot(again)["exchanges"]["binance"]["accounts"] == []


def test_only_its_owner_may_read_the_file(tmp_path: Path):
    state = tmp_path / "sandbox.json"
    with SandboxServer(markets=20, state=state) as sandbox:
        sandbox.create_account("binance")

    assert stat.S_IMODE(state.stat().st_mode) == 0o600


def test_what_did_not_change_is_not_written(tmp_path: Path):
    engine = Engine(SandboxConfig(markets=20))
    file = StateFile(tmp_path / "sandbox.json", engine)

    file.save_if_changed()
    assert not (tmp_path / "sandbox.json").exists()

    engine.exchanges["binance"].set_balance(engine.exchanges["binance"].add_account("a"), "spot", "BTC", Decimal(1))
    file.save_if_changed()
    assert (tmp_path / "sandbox.json").exists()


def test_a_file_that_is_not_ours_is_refused(tmp_path: Path):
    state = tmp_path / "sandbox.json"
    state.write_text('{"version": 99}')

    with pytest.raises(ValueError, match="not a state file"):
        load_engine(SandboxConfig(state=state))


def test_market_time_goes_on_where_it_was(tmp_path: Path):
    state = tmp_path / "sandbox.json"
    with SandboxServer(markets=20, state=state, speed=1000.0) as before:
        before.create_account("binance")
        health = before.health()

    with SandboxServer(markets=20, state=state, speed=1000.0) as after:
        assert after.health()["market_ms"] > health["market_ms"]
