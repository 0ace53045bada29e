"""Worth, kept over time: taken every five minutes and after syncs that changed something, thinned with age."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Max, QuerySet

from alphapulse.money import plain
from alphapulse.portfolio.curve import surplus
from alphapulse.portfolio.prices import Price, PriceBook
from alphapulse.portfolio.valuation import Line, Worth, summed, total, worth_of
from apps.exchanges.models import ExchangeAccount
from apps.portfolio.models import AccountWorth, AssetWorth, Snapshot
from apps.portfolio.services.valuation import KINDS, Valuation, value_accounts
from apps.portfolio.signals import snapshot_taken
from apps.sync.models import SyncChange
from apps.users.models import BASE_CURRENCIES, Workspace

EVERY = timedelta(minutes=5)
# After syncs, too, but not after each of a thousand.
AT_LEAST_APART = timedelta(seconds=30)
# What nearly everything has a market with; the rates in each snapshot say what it was worth in others.
CURRENCY = "USDT"
# A price that comes so soon after the first look at an asset was merely late: before it the curve knew too little.
LATE = timedelta(hours=1)
# From this age on one of so many is kept.
THINNED = ((timedelta(days=2), timedelta(hours=1)), (timedelta(days=60), timedelta(days=1)))
# Each look is at what has just come of that age; who was away for a week keeps more.
LOOKED_BACK = timedelta(days=7)
CHUNK = 500

Place = tuple[int, str]
PLACE = ("workspace", "environment")


def due(now: datetime) -> list[Place]:
    """Workspaces and environments whose five minutes are over, or in which a sync has changed something since."""
    places = ExchangeAccount.objects.live().values_list(*PLACE).distinct()
    recent = Snapshot.objects.filter(taken_at__gt=now - EVERY).values_list(*PLACE)
    last = {(workspace, where): at for workspace, where, at in recent.annotate(at=Max("taken_at"))}
    changed = _changed_since(now - EVERY)
    return [place for place in sorted(places.order_by()) if _is_due(last.get(place), changed.get(place), now)]


def _is_due(last: datetime | None, changed: datetime | None, now: datetime) -> bool:
    if last is None or last < _slot(now):
        return True
    return changed is not None and changed > last and now - last >= AT_LEAST_APART


def _slot(now: datetime) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return now - (now - epoch) % EVERY


def _changed_since(since: datetime) -> dict[Place, datetime]:
    kinds = [kind.value for kind in KINDS]
    changes = SyncChange.objects.filter(at__gt=since, run__kind__in=kinds).order_by()
    rows = changes.values_list("account__workspace", "account__environment").annotate(last=Max("at"))
    return {(workspace, environment): last for workspace, environment, last in rows}


def take(workspace_id: int, environment: str, *, now: datetime) -> Snapshot | None:
    """None: there is nothing to look at, or somebody else has just looked."""
    mine = ExchangeAccount.objects.live().filter(workspace=workspace_id, environment=environment)
    accounts = list(mine.order_by("pk"))
    if not accounts:
        return None
    valued = value_accounts(accounts, CURRENCY, now=now)
    with transaction.atomic():
        # One at a time for each workspace: two workers may have been sent.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
        last = _last(workspace_id, environment)
        if last and not _is_due(last.taken_at, now, now):
            return None
        snapshot = _store(workspace_id, environment, valued, _bridged(valued.worth, last), now)
        _withdraw_what_was_early(snapshot)
        told = {"workspace_id": workspace_id, "environment": environment, "snapshot_id": snapshot.pk}
        transaction.on_commit(partial(snapshot_taken.send_robust, Snapshot, **told))
    return snapshot


def _last(workspace_id: int, environment: str) -> Snapshot | None:
    mine = Snapshot.objects.filter(workspace=workspace_id, environment=environment)
    return mine.order_by("-taken_at").first()


# --- What has no price now, but had one ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bridged:
    """All lines, with the last price known where there is none now; and the assets of which that is so."""

    lines: Sequence[Line]
    assets: frozenset[str]


def _bridged(worth: Worth, last: Snapshot | None) -> Bridged:
    lost = {line.holding.asset for line in worth.lines if line.price is None and line.holding.amount}
    if not lost or last is None:
        return Bridged(worth.lines, frozenset())
    rows = last.assets.filter(asset__in=lost, value__isnull=False)
    known = {row.asset: Price(value=row.value / row.amount) for row in rows if row.amount}
    return Bridged([_with_price(line, known) for line in worth.lines], frozenset(known))


def _with_price(line: Line, known: Mapping[str, Price]) -> Line:
    if line.value is not None or line.holding.asset not in known:
        return line
    price = known[line.holding.asset]
    return line._replace(price=price, value=worth_of(line.holding.amount, price))


# --- Rows ---------------------------------------------------------------------------------------------------------


def _store(workspace_id: int, environment: str, valued: Valuation, bridged: Bridged, now: datetime) -> Snapshot:
    worth = valued.worth
    snapshot = Snapshot.objects.create(
        workspace_id=workspace_id,
        environment=environment,
        taken_at=now,
        currency=CURRENCY,
        total=worth.total,
        equity=total(bridged.lines, may_be_more=bool(worth.failed)),
        is_complete=worth.is_complete,
        rates=_rates(valued.prices.book),
        failed=sorted(worth.failed),
        stale=sorted(worth.stale),
        unpriced=sorted(set(worth.unpriced) - bridged.assets),
    )
    AccountWorth.objects.bulk_create(_accounts(snapshot, valued, bridged))
    AssetWorth.objects.bulk_create(_assets(snapshot, bridged))
    return snapshot


def _accounts(snapshot: Snapshot, valued: Valuation, bridged: Bridged) -> Iterable[AccountWorth]:
    worth = valued.worth
    plain_lines = worth.by(lambda holding: holding.account_id)
    lines = replace(worth, lines=bridged.lines).by(lambda holding: holding.account_id)
    for account in valued.accounts:
        mine = plain_lines.get(account.pk, [])
        yield AccountWorth(
            snapshot=snapshot,
            account=account,
            total=worth.total_of(account.pk, mine),
            equity=worth.total_of(account.pk, lines.get(account.pk, [])),
            is_complete=worth.is_whole(account.pk, mine),
        )


def _assets(snapshot: Snapshot, bridged: Bridged) -> Iterable[AssetWorth]:
    parts: dict[str, list[Line]] = {}
    for line in bridged.lines:
        parts.setdefault(line.holding.asset, []).append(line)
    for asset, lines in sorted(parts.items()):
        amounts = [line.holding.amount for line in lines if line.holding.amount is not None]
        yield AssetWorth(
            snapshot=snapshot,
            asset=asset,
            amount=summed(amounts),
            value=total(lines),
            is_bridged=asset in bridged.assets,
        )


def _rates(book: PriceBook) -> dict[str, str]:
    """What one of the snapshot's currency is in each that people look in; those that no way leads to are left out."""
    known = {currency: book.price(CURRENCY, currency) for currency in BASE_CURRENCIES}
    return {currency: plain(price.value) for currency, price in known.items() if price}


