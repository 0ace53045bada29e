"""Which wallets stand behind what accounts have: all that the catalogue says are read, also those not read yet."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import WalletReading

# A reading's account, kind and wallet.
Name = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Counted:
    """Which readings' rows count, by id, and of which of them (or of none) an answer misses something.

    `wallets`: what is counted, or would be, once it is read: without what a key never could read.
    """

    names: dict[int, Name]
    missing: list[WalletReading]
    wallets: frozenset[Name]


def counted(accounts: Sequence[ExchangeAccount], kinds: Collection[SyncKind], now: datetime) -> Counted:
    """Of the wallets that the catalogue (and the owner) say are read: what lies in another may count twice.

    What is as it should be is told by its name alone: of fifty accounts there are hundreds.
    """
    wanted = set(_read(accounts, kinds))
    stored = _stored(accounts, kinds)
    known: dict[int, Name] = {pk: (*name,) for pk, *name in stored.values_list("pk", "account", "kind", "wallet")}
    mine = {account.pk: account for account in accounts}
    stale = [reading for reading in stored.stale(now) if known.get(reading.pk) in wanted]
    for reading in stale:
        reading.account = mine[reading.account_id]
    missing = sorted(wanted.difference(known.values()))
    unread = [WalletReading.never_read(mine[account], kind, wallet) for account, kind, wallet in missing]
    never_read = {known[reading.pk] for reading in stale if reading.as_of is None and not reading.is_missing(now)}
    return Counted(
        {pk: name for pk, name in known.items() if name in wanted},
        [reading for reading in [*stale, *unread] if reading.is_missing(now)],
        frozenset(wanted - never_read),
    )


def _stored(accounts: Sequence[ExchangeAccount], kinds: Collection[SyncKind]) -> QuerySet[WalletReading]:
    return WalletReading.objects.filter(account__in=accounts, kind__in=[kind.value for kind in kinds]).order_by("pk")


def are_all_asked(account: ExchangeAccount, kind: SyncKind) -> bool:
    """Whether each wallet has been asked for this at least once, whatever came of it."""
    known = WalletReading.objects.filter(account=account, kind=kind).values_list("wallet", flat=True)
    return {read.wallet for read in account.reads(kind)} <= set(known)


def _read(accounts: Sequence[ExchangeAccount], kinds: Collection[SyncKind]) -> Iterator[Name]:
    """What the catalogue says is read."""
    for account in accounts:
        for kind in kinds:
            for read in account.reads(kind):
                yield account.pk, kind.value, read.wallet
