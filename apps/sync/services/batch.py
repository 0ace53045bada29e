"""One batch from claim to commit: fetched concurrently, stored in one transaction, judged account by account."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import DatabaseError, OperationalError, transaction
from loguru import logger

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.batch import Job, fetch_batch
from alphapulse.exchanges.errors import BadResponse, ExchangeError, NotSupported, Transient
from alphapulse.exchanges.reading import OpenOrder, Outcome
from alphapulse.exchanges.told import usage
from alphapulse.types import ACCOUNT_KINDS, Order, OrderStatus, SyncKind
from apps.core.clock import now as clock_now
from apps.core.writers import in_turn
from apps.exchanges import budgets, connections
from apps.ledger import services as ledger
from apps.market import services as market
from apps.sync.models import SyncChange, SyncState
from apps.sync.services import candles, histories, settle, wallets
from apps.sync.services.claim import BATCH_DEADLINE, JOB_DEADLINE, READ_ON, Claim, claim_asked, claim_batch
from apps.sync.services.places import place_at
from apps.sync.signals import accounts_synced

# The fetch ends by itself and keeps what was answered; the batch's own deadline is for a loop that does not.
FETCH_DEADLINE = BATCH_DEADLINE - timedelta(seconds=3)

# One message does what is due for this long; a batch that takes longer is its last.
BATCHES_FOR = timedelta(seconds=1)

Results = dict[int, Outcome]

# Of a history that has caught up.
NOTHING_ASKED = Outcome()

# How a value that no row can hold is refused: by the database, its driver, or the encoder on the way to it.
REFUSALS = (DatabaseError, ValueError, TypeError)

# A deadlock, or a lock that was waited for in vain, is the database's trouble, and usually gone the next time.
STORED_AT_MOST = 2


# What belongs to an exchange.
STORES = {
    SyncKind.FUNDING_RATES: market.store_funding_rates,
    SyncKind.MARKETS: market.store_markets,
    SyncKind.TICKERS: market.store_tickers,
}


def sync_due(exchange_id: str, kind: SyncKind) -> int:
    """Batch after batch of what is due, as long as it goes fast. Returns how many states were claimed.

    So the few threads that an exchange may hold serve many accounts, and the next batch needs no tick.
    """
    return _while_fast(lambda: sync_batch(exchange_id, kind))


def sync_asked(exchange_id: str, *, reads_on: bool) -> int:
    """The same for what people asked for at this exchange, kind after kind; not where enough others wait for it."""
    with place_at(exchange_id, reads_on=reads_on) as is_free:
        if not is_free:
            return 0
        return _while_fast(lambda: _sync(claim_asked(exchange_id, clock_now(), reads_on=reads_on)))


def sync_batch(exchange_id: str, kind: SyncKind) -> int:
    """Syncs one batch of what is due. Returns how many states were claimed; 0: nothing to do."""
    return _sync(claim_batch(exchange_id, kind, clock_now()))


def _while_fast(sync: Callable[[], int]) -> int:
    begun, synced = clock_now(), 0
    while claimed := sync():
        synced += claimed
        if clock_now() - begun >= BATCHES_FOR:
            break
    return synced


def _sync(claim: Claim | None) -> int:
    if claim is None:
        return 0
    claim = _planned(claim, clock_now())
    results = _fetch(claim)
    _store(claim, results)
    settle.health(claim, [outcome for outcome in results.values() if outcome != NOTHING_ASKED], clock_now())
    return len(claim.states)


def _planned(claim: Claim, now: datetime) -> Claim:
    if claim.kind not in READ_ON:
        return claim
    return candles.planned(claim, now) if claim.kind is SyncKind.CANDLES else histories.planned(claim, now)


# --- Fetch: network, no transaction -------------------------------------------------------------------------------


def _fetch(claim: Claim) -> Results:
    """One outcome for each claimed state, by its id, whatever happens."""
    open_orders, plan = _open_orders(claim), wallets.plan(claim, clock_now())
    results: Results = {}
    jobs: dict[int, Job] = {}
    for state in claim.states:
        try:
            credentials = connections.credentials(state.account) if state.account else None
        except ExchangeError as problem:
            results[state.pk] = Outcome(error=problem)
        else:
            jobs[state.pk] = Job(
                credentials=credentials,
                wallets=plan.wallets.get(state.account_id or 0, ()),
                known_orders=open_orders.get(state.account_id or 0, ()),
                wanted=claim.step(state).wanted,
                bars=claim.step(state).candles.bars,
            )
    if claim.kind in READ_ON:
        results |= {pk: NOTHING_ASKED for pk, job in jobs.items() if not (job.wanted or job.bars)}
        jobs = {pk: job for pk, job in jobs.items() if job.wanted or job.bars}
    return results | dict(zip(jobs, _asked(claim, plan, list(jobs.values())), strict=True))


def _asked(claim: Claim, plan: wallets.Plan, jobs: list[Job]) -> list[Outcome]:
    asking = fetch_batch(claim.route, claim.asked_kind, jobs, job_deadline=JOB_DEADLINE, deadline=FETCH_DEADLINE)
    try:
        outcomes = loop.run(asking, deadline=BATCH_DEADLINE)
    except Transient as stuck:
        outcomes = [Outcome(error=stuck)] * len(jobs)
    _account_for(claim, plan, jobs, outcomes)
    return outcomes


def _account_for(claim: Claim, plan: wallets.Plan, jobs: list[Job], outcomes: list[Outcome]) -> None:
    now = clock_now()
    for grant in plan.grants:
        budgets.finished(grant, claim.route, usage(claim.route), now=now)
    histories.answered(claim, now)
    lookups = sum(_lookups(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True))
    if lookups:
        facts = catalogue.exchange(claim.route.exchange_id)
        each = len(facts.order_lookups)
        budgets.charge(claim.route, dict.fromkeys(facts.costs(claim.kind), each * lookups), now=now)


def _lookups(job: Job, outcome: Outcome) -> int:
    """How many orders were asked about because they are no longer open."""
    read = {reading.wallet for reading in outcome.readings if reading.error is None}
    rows = (row for reading in outcome.readings for row in reading.rows)
    still_open = {row.order_id for row in rows if isinstance(row, Order) and row.status is OrderStatus.OPEN}
    return sum(1 for order in job.known_orders if order.wallet in read and order.order_id not in still_open)


def _open_orders(claim: Claim) -> dict[int, list[OpenOrder]]:
    if claim.kind is not SyncKind.ORDERS:
        return {}
    return ledger.open_orders(state.account_id for state in claim.states if state.account_id)


# --- Store: one transaction, no network ---------------------------------------------------------------------------


def _store(claim: Claim, results: Results) -> None:
    """What the database cannot store now, though nothing is wrong with it, is given back: it is due as it was."""
    trouble: OperationalError | None = None
    for _ in range(STORED_AT_MOST):
        try:
            _store_or_refuse(claim, results)
        except OperationalError as problem:
            logger.warning("run {}: the database had trouble: {}", claim.run.pk, problem)
            trouble = problem
        else:
            return
    settle.given_back(claim, f"Nothing was stored, the database had trouble: {trouble}", clock_now())


def _store_or_refuse(claim: Claim, results: Results) -> None:
    try:
        with in_turn(), transaction.atomic():
            _store_states(claim, claim.states, results)
    except OperationalError:
        raise
    except REFUSALS as problem:
        logger.warning("run {}: the batch was refused, storing it account by account: {}", claim.run.pk, problem)
        _store_one_by_one(claim, results)


def _store_one_by_one(claim: Claim, results: Results) -> None:
    """A value that the database refuses costs its own account, not its forty-nine neighbours."""
    with in_turn(), transaction.atomic():
        for state in claim.states:
            try:
                with transaction.atomic():
                    _store_states(claim, [state], results)
            except OperationalError:
                raise
            except REFUSALS as problem:
                poison = BadResponse(
                    f"The database refused what {claim.route.exchange_id} sent: {problem}",
                    payload=repr(_told(results[state.pk]))[:4000],
                )
                results[state.pk] = Outcome(error=poison)
                _store_states(claim, [state], results)


def _told(outcome: Outcome) -> object:
    return outcome.readings or outcome.steps or outcome.bars


def _store_states(claim: Claim, states: list[SyncState], results: Results) -> None:
    """Rows, states, run and changes together, for the states that are still ours."""
    held = settle.still_ours(claim, states)
    now = clock_now()
    changes, changed = _store_rows(claim, held, results, now)
    histories.follow_sightings(claim, held, now)
    settle.states(claim, held, results, now)
    SyncChange.objects.bulk_create(
        SyncChange(
            run=claim.run,
            account_id=change.account_id,
            at=now,
            wallet=change.wallet,
            key=change.key[:220],
            before=change.before,
            after=change.after,
        )
        for change in changes
    )
    settle.run(claim, held, results, changed=changed, now=now)
    # While a past is read back, nobody needs to look after every step.
    _announce(claim, [state.account_id for state in held if state.account_id and not state.is_behind])


def _store_rows(
    claim: Claim, held: list[SyncState], results: Results, now: datetime
) -> tuple[list[ledger.Change], int]:
    """What differs from what was known, and how many rows that are. What happened is new rows: they tell themselves."""
    if claim.kind is SyncKind.CANDLES:
        return [], candles.store(held, results, now)
    if claim.kind in READ_ON:
        return [], histories.store_steps(claim, held, results, now)
    if claim.kind in ACCOUNT_KINDS:
        changes = ledger.store(claim.kind, _account_readings(held, results, now))
        ledger.follow_changes(changes, now)
        return changes, len(changes)
    store = STORES[claim.kind]
    for state in held:
        if results[state.pk].is_served:
            readings = results[state.pk].readings
            store(exchange_id=state.exchange_id, environment=state.environment, readings=readings)
    return [], 0


def _account_readings(held: list[SyncState], results: Results, now: datetime) -> list[ledger.AccountReading]:
    found = []
    for state in held:
        assert state.account is not None
        # The owner may have chosen others while we were on our way.
        wanted = {read.wallet for read in state.account.reads(SyncKind(state.kind))}
        readings = (reading for reading in results[state.pk].readings if reading.wallet in wanted)
        found += [wallets.as_read(state, reading, now) for reading in readings]
        _mark_unasked(state, results[state.pk])
    return found


def _mark_unasked(state: SyncState, outcome: Outcome) -> None:
    """An error that concerns all of the account is told at each of its wallets."""
    assert state.account is not None
    kind = SyncKind(state.kind)
    if isinstance(outcome.error, NotSupported):
        ledger.mark_not_offered(kind, state.account)
    elif outcome.error is not None:
        ledger.mark_failed(kind, state.account.pk, str(outcome.error))


def _announce(claim: Claim, account_ids: list[int]) -> None:
    if account_ids:
        transaction.on_commit(
            partial(accounts_synced.send_robust, SyncState, account_ids=account_ids, kind=claim.kind.value)
        )
