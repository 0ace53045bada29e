"""Durations and distances in time, for people."""

import re
from datetime import UTC, datetime, timedelta


def in_words(duration: timedelta) -> str:
    """To two units: people compare these, they do not calculate with them."""
    seconds = int(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_SAID = re.compile(r"(\d{1,6}) ?(s|min|h|d)")


def from_words(text: str) -> timedelta | None:
    """`10s`, `5 min`, `2 h`, `1 d`; None for anything else."""
    said = _SAID.fullmatch(text.strip())
    return timedelta(seconds=int(said[1]) * _UNITS[said[2]]) if said else None


def ago(moment: datetime | None, now: datetime) -> str:
    """`12 s ago`, `3 h 20 min ago`, `in 5 s`, `never`."""
    if moment is None:
        return "never"
    age = now - moment
    return f"in {in_words(-age)}" if age < timedelta(0) else f"{in_words(age)} ago"


def utc(moment: datetime) -> str:
    """`2026-11-21 12:00:00 UTC`"""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


# Milliseconds since 1970, from 2020 to 2033: exchanges name their bans' ends so.
_MILLISECONDS = re.compile(r"\b1[6-9]\d{11}\b")


def with_readable_times(text: str) -> str:
    """`banned until 1795239392453` says nothing to people."""
    return _MILLISECONDS.sub(lambda found: utc(datetime.fromtimestamp(int(found[0]) / 1000, UTC)), text)


def counted(number: int, noun: str) -> str:
    """`1 account`, `2 accounts`"""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
