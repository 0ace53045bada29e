"""Which wallets stand behind an answer: unknown is not zero, so what could not be read is named."""

from collections.abc import Mapping, Sequence

from alphapulse.types import SyncKind
from apps.core.problems import BadParameter
from apps.exchanges.models import ExchangeAccount, ExchangeAccountQuerySet
from apps.ledger.models import WalletReading
from apps.ledger.services.wallets import readings_of
from apps.users.models import User


def wallets_behind(user: User, kind: SyncKind, asked: Mapping[str, str]) -> list[WalletReading]:
    """The readings of the user's accounts that were asked for; unsaved ones for what has never been read.

    `asked` may hold account (id or label), exchange_id, environment and wallet. Raises BadParameter.
    """
    readings = readings_of(accounts_asked(user, asked), [kind])
    wallets = {reading.wallet for reading in readings}
    if wallets and asked.get("wallet", next(iter(wallets))) not in wallets:
        raise BadParameter("wallet", f"no such wallet among these accounts; there are {', '.join(sorted(wallets))}.")
    return [reading for reading in readings if asked.get("wallet", reading.wallet) == reading.wallet]


def accounts_asked(user: User, asked: Mapping[str, str], *, without: Sequence[str] = ()) -> list[ExchangeAccount]:
    """The user's accounts that were asked for, by account (id or label), exchange_id and environment.

    `without`: columns that the caller does not look at. Raises BadParameter.
    """
    accounts = ExchangeAccount.objects.visible_to(user)
    if "account" in asked:
        accounts = _named(accounts, asked["account"])
    found = list(accounts.defer(*without).order_by("pk"))
    exchange_id = asked.get("exchange_id")
    if exchange_id and exchange_id not in {account.exchange_id for account in found}:
        raise BadParameter("exchange_id", f"none of your accounts is at {exchange_id!r}.")
    return [
        account
        for account in found
        if exchange_id in (None, account.exchange_id)
        and asked.get("environment", account.environment) == account.environment
    ]


def _named(accounts: ExchangeAccountQuerySet, label_or_id: str) -> ExchangeAccountQuerySet:
    if len(label_or_id) > 80:
        raise BadParameter("account", "expected an account's id or label.")
    found = accounts.named(label_or_id)
    if not found.exists():
        raise BadParameter("account", f"no account of yours has the id or label {label_or_id!r}.")
    return found