def _withdraw_what_was_early(snapshot: Snapshot) -> None:
    """Just before, an asset had no price yet, or an account not all its wallets, that are there now: what the curve
    would show as a gain is none."""
    before = Snapshot.objects.filter(
        workspace=snapshot.workspace_id,
        environment=snapshot.environment,
        taken_at__gte=snapshot.taken_at - LATE,
        taken_at__lt=snapshot.taken_at,
        equity__isnull=False,
        is_complete=False,
    )
    priced = set(snapshot.assets.filter(value__isnull=False).values_list("asset", flat=True))
    partly = _partly_read(before, snapshot)
    early = [
        pk for pk, unpriced in before.values_list("pk", "unpriced") if priced.intersection(unpriced) or pk in partly
    ]
    AccountWorth.objects.filter(snapshot__in=early).update(equity=None)
    Snapshot.objects.filter(pk__in=early).update(equity=None)


def _partly_read(before: QuerySet[Snapshot], snapshot: Snapshot) -> set[int]:
    """Those of them that hold a part of an account which is read in full by now; without any it adds nothing yet."""
    parts = AccountWorth.objects.filter(
        snapshot__in=before, account__in=snapshot.accounts.values("account"), equity__isnull=False
    )
    rows = parts.exclude(account__in=snapshot.failed).values_list("snapshot", "account", "snapshot__failed")
    return {pk for pk, account, failed in rows if account in failed}


# --- The past -----------------------------------------------------------------------------------------------------


def thin(now: datetime) -> int:
    """Keeps fewer of the old ones: one an hour, later one a day. Returns how many are gone."""
    gone = 0
    for age, each in THINNED:
        old = Snapshot.objects.filter(taken_at__lt=now - age, taken_at__gte=now - age - LOOKED_BACK)
        taken: dict[Place, list[tuple[int, datetime, bool]]] = {}
        for workspace, environment, *one in old.values_list(*PLACE, "pk", "taken_at", "is_complete"):
            taken.setdefault((workspace, environment), []).append(tuple(one))
        gone += sum(_delete(surplus(ones, each=each)) for ones in taken.values())
    return gone


def _delete(pks: Sequence[int]) -> int:
    """In short transactions: syncs write, too."""
    for start in range(0, len(pks), CHUNK):
        Snapshot.objects.filter(pk__in=pks[start : start + CHUNK]).delete()
    return len(pks)
