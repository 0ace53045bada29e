"""The sync's queue topology: who sends what to whom. What is done is in `services`."""

from celery import shared_task

from alphapulse.types import SyncKind
from apps.core.clock import now
from apps.sync.services import batch as batches
from apps.sync.services import dispatch as dispatching
from apps.sync.services import prune as pruning
from apps.sync.services import resync as resyncing
from apps.sync.services import states

# A batch message is worth nothing once the next tick has counted what is due anew.
BATCH_EXPIRES = 2


@shared_task(name="sync.dispatch")
def dispatch(*, exchange_id: str, **_: object) -> None:
    for kind, number in dispatching.batches_wanted(exchange_id, now()).items():
        for _i in range(number):
            batch.apply_async(kwargs={"exchange_id": exchange_id, "kind": kind.value}, expires=BATCH_EXPIRES)
    for reads_on in dispatching.asked_for(exchange_id, now()):
        resync_batch.apply_async(kwargs={"exchange_id": exchange_id, "reads_on": reads_on}, expires=BATCH_EXPIRES)


@shared_task(name="sync.dispatch_others")
def dispatch_others(**_: object) -> None:
    for exchange_id in dispatching.other_exchanges_due(now()):
        dispatch.apply_async(kwargs={"exchange_id": exchange_id}, expires=BATCH_EXPIRES)


@shared_task(name="sync.batch")
def batch(*, exchange_id: str, kind: str, **_: object) -> None:
    batches.sync_due(exchange_id, SyncKind(kind))


@shared_task(name="sync.resync")
def resync(
    *, account_id: int | None = None, exchange_id: str | None = None, kind: str | None = None, **_: object
) -> None:
    """`celery -A config call sync.resync --kwargs '{"exchange_id": "binance"}'`, or by account_id; kind is optional."""
    asked = resyncing.request_resync(account_id=account_id, exchange_id=exchange_id, kind=kind, now=now())
    for wanted_exchange, reads_on in resyncing.batches_wanted(asked).elements():
        resync_batch.apply_async(kwargs={"exchange_id": wanted_exchange, "reads_on": reads_on})


@shared_task(name="sync.resync_batch")
def resync_batch(*, exchange_id: str, reads_on: bool = False, **_: object) -> None:
    """By workers of its own: what people wait for waits for no backlog."""
    batches.sync_asked(exchange_id, reads_on=reads_on)


@shared_task(name="sync.prune")
def prune(**_: object) -> None:
    pruning.prune(now())


@shared_task(name="sync.mend")
def mend(**_: object) -> None:
    """What a process that died between a commit and its announcement left undone."""
    states.mend()
