"""What browsers hear of."""

from django.dispatch import receiver

from apps.feed import push
from apps.sync.signals import accounts_synced


@receiver(accounts_synced)
def push_synced(account_ids: list[int], kind: str, **_: object) -> None:
    push.push_synced(account_ids=account_ids, kind=kind)
