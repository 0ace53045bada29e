"""Books as a row keeps them, and as they are read again: JSON with amounts as plain text.

In three columns, for nobody reads them all: what is told whatever is asked for (`content`), what each day brought and
missed (`days`), and what came and went (`flows`).
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from alphapulse.money import plain
from alphapulse.portfolio.bookings import Why
from alphapulse.portfolio.books import Books, Held, Item
from alphapulse.portfolio.books import Gap as Missed
from alphapulse.portfolio.happened import Happened
from alphapulse.portfolio.lots import EXACT
from alphapulse.portfolio.worths import Valued
from apps.portfolio.models import Statement

_OUTSIDE = (Why.DEPOSIT, Why.WITHDRAWAL, Why.OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """`since` and `until` (exclusive) are days of UTC; None: from the first, to the last. No accounts: all of them."""

    accounts: frozenset[int] = frozenset()
    asset: str = ""
    since: date | None = None
    until: date | None = None

    def of(self, account: int, asset: str) -> bool:
        return (not self.accounts or account in self.accounts) and self.asset in ("", asset)

    def part(self, days: Sequence[int]) -> slice:
        """Of days in their order."""
        begin = bisect_left(days, self.since.toordinal()) if self.since else 0
        return slice(begin, bisect_left(days, self.until.toordinal()) if self.until else len(days))


class Line(NamedTuple):
    """What an item came to for an account's asset, by day (`date.toordinal`), oldest first."""

    account: int
    asset: str
    item: Item
    days: Sequence[int]
    values: Sequence[Decimal]


class Flow(NamedTuple):
    """What came into an account from outside it, or left it; `is_own`: from or to another account of ours."""

    at: datetime
    account: int
    asset: str
    amount: Decimal
    value: Decimal | None
    is_own: bool


class Gap(NamedTuple):
    """What is in no sum of a day, for one reason: `count` times, `amount` of it together, first in that second."""

    at: datetime
    account: int
    asset: str
    why: str
    missing: str
    amount: Decimal
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`gaps`: how many there are."""

    moved: dict[tuple[int, str], Decimal]
    held: dict[str, Held]
    positions: dict[tuple[int, str], Decimal]
    gaps: int
    sources: dict[str, int]
    own_transfers: int
    bookings: int
    first_at: datetime | None
    last_at: datetime | None


# --- Written ----------------------------------------------------------------------------------------------------------


def written(
    books: Books, found: Happened, valued: Sequence[Valued], flows: Iterable[Flow], sources: Counter[str]
) -> dict[str, Any]:
    """By column."""
    days = {"lines": list(_lines(books)), "gaps": list(_gaps(books.gaps))}
    content = {
        "moved": [[*where, plain(amount)] for where, amount in sorted(books.moved.items())],
        "held": [
            [asset, plain(held.amount), plain(held.cost), plain(held.without_cost)]
            for asset, held in sorted(books.held.items())
        ],
        "positions": [[*where, plain(amount)] for where, amount in sorted(found.positions.items())],
        "gaps": len(books.gaps),
        "sources": dict(sources.most_common()),
        "own_transfers": len(found.own),
        "bookings": len(valued),
        "first_at": valued[0].booking.at.isoformat() if valued else None,
        "last_at": valued[-1].booking.at.isoformat() if valued else None,
    }
    return {"content": content, "days": _text(days), "flows": _text([_flow(flow) for flow in flows])}


def _text(told: Any) -> str:
    return orjson.dumps(told).decode()


def _lines(books: Books) -> Iterator[list[Any]]:
    """By account, asset and item: the days, and beside them the values."""
    groups: defaultdict[tuple[int, str, Item], list[tuple[int, str]]] = defaultdict(list)
    for key, line in books.lines.items():
        groups[key.account, key.asset, key.item].append((key.day.toordinal(), plain(line.value)))
    for name, values in sorted(groups.items()):
        yield [*name, *map(list, zip(*sorted(values), strict=True))]


def _gaps(missed: Iterable[Missed]) -> Iterator[list[Any]]:
    """By account, asset and reason: the days, and beside them when it was first, how much, and how often."""
    groups: defaultdict[tuple[int, str, str, str], dict[int, list[Any]]] = defaultdict(dict)
    for gap in missed:
        of_days = groups[gap.account, gap.asset, gap.why.value, gap.missing.value]
        at, amount, count = of_days.get(gap.at.toordinal(), (gap.at, Decimal(0), 0))
        of_days[gap.at.toordinal()] = [at, EXACT.add(amount, gap.amount), count + 1]
    for name, of_days in sorted(groups.items()):
        days = sorted(of_days)
        yield [*name, days, [_missed(*of_days[day]) for day in days]]


def _missed(at: datetime, amount: Decimal, count: int) -> tuple[int, str, int]:
    """The time as seconds of its day: where nothing has a price there are as many as lines."""
    return (at.hour * 60 + at.minute) * 60 + at.second, plain(amount), count


def _flow(flow: Flow) -> list[Any]:
    value = None if flow.value is None else plain(flow.value)
    return [flow.at.isoformat(), flow.account, flow.asset, plain(flow.amount), value, flow.is_own]


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


# --- Read -------------------------------------------------------------------------------------------------------------


def read(statement: Statement) -> Content:
    """Of one that has been calculated, as the other two are."""
    content: Mapping[str, Any] = statement.content
    return Content(
        moved={(account, asset): Decimal(amount) for account, asset, amount in content["moved"]},
        held={asset: Held(*map(Decimal, amounts)) for asset, *amounts in content["held"]},
        positions={(account, symbol): Decimal(amount) for account, symbol, amount in content["positions"]},
        gaps=content["gaps"],
        sources=content["sources"],
        own_transfers=content["own_transfers"],
        bookings=content["bookings"],
        first_at=_time(content["first_at"]),
        last_at=_time(content["last_at"]),
    )


def read_days(statement: Statement, asked: Span) -> tuple[list[Line], list[Gap]]:
    """What is asked for alone; gaps in their order of time."""
    told = orjson.loads(statement.days)
    gaps = [gap for row in told["gaps"] if asked.of(*row[:2]) for gap in _read_gaps(asked, *row)]
    lines = [_read_line(asked, *row) for row in told["lines"] if asked.of(*row[:2])]
    return [line for line in lines if line.days], sorted(gaps)


def _read_line(asked: Span, account: int, asset: str, item: str, days: list[int], values: list[str]) -> Line:
    part = asked.part(days)
    return Line(account, asset, Item(item), days[part], list(map(Decimal, values[part])))


def _read_gaps(
    asked: Span, account: int, asset: str, why: str, missing: str, days: list[int], told: list[Any]
) -> Iterator[Gap]:
    part = asked.part(days)
    for day, (seconds, amount, count) in zip(days[part], told[part], strict=True):
        at = datetime.combine(date.fromordinal(day), time(tzinfo=UTC)) + timedelta(seconds=seconds)
        yield Gap(at, account, asset, why, missing, Decimal(amount), count)


def read_flows(statement: Statement) -> list[Flow]:
    return [_read_flow(*row) for row in orjson.loads(statement.flows)]


def _read_flow(at: str, account: int, asset: str, amount: str, value: str | None, is_own: bool) -> Flow:
    worth = None if value is None else Decimal(value)
    return Flow(datetime.fromisoformat(at), account, asset, Decimal(amount), worth, is_own)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
