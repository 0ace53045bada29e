"""Query parameters, checked: a misspelt filter must not silently show everything, or nothing."""

from collections.abc import Callable, Mapping
from enum import Enum

from django.http import QueryDict

from apps.core.problems import BadParameter

PAGING = frozenset({"cursor", "page_size"})

# Gives back the value as it is used, or raises ValueError with what was expected instead.
Check = Callable[[str], str]


def checked(params: QueryDict, known: Mapping[str, Check]) -> dict[str, str]:
    """Those of the `known` parameters that were given, each as its check lets it through. Raises BadParameter."""
    for name in params:
        if name not in known and name not in PAGING:
            raise BadParameter(name, f"no such parameter; known are {_list(known)}.")
        if len(params.getlist(name)) > 1:
            raise BadParameter(name, "given more than once.")
    return {name: _passed(name, check, params[name]) for name, check in known.items() if name in params}


def _list(known: Mapping[str, Check]) -> str:
    # Who takes no filters has no pages either.
    return ", ".join([*sorted(known), *sorted(PAGING)]) if known else "none"


def number(value: str) -> str:
    if not value.isdecimal() or len(value) > 18:
        raise ValueError(f"expected a number, not {value!r}.")
    return value


def yes_or_no(value: str) -> str:
    """`true` or `false`; use the result as `== "true"`."""
    if value not in {"true", "false"}:
        raise ValueError(f"expected true or false, not {value!r}.")
    return value


def text(value: str) -> str:
    # PostgreSQL keeps no NUL, and refuses to look for one.
    if "\0" in value:
        raise ValueError("expected text without NUL characters.")
    return value


def one_of(choices: type[Enum]) -> Check:
    words = [str(choice.value) for choice in choices]

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"expected one of {', '.join(words)}, not {value!r}.")
        return value

    return check


def _passed(name: str, check: Check, value: str) -> str:
    try:
        return check(value)
    except ValueError as problem:
        raise BadParameter(name, str(problem)) from None
