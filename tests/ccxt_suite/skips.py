"""Our list of what ccxt's tests may leave out (`tests/ccxt-skips.json`), and ccxt's own form of it."""

import json
from pathlib import Path

from tests.ccxt_suite.report import NEVER_SKIPPED

SKIPS_FILE = Path(__file__).parents[1] / "ccxt-skips.json"
# ccxt's harness also knows whole objects by these names; skipping one would skip methods that must run.
_OBJECTS = frozenset({"ticker", "ohlcv", "orderBook"})


class ForbiddenSkip(Exception):
    """An entry would leave out a whole method that has to be run, or does not say why."""


def read_skips(path: Path = SKIPS_FILE) -> list[dict[str, str | None]]:
    entries: list[dict[str, str | None]] = json.loads(path.read_text())
    for entry in entries:
        _check(entry)
    return entries


def as_ccxt_reads_them(entries: list[dict[str, str | None]]) -> dict[str, dict[str, dict[str, object]]]:
    """`{exchange: {"skipMethods": {method: reason or {property: reason}}}}`, the form of `skip-tests.json`."""
    skips: dict[str, dict[str, dict[str, object]]] = {}
    for entry in entries:
        exchange, method, reason = str(entry["exchange"]), str(entry["method"]), entry["reason"]
        methods = skips.setdefault(exchange, {"skipMethods": {}})["skipMethods"]
        if entry["property"] is None:
            methods[method] = reason
        else:
            properties = methods.setdefault(method, {})
            if not isinstance(properties, dict):
                raise ForbiddenSkip(f"{exchange} {method} is skipped as a whole and by property")
            properties[entry["property"]] = reason
    return skips


def _check(entry: dict[str, str | None]) -> None:
    if set(entry) != {"exchange", "method", "property", "reason"}:
        raise ForbiddenSkip(f"an entry has exchange, method, property and reason: {entry}")
    if not entry["reason"]:
        raise ForbiddenSkip(f"no reason is given for {entry['exchange']} {entry['method']}")
    if entry["property"] is None and entry["method"] in NEVER_SKIPPED | _OBJECTS:
        raise ForbiddenSkip(f"{entry['exchange']} {entry['method']} may not be skipped as a whole")
