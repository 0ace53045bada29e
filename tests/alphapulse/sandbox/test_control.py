"""The control: the seam of every other test, and of rehearsals."""

import pytest

from alphapulse.sandbox.testing import ControlRefused, SandboxServer


def balances(sandbox: SandboxServer, account: str, wallet: str = "spot") -> dict[str, str]:
    held = sandbox.account("binance", account)["balances"].get(wallet, {})
    return {code: amounts["free"] for code, amounts in held.items()}


def test_an_account_is_made_with_holdings_in_the_wallets_named(sandbox: SandboxServer):
    flat = sandbox.create_account("binance", holdings={"USDT": "12.5"})
    nested = sandbox.create_account("binance", name="named", holdings={"spot": {"BTC": 1}, "futures": {"USDT": 7}})

    assert balances(sandbox, flat.account) == {"USDT": "12.5"}
    assert nested.account == "named"
    assert balances(sandbox, "named", "futures") == {"USDT": "7"}


def test_making_an_account_with_a_known_key_changes_nothing(sandbox: SandboxServer):
    first = sandbox.create_account("binance", api_key="demo", secret="s1", holdings={"USDT": "5"})
    again = sandbox.create_account("binance", api_key="demo", secret="s2", holdings={"USDT": "9"})

    assert again == first
    assert balances(sandbox, first.account) == {"USDT": "5"}


def test_an_accounts_number_is_its_own_and_was_no_ones_in_a_sandbox_before(sandbox: SandboxServer):
    earlier = {sandbox.create_account("binance").uid for _ in range(20)}
    with SandboxServer(markets=5) as another:
        later = {another.create_account("binance").uid for _ in range(20)}
    assert len(earlier | later) == 40


def test_the_same_key_may_exist_at_two_exchanges(sandbox: SandboxServer):
    here = sandbox.create_account("binance", api_key="both")
    there = sandbox.create_account("bybit", api_key="both")

    assert (here.exchange, there.exchange) == ("binance", "bybit")


def test_balances_are_set_by_name_or_by_key_without_losing_a_digit(sandbox: SandboxServer):
    account = sandbox.create_account("binance", holdings={"USDT": "5"})

    sandbox.set_balance("binance", account.account, "SHIB", "1000000000000000000.00000001")
    sandbox.set_balance("binance", account.api_key, "USDT", "0.00000001", wallet="funding")

    assert balances(sandbox, account.account) == {"USDT": "5", "SHIB": "1000000000000000000.00000001"}
    assert balances(sandbox, account.account, "funding") == {"USDT": "0.00000001"}


def test_positions_are_set_one_way_and_as_hedged_legs(sandbox: SandboxServer):
    account = sandbox.create_account(
        "binance",
        holdings={"futures": {"USDT": "10000"}},
        positions=[{"market": "BTCUSDT", "amount": "-0.5", "entry_price": "60000", "leverage": 10}],
    )
    [short] = sandbox.account("binance", account.account)["positions"]
    assert (short["side"], short["amount"], short["leverage"]) == ("BOTH", "-0.5", 10)

    sandbox.set_position("binance", account.account, "BTCUSDT", 0)
    sandbox.set_position("binance", account.account, "BTCUSDT", "0.1", side="long")
    sandbox.set_position("binance", account.account, "BTCUSDT", "0.2", side="short")

    legs = sandbox.account("binance", account.account)["positions"]
    assert {leg["side"]: leg["amount"] for leg in legs} == {"LONG": "0.1", "SHORT": "-0.2"}


def test_a_position_set_by_hand_cannot_change_the_mode_while_one_is_open(sandbox: SandboxServer):
    account = sandbox.create_account("binance", positions=[{"market": "BTCUSDT", "amount": "1"}])

    with pytest.raises(ControlRefused, match="position mode"):
        sandbox.set_position("binance", account.account, "ETHUSDT", "1", side="long")


def test_prices_are_set_moved_and_let_go(sandbox: SandboxServer):
    sandbox.set_price("ETH/USDT", "2000")
    assert sandbox.price("ETH/USDT") == pytest.approx(2000)

    sandbox.move_price("ETH/USDT", 1.5)
    assert sandbox.price("ETH/USDT") == pytest.approx(3000)

    sandbox.release_price("ETH/USDT")
    assert sandbox.price("ETH/USDT") == pytest.approx(3000, rel=0.01)


def test_a_price_against_another_coin_moves_the_base(sandbox: SandboxServer):
    before = sandbox.price("BTC/USDT")
    sandbox.set_price("ETH/BTC", "0.05")

    assert sandbox.price("ETH/BTC") == pytest.approx(0.05, rel=0.01)
    assert sandbox.price("BTC/USDT") == pytest.approx(before, rel=0.01)
    sandbox.release_price("ETH/BTC")


def test_an_order_placed_filled_and_cancelled_by_hand(sandbox: SandboxServer):
    account = sandbox.create_account("binance", holdings={"USDT": "10000"})
    order = sandbox.place_order("binance", account.account, "BTCUSDT", "buy", "0.1", away=0.9)

    partly = sandbox.fill_order("binance", account.account, order_id=order["order_id"], amount="0.04")
    canceled = sandbox.cancel_order("binance", account.account, order_id=order["order_id"])

    assert (partly["status"], partly["filled"]) == ("partially_filled", "0.04")
    assert canceled["status"] == "canceled"
    with pytest.raises(ControlRefused, match="unknown order"):
        sandbox.fill_order("binance", account.account, order_id=order["order_id"])


def test_keys_are_added_changed_disabled_and_removed(sandbox: SandboxServer):
    account = sandbox.create_account("binance")
    second = sandbox.put_key("binance", account.account, can_withdraw=True)
    sandbox.put_key("binance", account.account, api_key=account.api_key, is_enabled=False)

    keys = {key["key"]: key for key in sandbox.account("binance", account.account)["keys"]}
    assert keys[second.api_key]["can_withdraw"] is True
    assert keys[account.api_key]["is_enabled"] is False
    assert all("secret" not in key for key in keys.values())

    sandbox.remove_key("binance", second.api_key)
    assert len(sandbox.account("binance", account.account)["keys"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "wish", "said"),
    [
        ("POST", "accounts", {"exchange": "kraken"}, "exchange must be one of"),
        ("PUT", "balances", {"exchange": "binance", "account": "nobody"}, "no account 'nobody'"),
        ("POST", "faults", {"kind": "earthquake"}, "earthquake"),
        ("POST", "faults", {"kind": "reset", "colour": "red"}, "unknown fields"),
        ("POST", "prices", {"price": "1"}, "pair is missing"),
        ("POST", "prices", {"pair": "BTC/USDT", "price": "much"}, "not an amount"),
        ("POST", "prices", {"pair": "BTC/USDT", "price": "0"}, "above zero"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    sandbox: SandboxServer, method: str, path: str, wish: dict[str, str], said: str
):
    with pytest.raises(ControlRefused, match=said):
        sandbox.ask(method, path, wish)
