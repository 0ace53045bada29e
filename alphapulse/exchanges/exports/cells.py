"""What a cell's text means: an amount, an amount with its currency, a time. Raises ValueError, in words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from alphapulse.money import to_decimal

# How exchanges write that there is nothing.
NOTHING = frozenset({"", "-", "--"})

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_WITH_UNIT = re.compile(r"([+-]?[\d.,]*\d\.?(?:[eE][+-]?\d+)?)\s*([^\s\d.,+-].*|)")
_DATE_FIRST = re.compile(
    r"(?P<year>\d{4}|\d{2})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})[ T]+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})(\.(?P<fraction>\d+))?)?"
    r"\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2}|)"
)
_TIME_FIRST = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2}))?\s+(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
)
# (UTC), (UTC+8), (UTC+05:30), and (UTC--6) of Binance's file names; (UTCnull) has been seen too.
_ZONE = re.compile(r"\(UTC(?:null|-?(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?)?\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a file writes numbers. Between columns a comma is no doubt; with `;` it may be the decimal mark."""

    has_decimal_comma: bool = False
    is_comma_unclear: bool = False

    def amount(self, text: str) -> Decimal:
        """`1,234.50` and, where commas are decimal marks, `1.234,50`. Raises ValueError (NotMoney is one)."""
        return to_decimal(self._plain(text.strip()))

    def _plain(self, text: str) -> str:
        if "," not in text:
            return text
        if self.has_decimal_comma:
            return text.replace(".", "").replace(",", ".")
        if not _THOUSANDS.fullmatch(text):
            raise ValueError(f"{text!r} is not an amount (commas are read as thousands separators{self._advice}).")
        if self.is_comma_unclear and "." not in text:
            raise ValueError(f"{text!r} may be a thousand or a fraction{self._advice}.")
        return text.replace(",", "")

    @property
    def _advice(self) -> str:
        return "; say --decimal-comma if they are decimal marks" if self.is_comma_unclear else ""

    def with_unit(self, text: str, units: Iterable[str] = ()) -> tuple[Decimal, str]:
        """`0.5BTC` and `0.5 BTC`; the unit may be empty. `units` are the likely ones: some begin with a digit."""
        text = text.strip()
        for unit in sorted(units, key=len, reverse=True):
            number = text.removesuffix(unit).strip() if unit else text
            if number != text and number and (number[-1].isdigit() or number[-1] == "."):
                return self.amount(number), unit
        if not (found := _WITH_UNIT.fullmatch(text)):
            raise ValueError(f"{text!r} is not an amount with its currency.")
        return self.amount(found[1]), found[2].strip()


def is_nothing(text: str) -> bool:
    return text.strip() in NOTHING


def moment(text: str, zone: timezone | None) -> datetime:
    """Year first (`2026-09-22 19:11:48`, `26-09-22 ...`), or time first (`19:11 2026-09-22`); an own offset wins.

    Aware UTC. `zone` None: only times that name their offset are times.
    """
    found = _DATE_FIRST.fullmatch(text.strip()) or _TIME_FIRST.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a time like 2026-09-22 19:11:48.")
    parts = found.groupdict()
    own = _own_zone(parts.get("zone") or "")
    if own is None and zone is None:
        raise ValueError(f"{text!r} does not say in which time zone it is.")
    month, day, hour, minute, second = (int(parts[n] or 0) for n in ("month", "day", "hour", "minute", "second"))
    fraction = int((parts.get("fraction") or "0")[:6].ljust(6, "0"))
    local = datetime(_year(parts["year"]), month, day, hour, minute, second, fraction, own or zone)
    return local.astimezone(UTC)


def zone_in(text: str) -> timezone | None:
    """The time zone that a column's or a file's name tells: `Date(UTC+8)`, `History(UTC--6).csv`."""
    if not (found := _ZONE.search(text)):
        return None
    if not found["sign"]:
        return UTC
    return _zone(found["sign"], int(found["hours"]), int(found["minutes"] or 0))


def offset(text: str) -> timezone:
    """`+01:00`, `-6`, `UTC`: as people type it. Raises ValueError."""
    found = zone_in(f"(UTC{'' if text.upper() in ('UTC', 'Z', '0') else text})")
    if found is None:
        raise ValueError(f"{text!r} is not an offset like +01:00.")
    return found


def without_zone(name: str) -> str:
    return _ZONE.sub("", name)


def _own_zone(text: str) -> timezone | None:
    if not text:
        return None
    return UTC if text in ("Z", "UTC") else _zone(text[0], int(text[1:3]), int(text[-2:]))


def _zone(sign: str, hours: int, minutes: int) -> timezone:
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if sign == "-" else size)


def _year(text: str) -> int:
    return int(text) + 2000 if len(text) == 2 else int(text)
