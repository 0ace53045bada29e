"""One step of a history: its rows and the cursors behind them, stored together."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from alphapulse.exchanges.expected import names_of
from alphapulse.exchanges.history import Step
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.services import cursors, events, sightings
from apps.ledger.services.cursors import AccountSteps

__all__ = ["AccountSteps", "store_rows", "store_steps"]


def store_steps(kind: SyncKind, told: Sequence[AccountSteps], *, asked_at: datetime, now: datetime) -> int:
    """Returns how many rows are new or different."""
    number = store_rows(kind, [(one.account, step) for one in told for step in one.steps])
    cursors.follow(kind, told, asked_at=asked_at, now=now)
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
    number = events.store(rows, kind)
    # After the rows, as open orders are: the other way round, two would wait for each other.
    for one in rows:
        sightings.note({(one.account_id, one.wallet): names_of(one.rows)})
    return number


def _wallet(account: ExchangeAccount, kind: SyncKind, step: Step) -> str:
    lists = account.exchange.histories.get(kind, ())
    return next((each.wallet for each in lists if each.source == step.source), "")
