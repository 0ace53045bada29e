"""Since when what happened to an account is known without a gap, and what is missing until then."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from alphapulse.exchanges.facts import History
from alphapulse.types import HISTORY_KINDS, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import LEFT_OUT, HistoryCursor, HistoryStatus, HistorySweep, Sighting

# So many of an account's lists are named for a kind, of those that are behind and of those in trouble: enough to look.
NAMED = 10

Of = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One kind of one account. From `complete_since` on everything is there, until `read_until`; None: not proven yet.

    What the key may not read, or the exchange does not tell, is among the `troubles` and counts for nothing: as with
    wallets that are not permitted, it is the owner's own choice.
    """

    account: ExchangeAccount
    kind: SyncKind
    complete_since: datetime | None
    read_until: datetime | None
    lists: int
    behind: int
    # Markets that were looked at, of how many; None where trades are told for all markets at once.
    looked: int | None
    listed: int | None
    is_swept: bool
    first_behind: Sequence[HistoryCursor] = ()
    troubles: Sequence[HistoryCursor | HistorySweep] = ()

    @property
    def progress(self) -> str:
        """`3 of 12 lists to be read on, 120 of 2247 markets swept`; empty when everything is there."""
        behind = f"{self.behind} of {self.lists} lists to be read on" if self.behind else ""
        told = [each for each in (behind, self.swept) if each]
        return ", ".join(told) or ("" if self.complete_since else "not begun")

    @property
    def swept(self) -> str:
        """`120 of 2247 markets swept`; empty when that is done, or nothing needs it."""
        return "" if self.is_swept else f"{self.looked or 0} of {self.listed or '?'} markets swept"


def coverage(accounts: Iterable[ExchangeAccount], *, named: bool = False) -> list[Coverage]:
    """Of each kind that an account's exchange tells. A handful of queries, however many accounts.

    `named`: with the first lists that are behind, and those in trouble.
    """
    known = _known(list(accounts), named=named)
    return [
        _coverage(known, account, kind)
        for account in known.accounts
        for kind in HISTORY_KINDS
        if account.exchange.histories.get(kind)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What rows say of these accounts."""

    accounts: Sequence[ExchangeAccount]
    sums: Mapping[Of, Mapping[str, Any]]
    sweeps: Mapping[int, Mapping[str, HistorySweep]]
    sighted: frozenset[int]
    behind: Mapping[Of, Sequence[HistoryCursor]] = field(default_factory=dict)
    troubles: Mapping[Of, Sequence[HistoryCursor]] = field(default_factory=dict)


def _known(accounts: Sequence[ExchangeAccount], *, named: bool) -> _Known:
    pks = [account.pk for account in accounts]
    cursors = HistoryCursor.objects.filter(account__in=pks)
    sweeps: dict[int, dict[str, HistorySweep]] = defaultdict(dict)
    for row in HistorySweep.objects.filter(account__in=pks):
        sweeps[row.account_id][row.source] = row
    is_behind = Q(caught_up_at=None) & ~Q(status__in=LEFT_OUT)
    return _Known(
        accounts=accounts,
        sums={(row["account"], row["kind"]): row for row in _sums(cursors, is_behind)},
        sweeps=sweeps,
        sighted=frozenset(Sighting.objects.filter(account__in=pks).values_list("account", flat=True).distinct()),
        behind=_first(cursors.filter(is_behind)) if named else {},
        troubles=_first(cursors.exclude(status=HistoryStatus.OK)) if named else {},
    )


def _sums(cursors: QuerySet[HistoryCursor], is_behind: Q) -> Iterable[Mapping[str, Any]]:
    counts = ~Q(status__in=LEFT_OUT)
    return (
        cursors.order_by()
        .values("account", "kind")
        .annotate(
            lists=Count("pk"),
            whole=Count("pk", filter=Q(symbol="")),
            behind=Count("pk", filter=is_behind),
            since=Max("start_at", filter=counts),
            until=Min("reached_at", filter=counts),
        )
    )


def _first(cursors: QuerySet[HistoryCursor]) -> dict[Of, list[HistoryCursor]]:
    place = Window(RowNumber(), partition_by=[F("account"), F("kind")], order_by=[F("source"), F("symbol")])
    found: dict[Of, list[HistoryCursor]] = defaultdict(list)
    for row in cursors.annotate(place=place).filter(place__lte=NAMED).order_by("source", "symbol"):
        found[row.account_id, row.kind].append(row)
    return found


def _coverage(known: _Known, account: ExchangeAccount, kind: SyncKind) -> Coverage:
    lists = account.exchange.histories[kind]
    sums = known.sums.get((account.pk, kind), {})
    sweeps = _sweeps_behind(known, account, lists)
    is_swept = all(sweep is not None and _is_through(sweep) for sweep in sweeps)
    made = [sweep for sweep in sweeps if sweep is not None]
    is_complete = is_swept and not sums.get("behind") and _is_begun(known, account, lists, sums)
    return Coverage(
        account=account,
        kind=kind,
        complete_since=(sums.get("since") or account.history_start) if is_complete else None,
        read_until=sums.get("until") or min((sweep.through_at for sweep in made if sweep.through_at), default=None),
        lists=sums.get("lists", 0),
        behind=sums.get("behind", 0),
        looked=sum(sweep.listed if sweep.through_at else sweep.looked for sweep in made) if sweeps else None,
        listed=sum(sweep.listed for sweep in made) if sweeps else None,
        is_swept=is_swept,
        first_behind=known.behind.get((account.pk, kind), ()),
        troubles=[
            *known.troubles.get((account.pk, kind), ()),
            *(sweep for sweep in made if sweep.status != HistoryStatus.OK),
        ],
    )


def _sweeps_behind(known: _Known, account: ExchangeAccount, lists: Iterable[History]) -> Sequence[HistorySweep | None]:
    """What must be through before lists that are told by market are complete; None: not begun, or not to be had."""
    needed = {(each.market_type, each.is_inverse) for each in lists if each.market_type}
    made = known.sweeps.get(account.pk, {})
    swept = {kind: [] for kind in needed}
    for each in account.exchange.swept:
        if (each.market_type, each.is_inverse) in needed:
            swept[each.market_type, each.is_inverse].append(made.get(each.source))
    return [sweep for rows in swept.values() for sweep in (rows or [None])]


def _is_through(sweep: HistorySweep) -> bool:
    return sweep.through_at is not None or sweep.status in LEFT_OUT


def _is_begun(known: _Known, account: ExchangeAccount, lists: Sequence[History], sums: Mapping[str, Any]) -> bool:
    """Every list of all markets has a cursor; of those by market some, or there is nothing to expect anything from."""
    if sums.get("whole", 0) < sum(not each.market_type for each in lists):
        return False
    has_none_by_market = sums.get("lists", 0) == sums.get("whole", 0)
    is_by_market = any(each.market_type for each in lists)
    return not (is_by_market and has_none_by_market and account.pk in known.sighted)
