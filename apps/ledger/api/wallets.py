"""Which wallets stand behind an answer: unknown is not zero, so what could not be read is named."""

from collections.abc import Mapping, Sequence

from alphapulse.types import SyncKind
from apps.core.prepared import Parameter, PreparedObjects
from apps.core.problems import BadParameter
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import WalletReading
from apps.users.models import User

# By account and wallet.
Wallets = dict[tuple[int, str], WalletReading]

_KEY = ExchangeAccount._meta.pk
_accounts = PreparedObjects(lambda: ExchangeAccount.objects.visible_to(Parameter("user", User._meta.pk)).order_by("pk"))
_readings = PreparedObjects(
    lambda: WalletReading.objects.visible_to(Parameter("user", User._meta.pk)).filter(
        account__gte=Parameter("first", _KEY),
        account__lte=Parameter("last", _KEY),
        kind=Parameter("kind", WalletReading._meta.get_field("kind")),
    )
)


def wallets_behind(user: User, kind: SyncKind, asked: Mapping[str, str]) -> list[WalletReading]:
    """The readings of the user's accounts that were asked for; unsaved ones for what has never been read.

    `asked` may hold account (id or label), exchange_id, environment and wallet. Raises BadParameter.
    """
    accounts = accounts_asked(user, asked)
    known = _stored(user, accounts, kind) if accounts else {}
    known |= _never_read(accounts, kind, known)
    wallets = {wallet for _, wallet in known}
    if wallets and asked.get("wallet", next(iter(wallets))) not in wallets:
        raise BadParameter("wallet", f"no such wallet among these accounts; there are {', '.join(sorted(wallets))}.")
    return [known[name] for name in sorted(known) if asked.get("wallet", name[1]) == name[1]]


def accounts_asked(user: User, asked: Mapping[str, str], *, without: Sequence[str] = ()) -> list[ExchangeAccount]:
    """The user's accounts that were asked for, by account (id or label), exchange_id and environment.

    `without`: columns that the caller does not look at. Raises BadParameter.
    """
    if "account" in asked:
        found = _named(user, asked["account"])
    elif without:
        found = list(ExchangeAccount.objects.visible_to(user).defer(*without).order_by("pk"))
    else:
        found = _accounts.objects(user=user.pk)
    exchange_id = asked.get("exchange_id")
    there = {account.exchange_id for account in found}
    if exchange_id and exchange_id not in there:
        told = f"; they are at {', '.join(sorted(there))}" if there else ""
        raise BadParameter("exchange_id", f"none of your accounts is at {exchange_id!r}{told}.")
    return [
        account
        for account in found
        if exchange_id in (None, account.exchange_id)
        and asked.get("environment", account.environment) == account.environment
    ]


def _named(user: User, label_or_id: str) -> list[ExchangeAccount]:
    if len(label_or_id) > 80:
        raise BadParameter("account", "expected an account's id or label.")
    found = list(ExchangeAccount.objects.visible_to(user).named(label_or_id).order_by("pk"))
    if not found:
        raise BadParameter("account", f"no account of yours has the id or label {label_or_id!r}.")
    return found


def _stored(user: User, accounts: list[ExchangeAccount], kind: SyncKind) -> Wallets:
    by_id = {account.pk: account for account in accounts}
    found = {}
    for reading in _readings.objects(user=user.pk, first=min(by_id), last=max(by_id), kind=kind):
        if reading.account_id in by_id:
            reading.account = by_id[reading.account_id]
            found[reading.account_id, reading.wallet] = reading
    return found


def _never_read(accounts: list[ExchangeAccount], kind: SyncKind, stored: Wallets) -> Wallets:
    """Every other wallet that the catalogue says is read, as a reading that found nothing."""
    return {
        (account.pk, read.wallet): WalletReading.never_read(account, kind, read.wallet)
        for account in accounts
        for read in account.reads(kind)
        if (account.pk, read.wallet) not in stored
    }
