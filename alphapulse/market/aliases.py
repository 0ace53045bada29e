"""Which asset an exchange's code means at a time, and how many of it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """`exchange_id` empty: at all of them. The times are the first and the first no more; None: open."""

    exchange_id: str
    code: str
    asset: str
    multiplier: Decimal = _ONE
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return not (self.valid_from and at < self.valid_from) and not (self.valid_to and at >= self.valid_to)


class Aliases:
    """An exchange's own come before those of all exchanges; a code without any is the asset of that name."""

    def __init__(self, known: Iterable[Alias]) -> None:
        self._known: dict[str, dict[str, list[Alias]]] = defaultdict(lambda: defaultdict(list))
        for alias in known:
            self._known[alias.code][alias.exchange_id].append(alias)

    def meaning(self, exchange_id: str, code: str, at: datetime) -> tuple[str, Decimal]:
        """The asset, and how many of it one of the code is."""
        # Few codes have any, and thousands are asked for.
        if code not in self._known:
            return code, _ONE
        for where in (exchange_id, ""):
            for alias in self._known[code].get(where, ()):
                if alias.holds(at):
                    return alias.asset, alias.multiplier
        return code, _ONE
