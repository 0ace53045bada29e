"""Books as a row keeps them, and as they are read again: JSON with amounts as plain text."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from alphapulse.money import plain
from alphapulse.portfolio.bookings import Why
from alphapulse.portfolio.books import Books, Held, Item
from alphapulse.portfolio.happened import Happened
from alphapulse.portfolio.worths import Valued

# Of what has no price, or came from nowhere: enough to look for it.
NAMED = 50
_OUTSIDE = (Why.DEPOSIT, Why.WITHDRAWAL, Why.OWN)


class Line(NamedTuple):
    day: date
    account: int
    asset: str
    item: Item
    amount: Decimal
    value: Decimal


class Flow(NamedTuple):
    """What came into an account from outside it, or left it; `is_own`: from or to another account of ours."""

    at: datetime
    account: int
    asset: str
    amount: Decimal
    value: Decimal | None
    is_own: bool


class Named(NamedTuple):
    at: datetime
    account: int
    asset: str
    amount: Decimal
    why: str
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    lines: list[Line]
    moved: dict[tuple[int, str], Decimal]
    held: dict[str, Held]
    flows: list[Flow]
    positions: dict[tuple[int, str], Decimal]
    # Of each account, asset and reason how many, and the first of all.
    gaps: dict[tuple[int, str, str], int]
    first_gaps: list[Named]
    sources: dict[str, int]
    own_transfers: int
    bookings: int
    first_at: datetime | None
    last_at: datetime | None


def written(
    books: Books, found: Happened, valued: Iterable[Valued], flows: Iterable[Flow], sources: Counter[str]
) -> Any:
    times = [each.booking.at for each in valued]
    gaps = Counter((gap.account, gap.asset, gap.missing.value) for gap in books.gaps)
    return {
        "lines": [[key.day.isoformat(), *key[1:], *map(plain, line)] for key, line in sorted(books.lines.items())],
        "moved": [[*where, plain(amount)] for where, amount in sorted(books.moved.items())],
        "held": [
            [asset, plain(held.amount), plain(held.cost), plain(held.without_cost)]
            for asset, held in sorted(books.held.items())
        ],
        "flows": [_flow(flow) for flow in flows],
        "positions": [[*where, plain(amount)] for where, amount in sorted(found.positions.items())],
        "gaps": [[*key, count] for key, count in sorted(gaps.items())],
        "first_gaps": [
            [gap.at.isoformat(), gap.account, gap.asset, plain(gap.amount), gap.why, gap.missing]
            for gap in books.gaps[:NAMED]
        ],
        "sources": dict(sources.most_common()),
        "own_transfers": len(found.own),
        "bookings": len(times),
        "first_at": times[0].isoformat() if times else None,
        "last_at": times[-1].isoformat() if times else None,
    }


def _flow(flow: Flow) -> list[Any]:
    value = None if flow.value is None else plain(flow.value)
    return [flow.at.isoformat(), flow.account, flow.asset, plain(flow.amount), value, flow.is_own]


def read(content: Mapping[str, Any]) -> Content:
    return Content(
        lines=[_line(*row) for row in content["lines"]],
        moved={(account, asset): Decimal(amount) for account, asset, amount in content["moved"]},
        held={asset: Held(*map(Decimal, amounts)) for asset, *amounts in content["held"]},
        flows=[_read_flow(*row) for row in content["flows"]],
        positions={(account, symbol): Decimal(amount) for account, symbol, amount in content["positions"]},
        gaps={(account, asset, missing): count for account, asset, missing, count in content["gaps"]},
        first_gaps=[_gap(*row) for row in content["first_gaps"]],
        sources=content["sources"],
        own_transfers=content["own_transfers"],
        bookings=content["bookings"],
        first_at=_time(content["first_at"]),
        last_at=_time(content["last_at"]),
    )


def _line(day: str, account: int, asset: str, item: str, amount: str, value: str) -> Line:
    return Line(date.fromisoformat(day), account, asset, Item(item), Decimal(amount), Decimal(value))


def _read_flow(at: str, account: int, asset: str, amount: str, value: str | None, is_own: bool) -> Flow:
    worth = None if value is None else Decimal(value)
    return Flow(datetime.fromisoformat(at), account, asset, Decimal(amount), worth, is_own)


def _gap(at: str, account: int, asset: str, amount: str, why: str, missing: str) -> Named:
    return Named(datetime.fromisoformat(at), account, asset, Decimal(amount), why, missing)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def flows_of(valued: Iterable[Valued], own: Mapping[tuple[str, datetime], Decimal | None]) -> list[Flow]:
    """`own`: what one of an asset was worth when it went from one account of ours to another."""
    flows = []
    for each in valued:
        booking = each.booking
        if booking.why not in _OUTSIDE:
            continue
        [move], [value] = booking.moves, each.values
        is_own = booking.why is Why.OWN
        if is_own:
            price = own[move.asset, booking.at]
            value = None if price is None else abs(price * move.amount)
        signed = None if value is None else value.copy_sign(move.amount)
        flows.append(Flow(booking.at, booking.account, move.asset, move.amount, signed, is_own))
    return flows
