"""Workers that calculate, killed while they do."""

import time

import psutil

from apps.core.clock import now
from apps.portfolio.models import Proposal, ProposalState
from apps.portfolio.services import proposals
from apps.users.models import Workspace
from tests.chaos.scenario import Held, expect, scenario
from tests.chaos.world import World

COMPUTE = "worker-compute"
# It needs no candles, and loads the optimisation library like any other: seconds in which to be killed.
QUESTION = {
    "strategy": "equal_weight",
    "assets": [f"CHAOS{number}" for number in range(10)],
    "currency": "USDT",
    "timeframe": "1d",
    "days": 100,
    "weights": [],
    "constraints": {"least": 0.0, "most": 1.0, "bounds": [], "groups": [], "max_turnover": None},
    "views": [],
    "risk_free_rate": 0.0,
}


@scenario("the worker's parent lives; the proposal is calculated again at once, and written once", quick=True)
def kill_9_of_a_compute_child_while_it_calculates(world: World) -> Held:
    parent, proposal = _pid(world), _ask()
    world.send("portfolio.optimise", proposal_id=proposal.pk)
    world.until(lambda: _now(proposal).state == ProposalState.CLAIMED, 60, "a claim")
    for child in psutil.Process(parent).children():
        child.kill()
    killed = time.monotonic()
    world.until(lambda: _now(proposal).finished_at, 300, "an answer")
    recovery, ended = time.monotonic() - killed, _now(proposal)
    expect(ended.state == ProposalState.DONE, f"it {ended.state}: {ended.error}")
    expect(ended.losses == 1, f"{ended.losses} workers were lost")
    expect(ended.claim == 2, f"it was begun {ended.claim} times")
    expect(_pid(world) == parent, "the worker's parent died too")
    world.send("portfolio.optimise", proposal_id=proposal.pk)
    time.sleep(2)
    expect(_now(proposal).finished_at == ended.finished_at, "the message, come once more, wrote once more")
    return Held("calculated anew by another child of the same parent; one claim lost, one answer", recovery)


def _pid(world: World) -> int:
    return world.pid(COMPUTE) or 0


def _now(proposal: Proposal) -> Proposal:
    return Proposal.objects.get(pk=proposal.pk)


def _ask() -> Proposal:
    demo = Workspace.objects.get(name="demo")
    return proposals.ask(demo, environment="sandbox", question=QUESTION, actor=None, at=now())
