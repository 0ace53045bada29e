"""Since when what happened to an account is known without a gap, and what is missing until then."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, F, Max, Min, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from alphapulse.exchanges.facts import History
from alphapulse.types import HISTORY_KINDS, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import LEFT_OUT, HistoryCursor, HistoryStatus, HistorySweep
from apps.ledger.services import cursors, sightings, sweep

# So many of an account's lists are named for a kind, of those that are behind and of those in trouble: enough to look.
NAMED = 10

Of = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCoverage:
    """One source: `lists` of it are read (one, or one for each market asked for), `behind` of them not to the end.

    From `complete_since` on everything is there, until `read_until`; None: not proven yet.
    """

    source: str
    complete_since: datetime | None
    read_until: datetime | None
    lists: int
    behind: int
    # Of a list that is told market by market: the sweep through the others. None: there is none yet, or none is needed.
    sweep: HistorySweep | None = None
    is_swept: bool = True
    # Something new was seen in the account: the markets that it makes likely are not asked for yet.
    is_widening: bool = False
    is_left_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One kind of one account: complete since its last source is, as far as those count.

    What the key may not read, or the exchange does not tell, is among the `troubles` and counts for nothing: as with
    wallets that are not permitted, it is the owner's own choice.
    """

    account: ExchangeAccount
    kind: SyncKind
    sources: Sequence[SourceCoverage]
    first_behind: Sequence[HistoryCursor] = ()
    troubles: Sequence[HistoryCursor | HistorySweep] = ()

    @property
    def complete_since(self) -> datetime | None:
        known = [source.complete_since for source in self._counted]
        return max(known) if known and None not in known else None  # type: ignore[type-var]

    @property
    def read_until(self) -> datetime | None:
        return min((source.read_until for source in self._counted if source.read_until), default=None)

    @property
    def lists(self) -> int:
        return sum(source.lists for source in self.sources)

    @property
    def behind(self) -> int:
        return sum(source.behind for source in self.sources)

    @property
    def sweeps(self) -> list[HistorySweep]:
        return [source.sweep for source in self.sources if source.sweep is not None]

    @property
    def progress(self) -> str:
        """`3 of 12 lists to be read on, 120 of 2247 markets swept`; empty when everything is there."""
        behind = f"{self.behind} of {self.lists} lists to be read on" if self.behind else ""
        widening = "new markets to be asked" if any(source.is_widening for source in self.sources) else ""
        told = [each for each in (behind, widening, self.swept) if each]
        return ", ".join(told) or ("" if self.complete_since else "not begun")

    @property
    def swept(self) -> str:
        """`120 of 2247 markets swept`; empty when that is done, or nothing needs it."""
        if all(source.is_swept for source in self.sources):
            return ""
        looked, listed = (
            (sum(counts) for counts in zip(*map(_looked, self.sweeps), strict=True)) if self.sweeps else (0, 0)
        )
        return f"{looked} of {listed or '?'} markets swept"

    @property
    def _counted(self) -> list[SourceCoverage]:
        return [source for source in self.sources if not source.is_left_out]


def _looked(sweep: HistorySweep) -> tuple[int, int]:
    """While another round is under way, it has been through all the same."""
    return (sweep.listed if sweep.through_at else sweep.looked), sweep.listed


