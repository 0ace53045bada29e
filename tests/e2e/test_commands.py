"""The commands as somebody types them in another shell, while workers run."""

import json
import signal
from collections.abc import Iterator

import pytest

from alphapulse.sandbox.testing import SandboxServer
from config.embedded import ports
from tests.e2e.at_rest import put_to_rest
from tests.e2e.own_system import PASSWORD, OwnSystem, own_system

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(markets=100) as server:
        yield server


@pytest.fixture(scope="module")
def system(sandbox, tmp_path_factory) -> Iterator[OwnSystem]:
    with own_system(tmp_path_factory.mktemp("home"), SANDBOX_URL=sandbox.url) as system:
        demo = system.manage("demo")
        assert demo.returncode == 0, demo.stderr
        with system.workers():
            yield system


def states(system: OwnSystem, *options: str) -> list[dict]:
    done = system.manage("sync_status", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["states"]


def total(system: OwnSystem, account: str, wallet: str, currency: str) -> str:
    question = "from apps.ledger.models import Balance as B; print(B.objects.get("
    question += f"reading__account__label='{account}', reading__wallet='{wallet}', currency='{currency}').total)"
    return system.manage("shell", "-v", "0", "-c", question).stdout.strip()


@pytest.mark.parametrize("account", ["demo-binance", "demo-bybit"])
def test_a_resync_waits_shows_progress_and_ends_well(system, account):
    done = system.manage("resync", "--account", account, "--wait")

    assert done.returncode == 0, done.stderr
    assert "[1/3]" in done.stderr
    assert "[3/3]" in done.stderr
    assert f"balances of {account}" in done.stderr
    assert done.stdout.startswith("Read anew: ")
    read = {state["kind"] for state in states(system, "--account", account) if state["succeeded_at"]}
    assert read >= {"balances", "positions", "orders"}


def test_what_changed_at_the_exchange_is_there_after_the_resync(system, sandbox):
    sandbox.set_balance("bybit", "demo-bybit", "SOL", "123.00000001")
    done = system.manage("resync", "--account", "demo-bybit", "--kind", "balances", "--wait", "--json")

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [(state["kind"], state["progress"]) for state in answer["states"]] == [("balances", "succeeded")]
    assert total(system, "demo-bybit", "unified", "SOL") == "123.00000001"


def test_every_page_of_the_admin_shows_what_the_exchanges_said(system):
    for account in ("demo-binance", "demo-bybit"):
        assert system.manage("resync", "--account", account, "--wait").returncode == 0
    shown = system.run("-m", "tests.e2e.every_page", PASSWORD)

    assert shown.returncode == 0, shown.stderr
    pages = {page.partition("\n")[0]: page for page in shown.stdout.split("=== ")}
    balances, positions = pages["/admin/ledger/balance/"], pages["/admin/ledger/position/"]
    for words in ("demo-binance", "demo-bybit", ">0.75<", ">4.2<"):
        assert words in balances
    assert "STALE" not in balances
    for words in ("BTC/USDT:USDT", "short", "demo-bybit"):
        assert words in positions
    assert "demo-binance" in pages["/admin/ledger/order/"]
    assert '"BTC"' in pages["/api/exchange/balance"]


def test_a_whole_exchange_is_resynced_with_its_prices_and_markets(system):
    done = system.manage("resync", "--exchange", "bybit", "--wait", "--json")

    assert done.returncode == 0, done.stderr
    kinds = {state["kind"]: state["progress"] for state in json.loads(done.stdout)["states"]}
    wanted = ["balances", "positions", "orders", "tickers", "funding_rates", "markets"]
    assert kinds == dict.fromkeys(wanted, "succeeded")


def test_a_resync_goes_by_celerys_own_command_too(system, sandbox):
    account_id = states(system, "--account", "demo-binance")[0]["account_id"]
    sandbox.set_balance("binance", "demo-binance", "ADA", "777")
    wish = json.dumps({"account_id": account_id, "kind": "balances"})
    done = system.run("-m", "celery", "-A", "config", "call", "sync.resync", "--kwargs", wish)

    assert done.returncode == 0, done.stderr
    system.until(lambda: total(system, "demo-binance", "spot", "ADA") == "777", "the resync")


def test_a_failed_resync_exits_with_one_and_says_what_failed_and_what_to_do(system, sandbox):
    put_to_rest(system.database)
    fault = sandbox.fault("html", host="api.bybit.com", path="/v5/account/wallet-balance")
    try:
        done = system.manage("resync", "--account", "demo-bybit", "--kind", "balances", "--wait")
        failing = system.manage("sync_status", "--failing")
    finally:
        sandbox.clear_faults(fault)

    assert done.returncode == 1
    assert "balances of demo-bybit (bybit, sandbox): failed." in done.stderr
    assert "The stored rows were left as they were." in done.stderr
    assert "The stored rows were left as they were." in failing.stdout
    put_to_rest(system.database)
    assert system.manage("resync", "--account", "demo-bybit", "--wait").returncode == 0


def test_a_resync_that_no_worker_takes_exits_with_three_and_says_so(system):
    for process in system.processes:
        process.send_signal(signal.SIGSTOP)
    try:
        done = system.manage("resync", "--account", "demo-bybit", "--wait", "--timeout", "2")
    finally:
        for process in system.processes:
            process.send_signal(signal.SIGCONT)

    assert done.returncode == 3
    assert "not done within 2 s. No worker answers" in done.stderr


def test_a_broker_that_is_away_is_said_at_once(system):
    nobody = f"redis://127.0.0.1:{ports.choose_port()}/0"
    done = system.manage("resync", "--account", "demo-bybit", REDIS_URL=nobody)

    assert done.returncode == 1
    assert "The message broker does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_may_be_run_again_and_changes_nothing(system, sandbox):
    before = sandbox.accounts()
    done = system.manage("demo")

    assert (done.returncode, done.stdout) == (0, "")
    assert [account["account"] for account in sandbox.accounts()] == [account["account"] for account in before]


def test_a_sandbox_that_forgot_the_demo_accounts_is_given_them_again(system, sandbox):
    key = sandbox.account("bybit", "demo-bybit")["keys"][0]["key"]
    sandbox.remove_key("bybit", key)
    done = system.manage("demo")

    assert "the sandbox exchange has demo-bybit" in done.stdout
    assert sandbox.account("bybit", "demo-bybit")["keys"][0]["key"] == key
    assert system.manage("resync", "--account", "demo-bybit", "--wait").returncode == 0
