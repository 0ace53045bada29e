"""What it is worth and how that is told, seen from outside: `make run`, its own workers, REST and the command line."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .running import Running

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(900)]

PATIENCE = 180.0  # against hanging


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("portfolio")
    with Running(folder / "home") as run:
        run.started()
        run.login()
        run.until(lambda: _summary(run)["complete"], PATIENCE, "a complete first worth")
        yield run
        run.press_ctrl_c()
        run.until_gone()


def _summary(run: Running) -> Any:
    return run.get("/api/portfolio/summary?currency=USDT")


def _rows(run: Running, path: str, asked: str = "") -> list[Any]:
    rows, told = [], run.get(f"{path}?{asked}page_size=500")
    rows += told["results"]
    while told["next"]:
        told = run.get("/" + told["next"].split("/", 3)[3])
        rows += told["results"]
    return rows


def _worksheet(run: Running) -> Decimal:
    """Out of the rows alone: balances less debts and what positions have earned, at the middle of their books."""
    prices = [row for name in ("binance", "bybit") for row in _rows(run, "/api/market/prices", f"exchange_id={name}&")]
    middle = {
        (row["exchange_id"], row["symbol"]): (Decimal(row["bid"]) + Decimal(row["ask"])) / 2
        for row in prices
        if row["bid"] and row["ask"]
    }

    def in_usdt(row: Any, amount: str, asset: str) -> Decimal:
        return Decimal(amount) * (1 if asset == "USDT" else middle[row["exchange_id"], f"{asset}/USDT"])

    balances, positions = _rows(run, "/api/exchange/balance"), _rows(run, "/api/portfolio/positions")
    held = [in_usdt(row, row["total"], row["asset"]) for row in balances]
    owed = [in_usdt(row, row["debt"], row["asset"]) for row in balances]
    earned = [in_usdt(row, row["unrealized_pnl"], row["settle"]) for row in positions]
    assert len(held) > 10
    assert sum(owed) > 1000
    assert len(earned) > 2
    return sum(held) + sum(earned) - sum(owed)


def test_worth_is_what_the_worksheet_says_however_it_is_divided(running):
    def is_the_same() -> bool:
        by_hand, total = _worksheet(running), Decimal(_summary(running)["total"])
        return total == pytest.approx(by_hand, rel=Decimal("1e-15"))

    # Between two syncs: prices move, and worth may be of prices that are five seconds old.
    running.until(is_the_same, PATIENCE, "the worth that the worksheet says")
    told = _summary(running)
    assert sum(Decimal(row["total"]) for row in told["accounts"]) == Decimal(told["total"])
    allocation = running.get("/api/portfolio/allocation?currency=USDT")
    parts = sum(Decimal(part["value"]) for part in allocation["parts"])
    assert parts == pytest.approx(Decimal(allocation["total"]), rel=Decimal("1e-15"))


def test_a_proposal_is_calculated_by_the_compute_workers(running):
    asked = running.post("/api/portfolio/optimise", {"strategy": "equal_weight", "environment": "sandbox"})
    path = f"/api/portfolio/optimise/{asked['id']}"
    running.until(lambda: running.get(path)["state"] in {"done", "failed"}, PATIENCE, "the proposal")
    told = running.get(path)
    assert told["state"] == "done", told
    weights = [Decimal(str(row["proposed"])) for row in told["answer"]["weights"]]
    assert len(weights) > 1
    assert sum(weights) == 1


def _points(run: Running) -> list[Any]:
    points = run.get("/api/portfolio/history?currency=USDT")["points"]
    return [point for point in points if point["complete"]]


def test_a_picture_is_drawn_from_any_shell(running, tmp_path):
    running.until(lambda: _points(running), PATIENCE, "a snapshot of all of it")
    done = running.command("manage.py", "plot", "allocation", "--out", str(tmp_path / "parts.png"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "parts.png").read_bytes().startswith(b"\x89PNG")


def test_an_account_that_fails_makes_a_marked_total_and_no_jump(running):
    before = Decimal(_summary(running)["total"])
    running.sandbox.fault("status", host="api.bybit.com", status=502, body="Bad Gateway")
    running.until(lambda: not _summary(running)["complete"], PATIENCE, "the total being marked")
    told = _summary(running)
    assert [row["account"] for row in told["stale"]] == ["demo-bybit"]
    assert {row["account"]: row["complete"] for row in told["accounts"]} == {"demo-binance": True, "demo-bybit": False}
    # The sandbox's prices move by far less; an account that was left out would be a quarter.
    worths = [Decimal(told["total"]), *(Decimal(point["value"]) for point in _points(running))]
    assert all(abs(worth / before - 1) < Decimal("0.05") for worth in worths)
    running.sandbox.clear_faults()