def coverage(accounts: Iterable[ExchangeAccount], *, named: bool = False) -> list[Coverage]:
    """Of each kind that an account's exchange tells. A handful of queries, however many accounts.

    `named`: with the first lists that are behind, and those in trouble.
    """
    known = _known(list(accounts), named=named)
    return [
        _coverage(known, account, kind, lists)
        for account in known.accounts
        for kind in HISTORY_KINDS
        if (lists := cursors.lists(kind, account))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    """The cursors of one source, but for those that are left out."""

    total: int
    lists: int
    behind: int
    since: datetime | None
    until: datetime | None


_NOTHING = _Sum(total=0, lists=0, behind=0, since=None, until=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What rows say of these accounts."""

    accounts: Sequence[ExchangeAccount]
    sums: Mapping[tuple[int, str, str], _Sum]
    sweeps: Mapping[Of, HistorySweep]
    # Accounts that have seen what no cursor follows yet.
    unfollowed: Collection[int]
    behind: Mapping[Of, Sequence[HistoryCursor]] = field(default_factory=dict)
    troubles: Mapping[Of, Sequence[HistoryCursor]] = field(default_factory=dict)


def _known(accounts: Sequence[ExchangeAccount], *, named: bool) -> _Known:
    pks = [account.pk for account in accounts]
    rows = HistoryCursor.objects.filter(account__in=pks)
    sweeps = HistorySweep.objects.filter(account__in=pks)
    is_behind = Q(caught_up_at=None) & ~Q(status__in=LEFT_OUT)
    return _Known(
        accounts=accounts,
        sums=_sums(rows, is_behind),
        sweeps={(sweep.account_id, sweep.source): sweep for sweep in sweeps},
        unfollowed=sightings.unfollowed(pks),
        behind=_first(rows.filter(is_behind)) if named else {},
        troubles=_first(rows.exclude(status=HistoryStatus.OK)) if named else {},
    )


def _sums(rows: QuerySet[HistoryCursor], is_behind: Q) -> dict[tuple[int, str, str], _Sum]:
    counts = ~Q(status__in=LEFT_OUT)
    sums = (
        rows.order_by()
        .values_list("account", "kind", "source")
        .annotate(
            total=Count("pk"),
            lists=Count("pk", filter=counts),
            behind=Count("pk", filter=is_behind),
            since=Max("start_at", filter=counts),
            until=Min("reached_at", filter=counts),
        )
    )
    return {
        (account, kind, source): _Sum(total=total, lists=lists, behind=behind, since=since, until=until)
        for account, kind, source, total, lists, behind, since, until in sums
    }


def _first(rows: QuerySet[HistoryCursor]) -> dict[Of, list[HistoryCursor]]:
    place = Window(RowNumber(), partition_by=[F("account"), F("kind")], order_by=[F("source"), F("symbol")])
    found: dict[Of, list[HistoryCursor]] = defaultdict(list)
    for row in rows.annotate(place=place).filter(place__lte=NAMED).order_by("source", "symbol"):
        found[row.account_id, row.kind].append(row)
    return found


def _coverage(known: _Known, account: ExchangeAccount, kind: SyncKind, lists: Sequence[History]) -> Coverage:
    sources = [_source(known, account, kind, history) for history in lists]
    troubled = [source.sweep for source in sources if source.sweep and source.sweep.status != HistoryStatus.OK]
    return Coverage(
        account=account,
        kind=kind,
        sources=sources,
        first_behind=known.behind.get((account.pk, kind), ()),
        troubles=[*known.troubles.get((account.pk, kind), ()), *troubled],
    )


def _source(known: _Known, account: ExchangeAccount, kind: SyncKind, history: History) -> SourceCoverage:
    own = known.sums.get((account.pk, kind, history.source), _NOTHING)
    through = known.sweeps.get((account.pk, _swept_by(account, history)))
    is_swept = not history.market_type or (through is not None and _is_through(through))
    is_begun = own.total > 0 or _expects_nothing(known, account, history)
    is_widening = history.market_type != "" and account.pk in known.unfollowed
    is_complete = is_swept and is_begun and not own.behind and not is_widening
    return SourceCoverage(
        source=history.source,
        complete_since=(own.since or account.history_start) if is_complete else None,
        read_until=own.until or (through.through_at if through else None),
        lists=own.lists,
        behind=own.behind,
        sweep=through,
        is_swept=is_swept,
        is_widening=is_widening,
        is_left_out=not own.lists and (own.total > 0 or (through is not None and through.status in LEFT_OUT)),
    )


def _expects_nothing(known: _Known, account: ExchangeAccount, history: History) -> bool:
    """Of a list by market there may be none: where no fills are expected, no orders are."""
    fills = (account.pk, sweep.KIND.value, _swept_by(account, history))
    return history.market_type != "" and known.sums.get(fills, _NOTHING).total == 0


def _swept_by(account: ExchangeAccount, history: History) -> str:
    """The source whose sweep finds what this one misses: orders are found by their fills."""
    markets = (history.market_type, history.is_inverse, history.wallet)
    swept = (each for each in account.exchange.swept if (each.market_type, each.is_inverse, each.wallet) == markets)
    return next((each.source for each in swept), "") if history.market_type else ""


def _is_through(sweep: HistorySweep) -> bool:
    return sweep.through_at is not None or sweep.status in LEFT_OUT
