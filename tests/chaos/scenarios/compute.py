"""Workers that calculate, killed while they do."""

import time
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import psutil

from alphapulse.types import Credentials, LedgerKind
from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import LedgerEntry
from apps.portfolio.models import Proposal, ProposalState, Statement
from apps.portfolio.services import bookkeeping, proposals
from apps.users.models import User, Workspace
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


# Their books take a child some seconds: time to be killed in.
LONG = 60_000


@scenario("they are begun again once at once, then wait and say why; asked for later they are kept")
def kill_9_of_compute_children_while_they_keep_books(world: World) -> Held:
    parent, statement = _pid(world), _long_past()
    world.send("portfolio.keep_books", statement_id=statement.pk)
    for times in range(2):
        world.until(lambda times=times: _is_begun(statement, times), 120, "a child at the books")
        for child in psutil.Process(parent).children():
            child.kill()
    world.until(lambda: _told(statement).failures == 2, 120, "nobody to begin a third time")
    told = _told(statement)
    expect(told.error == bookkeeping.LOST, f"it says {told.error!r}")
    expect(told.begun_at is None, "somebody is at it all the same")
    expect(told.rests(now() + timedelta(seconds=20)), f"it rests until {told.rests_until}")
    Statement.objects.filter(pk=statement.pk).update(rests_until=now())
    asked = time.monotonic()
    world.send("portfolio.keep_books", statement_id=statement.pk)
    world.until(lambda: _told(statement).made_at, 120, "books")
    told = _told(statement)
    expect(told.content["bookings"] == LONG, f"{told.content['bookings']} bookings")
    expect((told.error, told.failures) == ("", 0), f"it still says {told.error!r}")
    expect(_pid(world) == parent, "the worker's parent died too")
    return Held("two children lost, no third one; then kept", time.monotonic() - asked)


def _is_begun(statement: Statement, failures: int) -> bool:
    told = _told(statement)
    return told.begun_at is not None and told.failures == failures


def _told(statement: Statement) -> Statement:
    return Statement.objects.get(pk=statement.pk)


def _long_past() -> Statement:
    """Of an account that nobody syncs, in a workspace of its own."""
    workspace = User.objects.create_user(f"books-{uuid4()}").memberships.get().workspace
    account = ExchangeAccount(workspace=workspace, label="books", exchange_id="binance", environment="sandbox")
    account.set_credentials(Credentials(api_key=f"key-{uuid4()}", secret="secret"))
    account.is_enabled = False
    account.save()
    LedgerEntry.objects.bulk_create(_reward(account, number) for number in range(LONG))
    return Statement.objects.create(workspace=workspace, environment="sandbox", currency="USDT", method="fifo")


def _reward(account: ExchangeAccount, number: int) -> LedgerEntry:
    return LedgerEntry(
        account=account,
        source="spot",
        entry_id=str(number),
        kind=LedgerKind.REWARD,
        currency="USDT",
        amount=Decimal(1),
        exchange_at=now() - timedelta(minutes=number),
    )


def _pid(world: World) -> int:
    return world.pid(COMPUTE) or 0


def _now(proposal: Proposal) -> Proposal:
    return Proposal.objects.get(pk=proposal.pk)


def _ask() -> Proposal:
    demo = Workspace.objects.get(name="demo")
    return proposals.ask(demo, environment="sandbox", question=QUESTION, actor=None, at=now())
