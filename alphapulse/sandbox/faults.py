"""Faults to order: what goes wrong, for which requests, how often, how long."""

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count

from alphapulse.sandbox.wire import Call


class FaultKind(StrEnum):
    """Those after LATENCY and CLOCK end the request; of several, the oldest acts."""

    LATENCY = "latency"  # `seconds` late, then as usual
    CLOCK = "clock"  # the exchange's clock is `offset_ms` ahead (negative: behind)
    STATUS = "status"  # `status` with `body`, nothing is done
    HTML = "html"  # a maintenance page in HTML with status 200 (or `status`)
    HANG = "hang"  # never answers; nothing is done
    RESET = "reset"  # the connection is reset; nothing is done
    BAN = "ban"  # the IP is banned until the fault ends (`for_s`, 120 s unless said otherwise)
    MAINTENANCE = "maintenance"  # the exchange's own way of saying so
    TRUNCATE = "truncate"  # done, answered with half of the body
    DRIP = "drip"  # done, answered a byte a second (`seconds` between two bytes)
    ACCEPT_THEN_DROP = "accept_then_drop"  # done, and the connection is reset instead of an answer
    ACCEPT_THEN_STATUS = "accept_then_status"  # done, and `status` with `body` answered instead
    ACCEPT_THEN_HANG = "accept_then_hang"  # done, and never answered


_CHANGING = frozenset({"POST", "PUT", "DELETE"})
_ACCEPTING = frozenset({FaultKind.ACCEPT_THEN_DROP, FaultKind.ACCEPT_THEN_STATUS, FaultKind.ACCEPT_THEN_HANG})
_AT_EVERY_REQUEST = frozenset({FaultKind.LATENCY, FaultKind.CLOCK})


@dataclass(slots=True, kw_only=True)
class Fault:
    """Matches requests by everything that is not empty. `path`, `host`, `query`: globs. `count`: how many more."""

    kind: FaultKind
    id: int = 0
    host: str = ""
    path: str = ""
    query: str = ""  # of the raw one: `*symbol=BTCUSDT*`
    method: str = ""
    account: str = ""  # the account's name or one of its keys
    remote: str = ""
    count: int | None = None
    skip: int = 0  # let so many matching requests pass first
    until_ms: int | None = None
    status: int = 0
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    offset_ms: int = 0
    hits: int = 0
    is_cleared: bool = False  # by hand: what hangs stops hanging

    def matches(self, call: Call, key: str, account: str) -> bool:
        if self.kind in _ACCEPTING and not self.method and not self.path and call.method not in _CHANGING:
            return False
        return (
            (not self.host or fnmatchcase(call.host, self.host))
            and (not self.path or fnmatchcase(call.path, self.path))
            and (not self.query or fnmatchcase(call.query, self.query))
            and (not self.method or call.method == self.method)
            and (not self.account or self.account in (key, account))
            and (not self.remote or self.remote == call.remote)
        )

    def is_over(self, now_ms: int) -> bool:
        return self.count == 0 or (self.until_ms is not None and now_ms >= self.until_ms)


class Faults:
    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._ids = count(1)

    def add(self, fault: Fault) -> Fault:
        fault.id = next(self._ids)
        self._faults[fault.id] = fault
        return fault

    def all(self) -> list[Fault]:
        return list(self._faults.values())

    def clear(self, fault_id: int | None = None) -> None:
        for known_id in list(self._faults) if fault_id is None else [fault_id]:
            fault = self._faults.pop(known_id, None)
            if fault is not None:
                fault.is_cleared = True

    def take(self, call: Call, key: str, account: str, now_ms: int) -> list[Fault]:
        """The faults this request suffers, counted down: latencies and clocks, and at most one other."""
        if not self._faults:
            return []
        taken: list[Fault] = []
        for fault in list(self._faults.values()):
            if fault.is_over(now_ms):
                del self._faults[fault.id]
            elif self._is_due(fault, taken) and fault.matches(call, key, account):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                fault.count = None if fault.count is None else fault.count - 1
                taken.append(fault)
        return taken

    def _is_due(self, fault: Fault, taken: list[Fault]) -> bool:
        return fault.kind in _AT_EVERY_REQUEST or all(other.kind in _AT_EVERY_REQUEST for other in taken)
