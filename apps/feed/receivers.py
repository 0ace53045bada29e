"""What browsers hear of."""

from django.dispatch import receiver

from apps.feed import push
from apps.sync.signals import accounts_synced
from apps.users.signals import session_ended


@receiver(accounts_synced)
def push_synced(account_ids: list[int], kind: str, **_: object) -> None:
    push.push_synced(account_ids=account_ids, kind=kind)


@receiver(session_ended)
def close_sockets(session_ids: list[int], **_: object) -> None:
    push.push_ended(session_ids=session_ids)
