"""Why a curve tells of nothing, or of next to nothing, in words."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from apps.portfolio.models import AccountWorth, Snapshot
from apps.portfolio.services.history import NOTHING, rate_of
from apps.users.models import BASE_CURRENCIES


def why_untold(
    workspaces: Collection[int],
    environment: str,
    currency: str,
    *,
    accounts: Collection[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    pegs: Mapping[str, str] = NOTHING,
    known: int = 0,
) -> str:
    """Of the curve with these words (see `equity_curve`), of which one point is `known`, or none."""
    times = {"taken_at__gte": since, "taken_at__lt": until}
    asked: dict[str, Any] = {"workspace__in": workspaces, "environment": environment}
    taken = Snapshot.objects.filter(**asked, **{name: at for name, at in times.items() if at})
    if accounts is not None:
        taken = taken.filter(pk__in=AccountWorth.objects.filter(account__in=accounts).values("snapshot"))
    count, newest = taken.count(), taken.order_by("-taken_at").first()
    if newest is None or count <= known:
        return (
            "There are not two snapshots of worth in that time." if count else "No snapshot of worth is of that time."
        )
    begin = f"{count} snapshot{'s' * (count > 1)} of worth, {known or 'none'} of which is known"
    if rate_of(newest, currency, pegs) is not None:
        return f"{begin}: nothing that was held then had a price, or it could not be read."
    return f"{begin} in {currency}, for no price led there. The newest is known in {_known_in(newest)}."


def _known_in(snapshot: Snapshot) -> str:
    there = {snapshot.currency, *snapshot.rates}
    return ", ".join(each for each in BASE_CURRENCIES if each in there) or snapshot.currency
