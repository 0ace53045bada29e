"""What pictures show, out of rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from alphapulse.portfolio import performance
from alphapulse.portfolio.curve import Point
from alphapulse.portfolio.growth import Flow, growth
from alphapulse.portfolio.growth import Point as Worth
from alphapulse.portfolio.lots import Method
from apps.portfolio.models import AssetWorth, Snapshot
from apps.portfolio.services import content
from apps.portfolio.services.bookkeeping import keep
from apps.portfolio.services.flows import flows_into, seen
from apps.portfolio.services.happenings import accounts_of
from apps.portfolio.services.history import MOST_POINTS, equity_curve, rate_of
from apps.portfolio.services.snapshots import EVERY, THINNED
from apps.portfolio.services.statements import statement_of
from apps.users.models import Workspace

# So many times as long as usual is a gap.
LONG = 3


def depths(
    workspace: Workspace, environment: str, currency: str, *, since: datetime | None, now: datetime
) -> list[Point]:
    """How far below its highest it was, as a part of that. What came from outside, or left, is no gain and no loss."""
    points = equity_curve([workspace.pk], environment, currency, since=since)
    grown = growth(
        [Worth(point.at, float(point.value), point.is_complete) for point in points],
        _flows(workspace, environment, currency, now),
    )
    fallen = performance.drawdown(grown)
    return [replace(point, value=Decimal(f"{index.value:.9f}")) for point, index in zip(points, fallen, strict=True)]


def _flows(workspace: Workspace, environment: str, currency: str, now: datetime) -> list[Flow]:
    of = {"currency": currency, "method": Method.FIFO, "is_at_par": False}
    sight = statement_of(workspace, environment, **of, now=now, part="flows")
    if not sight.is_current:
        # Without the books a deposit would be drawn as a gain; a command may wait for them.
        keep(sight.statement, now)
    accounts = accounts_of(workspace, environment)
    told = content.read_flows(sight.statement)
    flows = flows_into(accounts, told, seen(accounts, currency, {}))
    return [Flow(at, None if value is None else float(value), own) for at, value, own in flows]


def gaps(points: Sequence[Point]) -> list[tuple[datetime, datetime]]:
    """Between which of these nobody looked, or nothing was known: far longer than is usual of that age."""
    apart = [after.at - before.at for before, after in pairwise(points)]
    usual = max(sorted(apart)[len(apart) // 2], (points[-1].at - points[0].at) / MOST_POINTS) if apart else EVERY
    return [
        (before.at, after.at)
        for before, after in pairwise(points)
        if after.at - before.at > LONG * max(usual, _kept_each(points[-1].at - before.at))
    ]


def _kept_each(age: timedelta) -> timedelta:
    return max((each for limit, each in THINNED if age > limit), default=EVERY)


class Parts(NamedTuple):
    """Of the newest snapshot, in the currency asked for."""

    snapshot: Snapshot
    rows: Sequence[AssetWorth]
    rate: Decimal


def parts(workspace: Workspace, environment: str, currency: str) -> Parts | None:
    """None where there is no snapshot, or none whose worth is known in that currency."""
    snapshot = Snapshot.objects.filter(workspace=workspace, environment=environment).order_by("-taken_at").first()
    rate = rate_of(snapshot, currency) if snapshot else None
    if snapshot is None or rate is None:
        return None
    return Parts(snapshot, [row for row in snapshot.assets.order_by("asset") if row.amount], rate)
