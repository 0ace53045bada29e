"""Which wallets an account counts: one that comes to count, or ceases to, is neither a gain nor a loss.

A key gets a right, or an owner chooses other wallets. A wallet that was counted and could not be read yet is another
matter: it was there all the time (`services.lacking`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from alphapulse.money import plain
from alphapulse.portfolio.valuation import Line, summed
from apps.ledger.models import WalletReading
from apps.ledger.services.wallets import Name
from apps.portfolio.models import AccountWorth, WalletFlow
from apps.portfolio.services.lacking import NEWER, is_in_curve, lacks_of, wallet_name, wallet_of

# By wallet: {"worth": "12.5", "lacks": {"NEW": "10"}}; an amount of null: it is not known.
Parts = dict[str, dict[str, Any]]


def parts_of(
    wallets: Iterable[Name], missing: Iterable[WalletReading], lines: Mapping[int, Sequence[Line]]
) -> dict[int, Parts]:
    """By account, what each of its wallets is worth, and what that is without."""
    unread: defaultdict[tuple[int, str], list[WalletReading]] = defaultdict(list)
    for reading in missing:
        unread[reading.account_id, wallet_name(reading.kind, reading.wallet)].append(reading)
    held: defaultdict[tuple[int, str], list[Line]] = defaultdict(list)
    for account, of_account in lines.items():
        for line in of_account:
            held[account, wallet_of(line)].append(line)
    found: defaultdict[int, Parts] = defaultdict(dict)
    for account, kind, wallet in sorted(wallets):
        where = account, wallet_name(kind, wallet)
        found[account][where[1]] = _part(held[where], unread[where], account)
    return found


def _part(lines: Sequence[Line], missing: Sequence[WalletReading], account: int) -> dict[str, Any]:
    lacks = lacks_of(missing, lines).get(account, {})
    return {
        "worth": plain(summed(line.value for line in lines if line.value is not None)),
        "lacks": {
            name: None if amount is None else plain(amount)
            for name, amount in lacks.items()
            if not name.startswith(NEWER)
        },
    }


def flows_between(before: Mapping[int, AccountWorth], now: Iterable[AccountWorth]) -> Iterator[WalletFlow]:
    """What came and left between two looks, not stored yet; of an account that the curve counted already."""
    for worth in now:
        known = before.get(worth.account_id)
        if known is None or known.wallets is None or not is_in_curve(known):
            continue
        for wallet in sorted(worth.wallets.keys() - known.wallets.keys()):
            yield from _flow(worth, wallet, worth.wallets[wallet])
        for wallet in sorted(known.wallets.keys() - worth.wallets.keys()):
            yield from _flow(worth, wallet, known.wallets[wallet], is_out=True)


def _flow(worth: AccountWorth, wallet: str, part: Mapping[str, Any], *, is_out: bool = False) -> Iterator[WalletFlow]:
    """None of what is empty."""
    value = Decimal(part["worth"])
    if value or part["lacks"]:
        yield WalletFlow(
            snapshot=worth.snapshot,
            account=worth.account,
            wallet=wallet,
            is_out=is_out,
            worth=value,
            lacks=part["lacks"],
        )
