"""When an exchange wants to be asked again: by its headers, and by what its answers say."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from alphapulse.exchanges.ccxt.answer import Answer

_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
_THROTTLED_UNTIL = re.compile(r"EService:Throttled: ?(\d{10})")
# Milliseconds since 1970 at which the exchange's counter starts anew.
_RESET_HEADERS = ("x-bapi-limit-reset-timestamp",)
_MILLISECONDS_LEFT_HEADERS = ("gw-ratelimit-reset",)
_RESET_SECONDS_HEADERS = ("x-gate-ratelimit-reset-timestamp",)
# As long as any exchange bans for: a mistake in an answer must not silence an exchange for a year.
_LONGEST_WAIT = timedelta(days=3)
_LONGEST_PAUSE = timedelta(hours=1)


def named_wait(answer: Answer, *, now: datetime, offset: timedelta) -> datetime | None:
    """Until when the exchange told us to stay away, by our clock; the latest where it says so twice."""
    waits = [min(wait, now + _LONGEST_WAIT) for wait in _waits(answer, now=now, offset=offset) if wait > now]
    return max(waits, default=None)


def pause(answer: Answer | None, *, now: datetime, offset: timedelta) -> datetime | None:
    """When an exchange that has troubles of its own wants to be asked again."""
    waits = [wait for wait in _retry_after(answer, now=now, offset=offset) if wait > now] if answer is not None else []
    return min(waits[0], now + _LONGEST_PAUSE) if waits else None


def _retry_after(answer: Answer, *, now: datetime, offset: timedelta) -> Iterable[datetime]:
    retry_after = answer.header("retry-after")
    if retry_after.isdigit():
        yield now + timedelta(seconds=min(int(retry_after), _LONGEST_WAIT.total_seconds()))
    elif retry_after:
        with suppress(ValueError):  # neither of its two forms
            yield parsedate_to_datetime(retry_after).astimezone(UTC) - offset


def _waits(answer: Answer, *, now: datetime, offset: timedelta) -> Iterable[datetime]:
    yield from _retry_after(answer, now=now, offset=offset)
    for name in _MILLISECONDS_LEFT_HEADERS:
        if (left := answer.header(name)).isdigit():
            yield now + timedelta(milliseconds=min(int(left), _LONGEST_WAIT.total_seconds() * 1000))
    moments = [(text, 1000) for text in _BANNED_UNTIL.findall(answer.text)]
    moments += [(text, 1) for text in _THROTTLED_UNTIL.findall(answer.text)]
    moments += [(answer.header(name), 1000) for name in _RESET_HEADERS]
    moments += [(answer.header(name), 1) for name in _RESET_SECONDS_HEADERS]
    for text, per_second in moments:
        if text.isdigit() and int(text) / per_second < 32503680000:
            yield datetime.fromtimestamp(int(text) / per_second, UTC) - offset
