"""What is done about keys by the clock."""

from celery import shared_task

from apps.core.clock import now
from apps.exchanges.services import key_watch


@shared_task(name="exchanges.watch_keys")
def watch_keys(**_: object) -> None:
    """Half a minute of asking exchanges what keys may do; every key has its turn once a day."""
    key_watch.review_expiring(now())
    key_watch.ask_due()
