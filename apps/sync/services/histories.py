"""Reading on what happened: what each claimed account's step asks for, and when the next one follows.

A chain of short steps: one reads on up to five lists of one account, is stored with its cursors, and is followed at
once by the next until the account has caught up. The claims, the budget and the breakers are those of all syncs.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from alphapulse.exchanges.errors import ExchangeError, NotSupported, PermissionMissing
from alphapulse.exchanges.history import Wanted
from alphapulse.exchanges.reading import Outcome
from alphapulse.types import SyncKind
from apps.audit.services import record
from apps.exchanges import budgets
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import HistoryCursor
from apps.ledger.services import cursors, histories, sightings, sweep
from apps.market.services import series
from apps.sync.models import SyncState
from apps.sync.services.claim import READ_ON, Claim, StepPlan

# The part of each quota that looking where nothing is expected may take.
SWEEPS_PART = 0.10
SOON = timedelta(minutes=1)
# Whose part is spent comes again then, not all at once.
LATER = timedelta(minutes=1)


def ask_again(states: Iterable[SyncState], now: datetime) -> None:
    """People want to know all that these histories have, also of lists whose turn would not have come."""
    for state in states:
        if state.kind == SyncKind.CANDLES:
            series.ask_again(state.exchange_id, state.environment, now)
        if state.account_id is None or state.kind not in READ_ON:
            continue
        if state.kind == SyncKind.SWEEP:
            sweep.ask_again(state.account_id, now)
        else:
            cursors.ask_again(SyncKind(state.kind), state.account_id, now)


def read_again(rows: QuerySet[HistoryCursor], *, since: datetime | None, at: datetime, actor: Any = None) -> int:
    """These lists from a time on, or each from its own start; they go on at once. Returns how many that are.

    What is there is not stored twice, and is not complete until it has been read.
    """
    with transaction.atomic():
        # States before cursors, as a step locks them.
        chosen = SyncState.objects.filter(account__in=rows.values("account"), kind__in=rows.values("kind"))
        _due_at_once(chosen, at)
        of_account: dict[ExchangeAccount, list[HistoryCursor]] = defaultdict(list)
        for row in rows.select_related("account").order_by("pk").select_for_update(of=("self",)):
            of_account[row.account].append(row)
        for account, own in of_account.items():
            cursors.read_again(HistoryCursor.objects.filter(pk__in=[row.pk for row in own]), since=since, now=at)
            told = {"since": since.isoformat() if since else None, "lists": len(own), "first": list(map(str, own[:10]))}
            record("history.read_again", account, at=at, actor=actor, **told)
    return sum(map(len, of_account.values()))


def _due_at_once(states: QuerySet[SyncState], now: datetime, **values: Any) -> None:
    # In one order, as those who settle them lock them.
    resting = [state.pk for state in states.filter(due_at__gt=now).order_by("pk").select_for_update()]
    SyncState.objects.filter(pk__in=resting).update(due_at=now, **values)


# --- Before the fetch ---------------------------------------------------------------------------------------------


def planned(claim: Claim, now: datetime) -> Claim:
    """The claim with what each state's step asks for. What that needs less than was granted is given back."""
    plans = _looks(claim, now) if claim.kind is SyncKind.SWEEP else _lists(claim, now)
    spared = Counter({name: cost * claim.grant.units for name, cost in claim.facts.costs(claim.kind).items()})
    for plan in plans.values():
        spared.subtract(claim.facts.step_costs(plan.lists))
    return replace(claim, steps=plans, grant=budgets.spare(claim.grant, +spared))


def _lists(claim: Claim, now: datetime) -> dict[int, StepPlan]:
    wanted = cursors.wanted(claim.kind, [state.account for state in claim.states], now)
    return {state.pk: _in_step(claim, state, wanted[state.account_id], now) for state in claim.states}


def _in_step(claim: Claim, state: SyncState, wanted: Sequence[Wanted], now: datetime) -> StepPlan:
    """Without those lists that cost what the account's own key has no more of in this minute."""
    by_source = {history.source: history for history in cursors.lists(claim.kind, state.account)}
    per_key = {quota.name for quota in claim.facts.quotas if quota.is_per_key}
    dear = {each.source for each in wanted if per_key & by_source[each.source].costs.keys()}
    costs = claim.facts.step_costs([by_source[source] for source in dear])
    grant = budgets.take(
        claim.route,
        {name: cost for name, cost in costs.items() if name in per_key},
        wanted=len(dear) and 1,
        now=now,
        key=state.account.key_fingerprint,
    )
    if dear and not grant.units:
        cursors.put_off(claim.kind, state.account, dear, until=_later(now))
        wanted = [each for each in wanted if each.source not in dear]
    lists = [by_source[source] for source in dict.fromkeys(each.source for each in wanted)]
    return StepPlan(wanted=wanted, lists=lists, grant=grant)


