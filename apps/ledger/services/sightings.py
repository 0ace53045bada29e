"""What an account has had to do with: it says in which markets to ask for what happened, and when to ask again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from alphapulse.exchanges.expected import is_hint, names_in
from apps.ledger.models import HistoryCursor, HistoryStatus, Sighting
from apps.ledger.services.readings import Change

# Currencies and symbols, by account and wallet.
Seen = Mapping[tuple[int, str], set[str]]


def follow_changes(changes: Iterable[Change], now: datetime) -> None:
    """What is new in an account was seen there; in which markets may it have moved?"""
    new: dict[tuple[int, str], set[str]] = defaultdict(set)
    moved: dict[int, set[str]] = defaultdict(set)
    for change in changes:
        # A key begins with the currency, or the symbol.
        name = change.key.partition(" ")[0]
        moved[change.account_id].add(name)
        if change.before is None:
            new[change.account_id, change.wallet].add(name)
    note(new)
    _hint(moved, now)


def note(seen: Seen) -> None:
    """Remembers them. What is known already costs a look."""
    named = {(*where, name) for where, names in seen.items() for each in names for name in names_in(each)}
    if not named:
        return
    accounts = {account_id for account_id, _ in seen}
    known = Sighting.objects.filter(account__in=accounts).values_list("account", "wallet", "name")
    Sighting.objects.bulk_create(
        [
            Sighting(account_id=account_id, wallet=wallet, name=name[:100])
            for account_id, wallet, name in sorted(named.difference(known))
        ],
        ignore_conflicts=True,
    )


def unfollowed(accounts: Iterable[int]) -> set[int]:
    """Those of these accounts that have seen what nobody has made cursors for yet."""
    rows = Sighting.objects.filter(account__in=accounts, is_followed=False)
    return set(rows.order_by().values_list("account", flat=True).distinct())


def _hint(moved: Mapping[int, set[str]], now: datetime) -> None:
    """The markets that have caught up and would be left alone for a day are looked at next."""
    for account_id, names in moved.items():
        rows = HistoryCursor.objects.filter(account=account_id, status=HistoryStatus.OK).exclude(symbol="")
        hinted = [pk for pk, symbol in rows.values_list("pk", "symbol") if is_hint(symbol, names)]
        # In one order, as those who move them lock them.
        locked = HistoryCursor.objects.filter(pk__in=hinted).order_by("pk").select_for_update()
        HistoryCursor.objects.filter(pk__in=[row.pk for row in locked]).update(hinted_at=now, due_at=now)
