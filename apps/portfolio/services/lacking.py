"""What accounts' equities are without. When it becomes known it counts from the first look that lacked it.

`AccountWorth.lacks` tells it by name: an asset that has no price (with its amount), a position that does not say what
it earned, a wallet that was never read, and one whose rows are of earlier (they count; others may show what left it).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q

from alphapulse.money import ZERO, plain, subtract
from alphapulse.portfolio.lots import EXACT
from alphapulse.portfolio.prices import Price
from alphapulse.portfolio.valuation import Line, summed, worth_of
from apps.ledger.models import WalletReading
from apps.portfolio.models import AccountWorth, Snapshot, WalletFlow

# For so long what is lacking is merely late; then the account is what is known of it.
LATE = timedelta(hours=1)
# What is known of an account that lately lacks something moved by more than this, at the same prices: by what it lacks.
MOVED = Decimal("0.02")
CHUNK = 500
# Of a wallet: it was never read, or what there is of it is of earlier.
UNREAD, NEWER = "unread ", "newer "
POSITIONS = "positions"

Amounts = dict[str, Decimal | None]
Lacks = Mapping[int, Amounts]
# What one of an asset is worth to an account.
Book = Callable[[int, str], Price | None]


def lacks_of(missing: Iterable[WalletReading], lines: Iterable[Line]) -> dict[int, Amounts]:
    """By account, what is lacking, with its amount where that is known."""
    found: dict[int, Amounts] = {}
    for line in lines:
        if line.value is None:
            mine = found.setdefault(line.holding.account_id, {})
            _add(mine, line.holding.asset if line.holding.amount is not None else line.holding.symbol, line)
    for reading in missing:
        name = (NEWER if reading.as_of else UNREAD) + wallet_name(reading.kind, reading.wallet)
        found.setdefault(reading.account_id, {})[name] = None
    return found


def _add(mine: Amounts, name: str, line: Line) -> None:
    amount = line.holding.amount
    mine[name] = None if amount is None else EXACT.add(mine.get(name) or ZERO, amount)


def wallet_name(kind: str, wallet: str) -> str:
    return f"{kind} of {wallet}"


def wallet_of(line: Line) -> str:
    return wallet_name(POSITIONS if line.holding.symbol else "balances", line.holding.wallet)


# --- As a row keeps it ----------------------------------------------------------------------------------------------


def kept(mine: Amounts, before: AccountWorth | None, before_at: datetime | None, now: datetime) -> dict[str, Any]:
    """With since when the curve has missed it: null where the account came into the curve without it."""
    known = before.lacks if before else {}
    if any(name.startswith(NEWER) and name not in mine for name in known):
        # One wallet came back before the others: what was moved meanwhile shows in it alone.
        known = {name: each for name, each in known.items() if not name.startswith(NEWER)}
    began = before_at if is_in_curve(before) else None
    return {
        name: {
            "amount": None if amount is None else plain(amount),
            "since": known[name]["since"] if name in known else _since(name, began, now),
        }
        for name, amount in sorted(mine.items())
    }


def _since(name: str, began: datetime | None, now: datetime) -> str | None:
    since = began or (now if name.startswith(NEWER) else None)
    return since.isoformat() if since else None


def is_in_curve(worth: AccountWorth | None) -> bool:
    """Whether the curve counted it, then or earlier: all that it had may be what nobody prices by now."""
    if worth is None or worth.equity is not None or worth.is_in_doubt:
        return worth is not None
    return any(each["since"] for name, each in worth.lacks.items() if not name.startswith(NEWER))


def waiting(lacks: Lacks, before: Mapping[int, AccountWorth], now: datetime) -> set[int]:
    """Accounts that come into the curve later: when all of their wallets have been read, or do not come for an hour."""
    partly = [account for account, mine in lacks.items() if any(name.startswith(UNREAD) for name in mine)]
    new = [account for account in partly if not is_in_curve(before.get(account))]
    if not new:
        return set()
    looks = AccountWorth.objects.filter(account__in=new, snapshot__taken_at__lte=now - LATE)
    return set(new) - set(looks.values_list("account", flat=True).distinct())


def is_in_doubt(
    lacks: Mapping[str, Any],
    before: AccountWorth | None,
    lines: Sequence[Line],
    wallets: Collection[str],
    prices: Mapping[str, Decimal],
    now: datetime,
) -> bool:
    """Does it lately lack something, and has what is known of it moved since, at `prices` of the look before?

    `wallets`: those that count now.
    """
    since = [datetime.fromisoformat(each["since"]) for each in lacks.values() if each["since"]]
    if before is None or not any(now - at < LATE for at in since):
        return False
    # What positions earn moves with the prices of now, also while they are not read.
    same = {wallet for wallet in wallets if not (wallet.startswith(POSITIONS) and NEWER + wallet in lacks)}
    return before.is_in_doubt or (before.equity is not None and _moved(before, lines, same, prices))


def _moved(
    before: AccountWorth, lines: Sequence[Line], wallets: Collection[str], prices: Mapping[str, Decimal]
) -> bool:
    """Of the wallets that counted then and count now."""
    worth = before.equity
    if before.wallets is not None:
        same = before.wallets.keys() & wallets
        worth = summed(Decimal(before.wallets[wallet]["worth"]) for wallet in same)
        lines = [line for line in lines if wallet_of(line) in same]
    then = summed(value for line in lines if (value := _then(line, prices)) is not None)
    return abs(subtract(then, worth)) > EXACT.multiply(abs(before.equity), MOVED)


def _then(line: Line, prices: Mapping[str, Decimal]) -> Decimal | None:
    price = prices.get(line.holding.asset)
    return line.value if price is None else worth_of(line.holding.amount, Price(value=price))


# --- What has become known ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """`price`: of one of what was lacking; None: `value` is all of it. `without`: what it has that has no price yet."""

    price: Decimal | None = None
    value: Decimal = ZERO
    without: Amounts = field(default_factory=dict)


def fill_in(before: Mapping[int, AccountWorth], lacks: Lacks, lines: Mapping[int, Sequence[Line]], book: Book) -> bool:
    """Adds what has become known to all looks that lacked it, as it was worth first. Was there anything?"""
    came = {
        account: mine
        for account, worth in before.items()
        if (mine := dict(_came(worth, lacks.get(account, {}), lines.get(account, ()), book)))
    }
    if not came:
        return False
    wanted = Q()
    for account, mine in came.items():
        wanted |= Q(account=account, lacks__has_any_keys=list(mine))
    changed, more = [], defaultdict(list)
    for row in AccountWorth.objects.filter(wanted).iterator(chunk_size=CHUNK):
        changed.append(row)
        if (added := _filled(row, came[row.account_id])) is not None:
            more[row.snapshot_id].append(added)
    AccountWorth.objects.bulk_update(changed, ["equity", "lacks"], batch_size=CHUNK)
    newest = [row for row in changed if row.wallets is not None]
    AccountWorth.objects.bulk_update(newest, ["wallets"], batch_size=CHUNK)
    _add_up(more)
    _fill_flows(wanted, came)
    return True


def _came(worth: AccountWorth, lacks: Amounts, lines: Sequence[Line], book: Book) -> Iterator[tuple[str, Came]]:
    for name, lacked in worth.lacks.items():
        if name in lacks or name.startswith(NEWER):
            continue
        if lacked["amount"] is None:
            mine = [line for line in lines if name in (line.holding.symbol, UNREAD + wallet_of(line))]
            known = summed(line.value for line in mine if line.value is not None)
            yield name, Came(value=known, without=lacks_of((), mine).get(worth.account_id, {}))
        elif price := book(worth.account_id, name):
            yield name, Came(price=price.value)


def _filled(row: AccountWorth, came: Mapping[str, Came]) -> Decimal | None:
    """Changes the row; returns what its equity has more. None: the curve does not count it there."""
    is_counted, more = is_in_curve(row) and not row.is_in_doubt, []
    for name in came.keys() & row.lacks.keys():
        lacked, known = row.lacks.pop(name), came[name]
        more.append(_more(known, lacked["amount"]))
        for each, amount in known.without.items():
            # Some of it may be lacking already: in another wallet.
            there = row.lacks.setdefault(each, {"amount": "0", "since": lacked["since"]})
            there["amount"] = _both(there["amount"], amount)
    for part in (row.wallets or {}).values():
        _fill_part(part, came)
    if not is_counted:
        return None
    row.equity = summed([row.equity or ZERO, *more])
    return summed(more)


def _both(there: str | None, amount: Decimal | None) -> str | None:
    return None if there is None or amount is None else plain(EXACT.add(Decimal(there), amount))


def _more(known: Came, amount: str | None) -> Decimal:
    if known.price is None or amount is None:
        return known.value
    return worth_of(Decimal(amount), Price(value=known.price)) or ZERO


def _fill_part(part: dict[str, Any], came: Mapping[str, Came]) -> None:
    """The same of a wallet, as `services.wallets` writes it."""
    for name in came.keys() & part["lacks"].keys():
        known = came[name]
        part["worth"] = plain(summed([Decimal(part["worth"]), _more(known, part["lacks"].pop(name))]))
        for each, amount in known.without.items():
            part["lacks"].setdefault(each, amount and plain(amount))


def _fill_flows(wanted: Q, came: Mapping[int, Mapping[str, Came]]) -> None:
    """What came into the curve, or left it, without that."""
    flows = list(WalletFlow.objects.filter(wanted))
    for flow in flows:
        part = {"worth": plain(flow.worth), "lacks": flow.lacks}
        _fill_part(part, came[flow.account_id])
        flow.worth = Decimal(part["worth"])
    WalletFlow.objects.bulk_update(flows, ["worth", "lacks"], batch_size=CHUNK)


def _add_up(more: Mapping[int, Sequence[Decimal]]) -> None:
    """Into the snapshots' equities; one of which a part is in doubt stays without."""
    doubted = AccountWorth.objects.filter(snapshot=OuterRef("pk"), is_in_doubt=True)
    # A purge may be taking something out of them.
    rows = Snapshot.objects.filter(~Exists(doubted), pk__in=more).order_by("pk").select_for_update(of=("self",))
    changed = list(rows)
    for snapshot in changed:
        snapshot.equity = summed([snapshot.equity or ZERO, *more[snapshot.pk]])
    Snapshot.objects.bulk_update(changed, ["equity"], batch_size=CHUNK)
