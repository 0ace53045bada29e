"""Worth, kept over time: taken every five minutes and after syncs that changed something, thinned with age."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from django.db import transaction
from django.db.models import Max

from alphapulse.money import ZERO, plain
from alphapulse.portfolio.curve import surplus
from alphapulse.portfolio.lots import EXACT
from alphapulse.portfolio.prices import Price, PriceBook
from alphapulse.portfolio.valuation import Line, Worth, summed, total, worth_of
from apps.exchanges.models import ExchangeAccount
from apps.portfolio.models import AccountWorth, AssetWorth, Snapshot, WalletFlow
from apps.portfolio.models.snapshots import equity_of
from apps.portfolio.services.lacking import fill_in, is_in_doubt, kept, lacks_of, waiting
from apps.portfolio.services.prices import prices_of
from apps.portfolio.services.valuation import KINDS, Valuation, value_accounts
from apps.portfolio.services.wallets import flows_between, parts_of
from apps.portfolio.signals import snapshot_taken
from apps.sync.models import SyncChange
from apps.users.models import BASE_CURRENCIES, Workspace

EVERY = timedelta(minutes=5)
# After syncs, too, but not after each of a thousand.
AT_LEAST_APART = timedelta(seconds=30)
# What nearly everything has a market with; the rates in each snapshot say what it was worth in others.
CURRENCY = "USDT"
# From this age on one of so many is kept.
THINNED = ((timedelta(days=2), timedelta(hours=1)), (timedelta(days=60), timedelta(days=1)))
# Each look is at what has just come of that age; who was away for a week keeps more.
LOOKED_BACK = timedelta(days=7)
CHUNK = 500
# Of prices below one.
SMALLEST_STEP = Decimal("1E-38")

Place = tuple[int, str]
PLACE = ("workspace", "environment")


def due(now: datetime) -> list[Place]:
    """Workspaces and environments whose five minutes are over, or in which a sync has changed something since."""
    places = ExchangeAccount.objects.live().values_list(*PLACE).distinct()
    recent = Snapshot.objects.filter(taken_at__gt=now - EVERY).values_list(*PLACE)
    last = {(workspace, where): at for workspace, where, at in recent.annotate(at=Max("taken_at"))}
    changed = _changed_since(now - EVERY)
    mine = sorted(places.order_by())
    return [*(place for place in mine if _is_due(last.get(place), changed.get(place), now)), *_left(mine, now)]


def _left(places: Collection[Place], now: datetime) -> list[Place]:
    """Of which the last account went, and nobody has looked since."""
    gone = ExchangeAccount.objects.filter(archived_at__gt=now - LOOKED_BACK).order_by().values_list(*PLACE)
    went = {(workspace, where): at for workspace, where, at in gone.annotate(at=Max("archived_at"))}
    left = sorted(went.keys() - set(places))
    if not left:
        return []
    looked = Snapshot.objects.filter(workspace__in={workspace for workspace, _ in left}).order_by().values_list(*PLACE)
    last = {(workspace, where): at for workspace, where, at in looked.annotate(at=Max("taken_at"))}
    return [place for place in left if place in last and last[place] < went[place]]


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
    mine = ExchangeAccount.objects.live().counting().filter(workspace=workspace_id, environment=environment)
    accounts = list(mine.order_by("pk"))
    if not accounts and not _is_left(_last(workspace_id, environment)):
        return None
    valued = value_accounts(accounts, CURRENCY, now=now)
    with transaction.atomic():
        # One at a time for each workspace: two workers may have been sent.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
        last = _last(workspace_id, environment)
        if last and not _is_due(last.taken_at, now, now):
            return None
        snapshot = _store(workspace_id, environment, valued, last, now)
        told = {"workspace_id": workspace_id, "environment": environment, "snapshot_id": snapshot.pk}
        transaction.on_commit(partial(snapshot_taken.send_robust, Snapshot, **told))
    return snapshot


def _is_left(last: Snapshot | None) -> bool:
    """All accounts went: one empty look says so, or what they had last would stand in the curve for ever."""
    return last is not None and last.accounts.exists()


def _last(workspace_id: int, environment: str) -> Snapshot | None:
    mine = Snapshot.objects.filter(workspace=workspace_id, environment=environment)
    return mine.order_by("-taken_at").first()


# --- What has no price now, but had one ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bridged:
    """All lines, with the last price known where there is none now; and the assets of which that is so.

    `before`: what one of each asset was worth at the last look.
    """

    lines: Sequence[Line]
    assets: frozenset[str]
    before: Mapping[str, Decimal]


def _bridged(worth: Worth, last: Snapshot | None) -> Bridged:
    lost = {line.holding.asset for line in worth.lines if line.price is None and line.holding.amount}
    before = dict(_known_prices(last.assets.all())) if last else {}
    known = {asset: Price(value=before[asset]) for asset in lost & before.keys()}
    return Bridged([_with_price(line, known) for line in worth.lines], frozenset(known), before)


def _known_prices(rows: Iterable[AssetWorth]) -> Iterator[tuple[str, Decimal]]:
    for row in rows:
        if row.price is not None:
            yield row.asset, row.price
        elif row.value is not None and row.amount:
            # It is of before prices were kept.
            yield row.asset, row.value / row.amount


def _with_price(line: Line, known: Mapping[str, Price]) -> Line:
    if line.value is not None or line.holding.asset not in known:
        return line
    price = known[line.holding.asset]
    return line._replace(price=price, value=worth_of(line.holding.amount, price))


# --- Rows ---------------------------------------------------------------------------------------------------------


def _store(workspace_id: int, environment: str, valued: Valuation, last: Snapshot | None, now: datetime) -> Snapshot:
    worth = valued.worth
    bridged = _bridged(worth, last)
    accounts = _accounts(valued, bridged, last, now)
    snapshot = Snapshot.objects.create(
        workspace_id=workspace_id,
        environment=environment,
        taken_at=now,
        currency=CURRENCY,
        total=worth.total,
        equity=equity_of(accounts),
        is_complete=worth.is_complete,
        rates=_rates(prices_of(environment, now=now).book),
        failed=sorted(worth.failed),
        stale=sorted(worth.stale),
        unpriced=sorted(set(worth.unpriced) - bridged.assets),
    )
    for each in accounts:
        each.snapshot = snapshot
    AccountWorth.objects.bulk_create(accounts)
    WalletFlow.objects.bulk_create(flows_between(_before(last, valued), accounts))
    AccountWorth.objects.filter(snapshot=last).exclude(wallets__isnull=True).update(wallets=None)
    AssetWorth.objects.bulk_create(_assets(snapshot, bridged))
    return snapshot


def _accounts(valued: Valuation, bridged: Bridged, last: Snapshot | None, now: datetime) -> list[AccountWorth]:
    """Not stored yet. What has become known is added to what was stored before."""
    worth, book = valued.worth, valued.prices.book
    told = worth.by(lambda holding: holding.account_id)
    lines = replace(worth, lines=bridged.lines).by(lambda holding: holding.account_id)
    lacks, before = lacks_of(valued.missing, bridged.lines), _before(last, valued)
    at = {account.pk: account.exchange_id for account in valued.accounts}
    if fill_in(before, lacks, lines, lambda account, asset: book.price(asset, CURRENCY, near=at[account])):
        before = _before(last, valued)
    not_yet = waiting(lacks, before, now)
    wallets = parts_of(valued.wallets, valued.missing, lines)
    accounts = []
    for account in valued.accounts:
        mine, known = lines.get(account.pk, []), before.get(account.pk)
        counting = wallets.get(account.pk, {})
        lacking = kept(lacks.get(account.pk, {}), known, last and last.taken_at, now)
        is_doubted = is_in_doubt(lacking, known, mine, counting, bridged.before, now)
        accounts.append(
            AccountWorth(
                account=account,
                total=worth.total_of(account.pk, told.get(account.pk, [])),
                equity=None if is_doubted or account.pk in not_yet else worth.total_of(account.pk, mine),
                is_complete=worth.is_whole(account.pk, told.get(account.pk, [])),
                lacks=lacking,
                is_in_doubt=is_doubted,
                wallets=counting,
            )
        )
    return accounts


def _before(last: Snapshot | None, valued: Valuation) -> dict[int, AccountWorth]:
    rows = last.accounts.filter(account__in=valued.accounts) if last else ()
    return {row.account_id: row for row in rows}


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
            price=_price(lines),
            is_bridged=asset in bridged.assets,
        )


def _price(lines: Iterable[Line]) -> Decimal | None:
    """Of one, where most of it lies."""
    known = [(abs(line.value or ZERO), line.price.value) for line in lines if line.price]
    return _short(max(known)[1]) if known else None


def _short(price: Decimal) -> Decimal:
    """No longer than money may be: 28 digits of a tiny price begin far behind the point."""
    return price.quantize(SMALLEST_STEP, context=EXACT) if price < 1 else price


def _rates(book: PriceBook) -> dict[str, str]:
    """What one of the snapshot's currency is in each that people look in; those that no way leads to are left out."""
    known = {currency: book.price(CURRENCY, currency) for currency in BASE_CURRENCIES}
    return {currency: plain(price.value) for currency, price in known.items() if price}


# --- The past -----------------------------------------------------------------------------------------------------


def thin(now: datetime) -> int:
    """Keeps fewer of the old ones: one an hour, later one a day. Returns how many are gone."""
    gone = 0
    for age, each in THINNED:
        # What came or left then is told by nothing else.
        old = Snapshot.objects.filter(taken_at__lt=now - age, taken_at__gte=now - age - LOOKED_BACK, wallet_flows=None)
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
