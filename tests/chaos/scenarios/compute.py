"""Workers that calculate, killed while they do."""

import random
import time
from datetime import timedelta
from decimal import Decimal

import psutil

from alphapulse.types import Candle
from apps.core.clock import now
from apps.market.models import CandleSeries
from apps.market.services import series_of, store_candles
from apps.portfolio.models import Proposal, ProposalState
from apps.portfolio.services import proposals
from apps.users.models import Workspace
from tests.chaos.scenario import Held, expect, scenario
from tests.chaos.world import World

COMPUTE = "worker-compute"
ASSETS = [f"CHAOS{number}" for number in range(10)]
DAYS = 100


@scenario("the worker's parent lives; the proposal is calculated again at once, and written once", quick=True)
def kill_9_of_a_compute_child_while_it_calculates(world: World) -> Held:
    _make_past()
    parent, proposal = _pid(world), _ask()
    world.send("portfolio.optimise", proposal_id=proposal.pk)
    world.until(lambda: _now(proposal).state == ProposalState.CLAIMED, 60, "a claim")
    for child in psutil.Process(parent).children():
        child.kill()
    killed = time.monotonic()
    world.until(lambda: _now(proposal).finished_at, 120, "an answer")
    recovery, ended = time.monotonic() - killed, _now(proposal)
    expect(ended.state == ProposalState.DONE, f"it {ended.state}: {ended.error}")
    expect(ended.losses == 1, f"{ended.losses} workers were lost")
    expect(ended.claim == 2, f"it was begun {ended.claim} times")
    expect(_pid(world) == parent, "the worker's parent died too")
    world.send("portfolio.optimise", proposal_id=proposal.pk)
    time.sleep(2)
    expect(_now(proposal).finished_at == ended.finished_at, "the message, come once more, wrote once more")
    CandleSeries.objects.filter(symbol__startswith="CHAOS").delete()
    return Held("calculated anew by another child of the same parent; one claim lost, one answer", recovery)


def _pid(world: World) -> int:
    return world.pid(COMPUTE) or 0


def _now(proposal: Proposal) -> Proposal:
    return Proposal.objects.get(pk=proposal.pk)


def _ask() -> Proposal:
    question = {
        "strategy": "hierarchical_risk_parity",
        "assets": ASSETS,
        "currency": "USDT",
        "timeframe": "1d",
        "days": DAYS,
        "weights": [],
        "constraints": {"least": 0.0, "most": 1.0, "bounds": [], "groups": [], "max_turnover": None},
        "views": [],
        "risk_free_rate": 0.0,
    }
    demo = Workspace.objects.get(name="demo")
    return proposals.ask(demo, environment="sandbox", question=question, actor=None, at=now())


def _make_past() -> None:
    """Candles of coins that no exchange has, and that nobody watches."""
    begin = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    for asset in ASSETS:
        series = series_of(exchange_id="binance", environment="sandbox", symbol=f"{asset}/USDT", timeframe="1d")
        closes = random.Random(asset)
        store_candles(
            series, [_candle(asset, begin + timedelta(days=day), closes.uniform(90, 110)) for day in range(DAYS)]
        )


def _candle(asset: str, opened_at: object, close: float) -> Candle:
    price = Decimal(f"{close:.4f}")
    five = dict.fromkeys(("open", "high", "low", "close"), price)
    return Candle(
        symbol=f"{asset}/USDT", timeframe="1d", opened_at=opened_at, volume=Decimal(1), is_closed=True, **five
    )
