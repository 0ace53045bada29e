"""How worth went, out of snapshots: never with a jump where only our knowledge changed."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from alphapulse.portfolio.curve import Gap, Point, added_up, surplus
from alphapulse.portfolio.prices import Price
from alphapulse.portfolio.valuation import summed, worth_of
from apps.exchanges.models import ExchangeAccount
from apps.portfolio.models import AccountWorth, Snapshot
from apps.users.models import Workspace

# More than a picture can show.
MOST_POINTS = 1000
# Parts of accounts that are read for one: of very many accounts fewer points are told, but never fewer than these.
MOST_PARTS = 100_000
FEWEST_POINTS = 100
CHUNK = 5000
NOT_TOLD = ("total", "failed", "stale", "unpriced")

NOTHING: Mapping[str, str] = {}
SHORTEST = timedelta(seconds=1)


def equity_curve(
    workspaces: Collection[int],
    environment: str,
    currency: str,
    *,
    accounts: Collection[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    pegs: Mapping[str, str] = NOTHING,
    most: int | None = None,
) -> list[Point]:
    """The worth of these workspaces, or of these of their accounts alone, oldest first, until before `until`.

    A point stands for a snapshot whose worth is known in that currency; others are left out. It is complete where
    nothing failed, was stale or unpriced then. `most` points; None: as many as a picture shows. `pegs`: what the user
    takes stablecoins for.
    """
    accounts = _counting(workspaces, environment, accounts)
    most = most or _pictured(accounts)
    mine = Snapshot.objects.filter(workspace__in=workspaces, environment=environment)
    chosen = _chosen(_within(mine, since, until), most)
    if since and len(workspaces) > 1:
        chosen += _last_before(workspaces, environment, since)
    snapshots = list(Snapshot.objects.filter(pk__in=chosen).defer(*NOT_TOLD).order_by("taken_at"))
    parts = None if accounts is None else _parts(snapshots, accounts)
    curves: dict[int, list[Point | Gap]] = defaultdict(list)
    for snapshot in snapshots:
        part = _Part.of(snapshot) if parts is None else parts.get(snapshot.pk)
        if part is not None:
            curves[snapshot.workspace_id].append(_look(snapshot, part, currency, pegs))
    return _few(added_up([curves[workspace] for workspace in sorted(curves)], since=since), most)


def rate_of(snapshot: Snapshot, currency: str, pegs: Mapping[str, str] = NOTHING) -> Decimal | None:
    """What one of the snapshot's currency was worth; `pegs` are what the user takes for exact."""
    if pegs.get(currency, currency) == pegs.get(snapshot.currency, snapshot.currency):
        return Decimal(1)
    rate = snapshot.rates.get(currency)
    return None if rate is None else Decimal(rate)


def _counting(
    workspaces: Collection[int], environment: str, accounts: Collection[int] | None
) -> Collection[int] | None:
    """Each of them, where some are the same money: until that was known snapshots held it twice (see `_parts`)."""
    theirs = ExchangeAccount.objects.filter(workspace__in=workspaces, environment=environment)
    if accounts is None and theirs.filter(double_of__isnull=False).exists():
        return set(theirs.values_list("pk", flat=True))
    return accounts


# --- Which snapshots ------------------------------------------------------------------------------------------------


def _pictured(accounts: Collection[int] | None) -> int:
    return max(FEWEST_POINTS, min(MOST_POINTS, MOST_PARTS // max(1, len(accounts or ()))))


def _within(snapshots: QuerySet[Snapshot], since: datetime | None, until: datetime | None) -> QuerySet[Snapshot]:
    from_on = Q(taken_at__gte=since) if since else Q()
    return snapshots.filter(from_on, Q(taken_at__lt=until) if until else Q())


def _chosen(snapshots: QuerySet[Snapshot], most: int) -> list[int]:
    """Of each workspace at most so many, by their times alone: their parts are a hundred times as much."""
    taken: dict[int, list[tuple[int, datetime, int]]] = defaultdict(list)
    rows = snapshots.order_by("taken_at").values_list("workspace", "pk", "taken_at", "is_complete", "equity")
    for workspace, pk, at, is_complete, equity in rows.iterator(chunk_size=CHUNK):
        taken[workspace].append((pk, at, is_complete + (equity is not None)))
    return [pk for mine in taken.values() for pk in _fewest(mine, most)]


def _fewest(taken: Sequence[tuple[int, datetime, int]], most: int) -> list[int]:
    if len(taken) <= most:
        return [pk for pk, _, _ in taken]
    # The newest stays whatever it is: it says how current the curve is.
    left_out = set(surplus(taken[:-1], each=_each(taken[0][1], taken[-1][1], most)))
    return [pk for pk, _, _ in taken if pk not in left_out]


def _each(first: datetime, last: datetime, most: int) -> timedelta:
    return max((last - first) / max(1, most - 1), SHORTEST)


def _last_before(workspaces: Collection[int], environment: str, since: datetime) -> list[int]:
    """What each was worth before: else those that are looked at a minute later would come as a gain."""
    earlier = Snapshot.objects.filter(workspace=OuterRef("pk"), environment=environment, taken_at__lt=since)
    last = Subquery(earlier.order_by("-taken_at").values("pk")[:1])
    found = Workspace.objects.filter(pk__in=workspaces).annotate(last_snapshot=last)
    return [pk for pk in found.values_list("last_snapshot", flat=True) if pk is not None]


# --- What they say --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    """What of a snapshot is asked for."""

    known: list[Decimal] = field(default_factory=list)
    is_complete: bool = True
    is_in_doubt: bool = False

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_Part":
        return cls([] if snapshot.equity is None else [snapshot.equity], snapshot.is_complete)

    @property
    def equity(self) -> Decimal | None:
        return None if self.is_in_doubt or not self.known else summed(self.known)


def _parts(snapshots: Sequence[Snapshot], accounts: Collection[int]) -> dict[int, _Part]:
    """By snapshot, what of it is of these accounts; those that it does not know are left out."""
    found: dict[int, _Part] = defaultdict(_Part)
    rows = AccountWorth.objects.filter(snapshot__in=[snapshot.pk for snapshot in snapshots], account__in=accounts)
    # One whose money another account of the same snapshot counts.
    twin = AccountWorth.objects.filter(snapshot=OuterRef("snapshot"), account=OuterRef("account__double_of"))
    columns = rows.exclude(Exists(twin)).order_by().values_list("snapshot", "equity", "is_complete", "is_in_doubt")
    for snapshot, equity, is_complete, is_in_doubt in columns.iterator(chunk_size=CHUNK):
        part = found[snapshot]
        part.is_complete &= is_complete
        part.is_in_doubt |= is_in_doubt
        if equity is not None:
            part.known.append(equity)
    return found


def _look(snapshot: Snapshot, part: _Part, currency: str, pegs: Mapping[str, str]) -> Point | Gap:
    rate = rate_of(snapshot, currency, pegs)
    worth = None if rate is None else worth_of(part.equity, Price(value=rate))
    if worth is None:
        return Gap(at=snapshot.taken_at)
    return Point(at=snapshot.taken_at, value=worth, is_complete=part.is_complete)


def _few(points: list[Point], most: int) -> list[Point]:
    """Of several workspaces' points together."""
    if len(points) <= most:
        return points
    each = _each(points[0].at, points[-1].at, most)
    left_out = set(surplus([(number, point.at, True) for number, point in enumerate(points)], each=each))
    return [point for number, point in enumerate(points) if number not in left_out]
