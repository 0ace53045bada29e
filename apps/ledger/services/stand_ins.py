"""Rows of files that know no ids stand in for the exchange's own, and give way to them, whichever came first."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from django.db.models import QuerySet

from alphapulse.exchanges import pairing
from alphapulse.exchanges.history import Event as CoreEvent
from alphapulse.exchanges.history import key
from apps.ledger.models import Event


def still_wanted(
    model: type[Event], core: type[CoreEvent], account_id: int, rows: Sequence[CoreEvent]
) -> list[CoreEvent]:
    """A file's rows without those whose place one of the exchange's own has taken."""
    taken = set(_around(model, core, account_id, rows).exclude(replaces=None).values_list("replaces", flat=True))
    return [row for row in rows if key(row)[-1] not in taken]


def give_way(model: type[Event], core: type[CoreEvent], account_id: int, rows: Sequence[CoreEvent]) -> int:
    """After `rows` were stored: those that stand in for one of the exchange's own are gone, and it remembers which.

    Returns how many.
    """
    around = _around(model, core, account_id, rows)
    stand_ins = _events(core, around.exclude(fingerprint=""))
    if not stand_ins:
        return 0
    told = _events(core, around.filter(fingerprint="", replaces=None))
    rows_of = {id(event): row for event, row in [*stand_ins, *told]}
    pairs = pairing.pairs([event for event, _ in stand_ins], [event for event, _ in told])
    for stand_in, event in pairs:
        rows_of[id(event)].replaces = key(stand_in)[-1]
    model.objects.bulk_update([rows_of[id(event)] for _, event in pairs], ["replaces"], batch_size=500)
    model.objects.filter(pk__in=[rows_of[id(stand_in)].pk for stand_in, _ in pairs]).delete()
    return len(pairs)


def _around(
    model: type[Event], core: type[CoreEvent], account_id: int, rows: Sequence[CoreEvent]
) -> QuerySet[Event, Any]:
    """The account's rows of about the same time."""
    times = [row.exchange_at for row in rows if row.exchange_at]
    if not times:
        return model.objects.none()
    apart = pairing.most_apart(core)
    return model.objects.filter(
        account=account_id, exchange_at__gte=min(times) - apart, exchange_at__lte=max(times) + apart
    )


def _events(core: type[CoreEvent], rows: Iterable[Event]) -> list[tuple[CoreEvent, Event]]:
    names = [field.name for field in fields(core)]
    return [(core(**{name: getattr(row, name) for name in names}), row) for row in rows]
