"""Rows of what happened, from the core's words for it (`tests/alphapulse/portfolio/happenings.py`)."""

from dataclasses import asdict
from datetime import datetime

from alphapulse import types
from alphapulse.types import HISTORY_KINDS
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Event, FundingPayment, HistoryCursor, HistorySweep, LedgerEntry, Trade, Transfer
from apps.ledger.services import cursors

MODELS: dict[type, type[Event]] = {
    types.Trade: Trade,
    types.Transfer: Transfer,
    types.FundingPayment: FundingPayment,
    types.LedgerEntry: LedgerEntry,
}


def happen(account: ExchangeAccount, *events: object) -> None:
    for event in events:
        MODELS[type(event)].objects.create(account=account, source="spot", **asdict(event))


def read_whole(account: ExchangeAccount, *, since: datetime, at: datetime) -> None:
    """Every list of every kind has been read to its end, from then on."""
    for kind in HISTORY_KINDS:
        for history in cursors.lists(kind, account):
            HistoryCursor.objects.create(
                account=account,
                kind=kind,
                source=history.source,
                start_at=since,
                reached_at=at,
                caught_up_at=at,
                due_at=at,
                is_behind=False,
            )
            if history.market_type:
                HistorySweep.objects.get_or_create(
                    account=account, source=history.source, defaults={"due_at": at, "began_at": since, "through_at": at}
                )
