"""Which wallets stand behind what accounts have: all that the catalogue says are read, also those not read yet."""

from collections.abc import Collection, Sequence

from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import WalletReading, WalletStatus


def readings_of(accounts: Sequence[ExchangeAccount], kinds: Collection[SyncKind]) -> list[WalletReading]:
    """In order; unsaved ones stand for wallets that have never been read."""
    mine = {account.pk: account for account in accounts}
    known = _never_read(accounts, kinds)
    for reading in WalletReading.objects.filter(account__in=mine, kind__in=[kind.value for kind in kinds]):
        reading.account = mine[reading.account_id]
        known[_name(reading)] = reading
    return [known[name] for name in sorted(known)]


def is_read(reading: WalletReading) -> bool:
    """Does the catalogue (and the owner) still say that this wallet is read? What lies in another may count twice."""
    return reading.wallet in {read.wallet for read in reading.account.reads(SyncKind(reading.kind))}


def _never_read(
    accounts: Sequence[ExchangeAccount], kinds: Collection[SyncKind]
) -> dict[tuple[int, str, str], WalletReading]:
    """Every wallet that the catalogue says is read, as if it had never been."""
    readings = [
        WalletReading(
            account=account,
            kind=kind.value,
            wallet=read.wallet,
            status=WalletStatus.NOT_READ,
            error=WalletStatus.NOT_READ,
        )
        for account in accounts
        for kind in kinds
        for read in account.reads(kind)
    ]
    return {_name(reading): reading for reading in readings}


def _name(reading: WalletReading) -> tuple[int, str, str]:
    return reading.account_id, reading.kind, reading.wallet
