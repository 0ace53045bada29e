"""What the sync does when accounts come and change."""

from django.dispatch import receiver

from apps.exchanges.signals import account_changed, account_created
from apps.sync.services import states


@receiver(account_created)
def make_states(account_id: int, **_: object) -> None:
    states.make_states(account_id)


@receiver(account_changed)
def follow_account(account_id: int, **_: object) -> None:
    states.follow_account(account_id)
