"""`make ccxt-suite` passes on what we ship, and would not pass on less."""

import subprocess
import sys
from pathlib import Path

import pytest

from alphapulse.sandbox.testing import SandboxServer
from tests.ccxt_suite.__main__ import run_one
from tests.ccxt_suite.harness import LOOPBACK_ONLY, prepare

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).parents[2]


def test_ccxt_s_own_tests_pass_on_both_exchanges_in_both_modes():
    finished = subprocess.run(
        [sys.executable, "-m", "tests.ccxt_suite"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    runs = [line for line in finished.stdout.splitlines() if " run, " in line and line.endswith("has no test for)")]
    assert {line.partition(":")[0] for line in runs} == {"binance sync", "binance async", "bybit sync", "bybit async"}
    assert finished.stdout.splitlines()[-1].endswith(" 0 failed")


def test_an_exchange_that_gives_wrong_positions_does_not_pass(tmp_path):
    """The answer is well formed, and a position without a price is what ccxt's test looks for."""
    with SandboxServer() as sandbox:
        harness = prepare(tmp_path / "bybit")
        wrong = {"symbol": "ETHUSDT", "side": "Buy", "size": "1", "leverage": "20", "positionIdx": 0}
        body = {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": [wrong]}}
        sandbox.fault("status", path="/v5/position/list", status=200, body=body)
        report = run_one(sandbox, harness, "bybit", "sync")

    assert not report.passed
    assert "fetchPositions was not run to its end (private swap)" in report.failures
    assert ("private swap", "fetchBalance") in report.done


THREE_WAYS_OUT = """
import asyncio, socket, urllib.request
import aiohttp

async def with_aiohttp():
    async with aiohttp.ClientSession() as session:
        await session.get("https://api.bybit.com/v5/market/time")

for way in (
    lambda: urllib.request.urlopen("https://api.binance.com/api/v3/ping", timeout=3),
    lambda: socket.create_connection(("192.0.2.1", 443), timeout=3),
    lambda: asyncio.run(with_aiohttp()),
):
    try:
        way()
    except OSError:
        print("refused")
"""


def test_the_harness_can_reach_nothing_but_this_machine(tmp_path):
    refused = tmp_path / "refused.txt"
    finished = subprocess.run(
        [sys.executable, "-c", THREE_WAYS_OUT],
        env={"PYTHONPATH": str(LOOPBACK_ONLY), "CCXT_SUITE_REFUSED": str(refused)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert finished.stdout.split() == ["refused"] * 3, finished.stderr
    hosts = [line.split()[1] for line in refused.read_text().splitlines()]
    assert hosts == ["api.binance.com", "192.0.2.1", "api.bybit.com"]
