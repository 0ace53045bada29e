"""The European Central Bank's daily reference rates: what one euro costs, from its XML or its CSV. Pure.

https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml, and the file in eurofxref.zip.
"""

import csv
import re
from datetime import date, datetime
from decimal import Decimal

from alphapulse.money import NotMoney, to_decimal

SOURCE = "ecb"
BASE = "EUR"

_DAY = re.compile(r"""time=["'](\d{4}-\d\d-\d\d)["']""")
_RATE = re.compile(r"""currency=["']([A-Z]{3})["']\s+rate=["']([0-9.]+)["']""")


def daily_rates(text: str) -> tuple[date, dict[str, Decimal]]:
    """The newest day that the file tells, and what one euro cost then.

    Raises ValueError for what is no such file, and for one that was cut off: its last number would be another.
    """
    day, rates = _from_xml(text) if text.lstrip("\ufeff \r\n").startswith("<") else _from_csv(text)
    if not rates:
        raise ValueError("this is not the ECB's file of daily reference rates: it names no rate")
    try:
        return day, {currency: _rate(rate) for currency, rate in rates.items()}
    except NotMoney as problem:
        raise ValueError(f"this is not the ECB's file of daily reference rates: {problem}") from None


def _rate(text: str) -> Decimal:
    rate = to_decimal(text)
    if rate <= 0:
        raise ValueError(f"a rate of {text} is none")
    return rate


def _from_xml(text: str) -> tuple[date, dict[str, str]]:
    if not text.rstrip().endswith("Envelope>"):
        raise ValueError("this is not the whole of the ECB's file of daily reference rates: it has no end")
    # Read by its attributes alone: so no entity is ever resolved. Longer files tell earlier days after the newest.
    days = list(_DAY.finditer(text))
    if not days:
        raise ValueError("this is not the ECB's file of daily reference rates: it names no day")
    newest = max(days, key=lambda found: found[1])
    later = [found.start() for found in days if found.start() > newest.start()]
    part = text[newest.start() : min(later, default=len(text))]
    return date.fromisoformat(newest[1]), dict(_RATE.findall(part))


def _from_csv(text: str) -> tuple[date, dict[str, str]]:
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.lstrip("\ufeff").splitlines()) if row]
    if len(rows) < 2 or rows[0][0] != "Date":
        raise ValueError("this is not the ECB's file of daily reference rates: its first line does not begin with Date")
    if any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("this is not the whole of the ECB's file of daily reference rates: a line has no end")
    day, values = max((_day(row[0]), row[1:]) for row in rows[1:])
    named = zip(rows[0][1:], values, strict=True)
    return day, {currency: rate for currency, rate in named if currency and rate not in ("", "N/A")}


def _day(text: str) -> date:
    """`20 November 2026`, as the daily file has it, or `2026-11-20`, as the long one."""
    for form in ("%Y-%m-%d", "%d %B %Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  (a day has no zone)
        except ValueError:
            continue
    raise ValueError(f"this is not the ECB's file of daily reference rates: {text!r} is no day")
