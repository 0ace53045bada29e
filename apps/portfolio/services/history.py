"""How worth went, out of snapshots: never with a jump where only our knowledge changed."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from alphapulse.portfolio.curve import Point, added_up, surplus
from alphapulse.portfolio.prices import Price
from alphapulse.portfolio.valuation import summed, worth_of
from apps.portfolio.models import AccountWorth, Snapshot

# More than a picture can show.
MOST_POINTS = 1000

NOTHING: Mapping[str, str] = {}


def equity_curve(
    workspaces: Collection[int],
    environment: str,
    currency: str,
    *,
    accounts: Collection[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    pegs: Mapping[str, str] = NOTHING,
    most: int = MOST_POINTS,
) -> list[Point]:
    """The worth of these workspaces, or of these of their accounts alone, oldest first, until before `until`.

    A point stands for a snapshot whose worth is known in that currency; others are left out. It is complete where
    nothing failed, was stale or unpriced then. `pegs`: what the user takes stablecoins for.
    """
    snapshots = Snapshot.objects.filter(workspace__in=workspaces, environment=environment).order_by("taken_at")
    if since:
        snapshots = snapshots.filter(taken_at__gte=since)
    if until:
        snapshots = snapshots.filter(taken_at__lt=until)
    parts = None if accounts is None else _parts(snapshots, accounts)
    curves: dict[int, list[Point]] = {}
    for snapshot in snapshots:
        known = (snapshot.equity, snapshot.is_complete) if parts is None else parts.get(snapshot.pk)
        if known and (point := _point(snapshot, *known, currency, pegs)):
            curves.setdefault(snapshot.workspace_id, []).append(point)
    return _few(added_up([curves[workspace] for workspace in sorted(curves)]), most)


def rate_of(snapshot: Snapshot, currency: str, pegs: Mapping[str, str] = NOTHING) -> Decimal | None:
    """What one of the snapshot's currency was worth; `pegs` are what the user takes for exact."""
    if currency in (snapshot.currency, pegs.get(snapshot.currency)):
        return Decimal(1)
    rate = snapshot.rates.get(currency)
    return None if rate is None else Decimal(rate)


def _parts(snapshots: QuerySet[Snapshot], accounts: Collection[int]) -> dict[int, tuple[Decimal | None, bool]]:
    """By snapshot, what of it is of these accounts."""
    found: dict[int, list[tuple[Decimal | None, bool]]] = {}
    rows = AccountWorth.objects.filter(snapshot__in=snapshots.order_by(), account__in=accounts)
    for snapshot_id, equity, is_complete in rows.values_list("snapshot", "equity", "is_complete"):
        found.setdefault(snapshot_id, []).append((equity, is_complete))
    return {pk: _sum(each) for pk, each in found.items()}


def _sum(parts: list[tuple[Decimal | None, bool]]) -> tuple[Decimal | None, bool]:
    known = [equity for equity, _ in parts if equity is not None]
    return (summed(known) if known else None), all(is_complete for _, is_complete in parts)


def _point(
    snapshot: Snapshot, equity: Decimal | None, is_complete: bool, currency: str, pegs: Mapping[str, str]
) -> Point | None:
    rate = rate_of(snapshot, currency, pegs)
    worth = None if rate is None else worth_of(equity, Price(value=rate))
    if worth is None:
        return None
    return Point(at=snapshot.taken_at, value=worth, is_complete=is_complete)


def _few(points: list[Point], most: int) -> list[Point]:
    if len(points) <= most:
        return points
    each = (points[-1].at - points[0].at) / most
    left_out = set(surplus([(number, point.at, True) for number, point in enumerate(points)], each=each))
    return [point for number, point in enumerate(points) if number not in left_out]
