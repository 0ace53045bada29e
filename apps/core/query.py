"""Query parameters, checked: a misspelt filter must not silently show everything, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from django.http import QueryDict

from apps.core.problems import BadParameter

PAGING = frozenset({"cursor", "ordering", "page_size"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`pass_on` gives back the value as it is used, or raises ValueError with what was expected instead."""

    pass_on: Callable[[str], str]
    schema: Mapping[str, Any]  # as OpenAPI says it


def checked(params: QueryDict, known: Mapping[str, Check]) -> dict[str, str]:
    """Those of the `known` parameters that were given, each as its check lets it through. Raises BadParameter."""
    return _checked(params, known, beside=frozenset())


def checked_of_list(params: QueryDict, known: Mapping[str, Check]) -> dict[str, str]:
    """The same of what comes page by page: what says which page is looked at by its paginator."""
    return _checked(params, known, beside=PAGING)


def _checked(params: QueryDict, known: Mapping[str, Check], *, beside: frozenset[str]) -> dict[str, str]:
    for name in params:
        if name not in known and name not in beside:
            told = ", ".join([*sorted(known), *sorted(beside)]) or "none"
            raise BadParameter(name, f"no such parameter; known are {told}.")
        if len(params.getlist(name)) > 1:
            raise BadParameter(name, "given more than once.")
    given = {name: _passed(name, check, params[name]) for name, check in known.items() if name in params}
    _refuse_backwards(given)
    return given


def _refuse_backwards(given: Mapping[str, str]) -> None:
    if "since" in given and "until" in given:
        since, until = (datetime.fromisoformat(given[name]) for name in ("since", "until"))
        if since > until:
            raise BadParameter("since", f"{given['since']} is after {given['until']}, until when it was asked for.")


def one_of(choices: type[Enum] | Sequence[str]) -> Check:
    words = [str(getattr(choice, "value", choice)) for choice in choices]

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"expected one of {', '.join(words)}, not {value!r}.")
        return value

    return Check(pass_on=check, schema={"type": "string", "enum": words})


def _text(value: str) -> str:
    # PostgreSQL keeps no NUL, and refuses to look for one.
    if "\0" in value:
        raise ValueError("expected text without NUL characters.")
    return value


def _number(value: str) -> str:
    if not (value.isdecimal() and value.isascii()) or len(value) > 18:
        raise ValueError(f"expected a number, not {value!r}.")
    return value


def _moment(value: str) -> str:
    """A day or a time, ISO 8601; UTC where it names no zone. A `+` that came as a blank is one."""
    try:
        at = datetime.fromisoformat(value.strip().replace(" ", "+") if "T" in value else value)
        # Of the years 1 and 9999 another zone's hours lie beyond what there is.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise ValueError(f"expected a day or a time (2026-11-21, 2026-11-21T12:00:00Z), not {value!r}.") from None


def _day(value: str) -> str:
    try:
        is_day = date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_day = False
    if not is_day:
        raise ValueError(f"expected a day of UTC (2026-11-21), without an hour and a zone, not {value!r}.")
    return value


text = Check(pass_on=_text, schema={"type": "string"})
number = Check(pass_on=_number, schema={"type": "integer", "minimum": 0, "maximum": 10**18 - 1})
moment = Check(pass_on=_moment, schema={"type": "string", "description": "a day or a time, ISO 8601"})
day = Check(pass_on=_day, schema={"type": "string", "format": "date", "description": "a day of UTC"})
# Use what comes back as `== "true"`.
yes_or_no = one_of(("true", "false"))


def _passed(name: str, check: Check, value: str) -> str:
    try:
        return check.pass_on(value)
    except ValueError as problem:
        raise BadParameter(name, str(problem)) from None
