"""What the sync does when accounts come and change, and when others are watched."""

from django.dispatch import receiver

from alphapulse.types import SyncKind
from apps.core.clock import now
from apps.exchanges.signals import account_changed, account_created
from apps.ledger.services.held import watch_held
from apps.market.signals import symbols_watched
from apps.sync.services import candles, states
from apps.sync.signals import accounts_synced


@receiver(account_created)
def make_states(account_id: int, **_: object) -> None:
    states.make_states(account_id)


@receiver(account_changed)
def follow_account(account_id: int, **_: object) -> None:
    states.follow_account(account_id)


@receiver(accounts_synced)
def watch_what_is_held(account_ids: list[int], kind: str, **_: object) -> None:
    if kind in (SyncKind.BALANCES, SyncKind.POSITIONS):
        watch_held(account_ids, now())


@receiver(symbols_watched)
def read_candles(exchange_id: str, environment: str, **_: object) -> None:
    candles.watch_on(exchange_id, environment, now())
