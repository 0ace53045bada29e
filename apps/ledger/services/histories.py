"""One step of a history: its rows and the cursors behind them, stored together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alphapulse.exchanges.expected import names_of
from alphapulse.exchanges.history import Step, Wanted
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.services import cursors, events, sightings


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSteps:
    """What was wanted of one account's histories, and what became of it.

    `rest`: how long what has caught up need not be asked for.
    """

    account: ExchangeAccount
    wanted: Sequence[Wanted]
    steps: Sequence[Step]
    rest: timedelta


def store_steps(kind: SyncKind, told: Sequence[AccountSteps], *, asked_at: datetime, now: datetime) -> int:
    """Returns how many rows are new or different."""
    number = store_rows(kind, [(one.account, step) for one in told for step in one.steps])
    for one in told:
        cursors.follow(kind, one.account.pk, one.wanted, one.steps, rest=one.rest, asked_at=asked_at, now=now)
    return number


def store_rows(kind: SyncKind, told: Iterable[tuple[ExchangeAccount, Step]]) -> int:
    """What steps of these accounts brought, and that it was seen. Returns how many rows are new or different."""
    rows = [
        events.AccountEvents(
            account_id=account.pk, source=step.source, rows=step.rows, wallet=_wallet(account, kind, step)
        )
        for account, step in told
        if step.rows
    ]
    for one in rows:
        sightings.note({(one.account_id, one.wallet): names_of(one.rows)})
    return events.store(rows, kind)


def _wallet(account: ExchangeAccount, kind: SyncKind, step: Step) -> str:
    lists = account.exchange.histories.get(kind, ())
    return next((each.wallet for each in lists if each.source == step.source), "")