def _looks(claim: Claim, now: datetime) -> dict[int, StepPlan]:
    looks = sweep.looks([state.account for state in claim.states], now)
    return {state.pk: _in_part(claim, looks.get(state.account_id), now) for state in claim.states}


def _in_part(claim: Claim, looks: sweep.Looks | None, now: datetime) -> StepPlan:
    """As many looks as the sweeps' part of the budget has left."""
    if looks is None:
        return StepPlan()
    costs = looks.history.costs
    wanted = len(looks.wanted)
    grant = budgets.take_part(claim.route, costs, of="sweeps", part=SWEEPS_PART, wanted=wanted, now=now)
    if not grant.units:
        sweep.put_off(looks, until=_later(now))
        return StepPlan(grant=grant)
    return StepPlan(wanted=looks.wanted[: grant.units], lists=[looks.history], looks=looks, grant=grant)


def _later(now: datetime) -> datetime:
    return now + LATER * random.uniform(0.5, 1)  # noqa: S311  (spreading load, not secrets)


# --- After it -----------------------------------------------------------------------------------------------------


def answered(claim: Claim, now: datetime) -> None:
    """All that was granted to single accounts was sent and answered, or never will be."""
    for plan in claim.steps.values():
        if plan.grant is not None:
            budgets.finished(plan.grant, claim.route, {}, now=now)


def store_steps(claim: Claim, held: Sequence[SyncState], results: Mapping[int, Outcome], now: datetime) -> int:
    """Rows and cursors of the states that are still ours. Returns how many rows are new or different."""
    asked = [(state, claim.steps[state.pk], results[state.pk].steps) for state in held if results[state.pk].steps]
    if claim.kind is SyncKind.SWEEP:
        return sum(sweep.store(state.account, plan.looks, steps, now) for state, plan, steps in asked if plan.looks)
    told = [
        histories.AccountSteps(account=state.account, wanted=plan.wanted, steps=steps, rest=state.interval)
        for state, plan, steps in asked
    ]
    return histories.store_steps(claim.kind, told, asked_at=claim.run.started_at, now=now)


def follow_sightings(claim: Claim, held: Sequence[SyncState], now: datetime) -> None:
    """What is new in an account says in which markets to ask next: at once, not when their interval ends.

    Once it is committed: those states may be others' now, who wait for what we hold.
    """
    kinds = [kind for kind, lists in claim.facts.histories.items() if any(each.market_type for each in lists)]
    if kinds and (accounts := sightings.unfollowed(state.account_id for state in held if state.account_id)):
        transaction.on_commit(partial(_bring_forward, accounts, kinds, now))


@transaction.atomic
def _bring_forward(accounts: Collection[int], kinds: Collection[SyncKind], now: datetime) -> None:
    """What fails, or may not be read, keeps its wait."""
    well = SyncState.objects.filter(account__in=accounts, kind__in=kinds, error_kind="")
    _due_at_once(well, now, is_behind=True)


def verdict(state: SyncState, outcome: Outcome) -> ExchangeError | None:
    """One list that the key may not read, or a market that is gone, is marked there: the account has others."""
    error = outcome.verdict
    if outcome.error is not None or not isinstance(error, PermissionMissing | NotSupported):
        return error
    return None if _has_others(state) else error


def _has_others(state: SyncState) -> bool:
    if state.kind == SyncKind.SWEEP:
        return sweep.is_readable(state.account)
    return cursors.is_readable(SyncKind(state.kind), state.account)


def go_on(state: SyncState, now: datetime) -> None:
    """After a success: at once where something is left to be read, at the latest after the interval; not saved yet."""
    if state.kind == SyncKind.SWEEP:
        due, state.is_behind = sweep.next_due(state.account), sweep.is_behind(state.account)
    else:
        kind = SyncKind(state.kind)
        due, state.is_behind = cursors.next_due(kind, state.account), cursors.is_behind(kind, state.account)
        if state.account_id in sightings.unfollowed([state.account_id or 0]):
            # Seen while we were on our way.
            due = min(due or now + SOON, now + SOON)
    if state.due_at is not None:
        # Without a list nothing has been seen yet, or the markets are being read.
        state.due_at = max(now, min(state.due_at, due or now + SOON))
