"""A circuit breaker as a value: a row stores it, `ExchangeHealth` asks it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    BANNED = "banned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Closed until `threshold` failures in a row, then open for `rest`, then half-open: one probe decides.

    A ban has the end that the exchange named; after it the breaker is half-open too. `probe_until` is the lease of the
    one probe: a probe that died frees its place.
    """

    failures: int = 0
    opened_at: datetime | None = None
    banned_until: datetime | None = None
    probe_until: datetime | None = None
    threshold: int = 5
    rest: timedelta = timedelta(minutes=10)
    probe_lease: timedelta = timedelta(minutes=1)

    def state(self, now: datetime) -> BreakerState:
        if self.banned_until is not None and now < self.banned_until:
            return BreakerState.BANNED
        if self.opened_at is not None and now < self.opened_at + self.rest:
            return BreakerState.OPEN
        is_clear = self.opened_at is None and self.banned_until is None
        return BreakerState.CLOSED if is_clear else BreakerState.HALF_OPEN

    def allows(self, now: datetime) -> bool:
        """May an ordinary request go out? While half-open only who takes the probe may; see `with_probe`."""
        state = self.state(now)
        if state is BreakerState.HALF_OPEN:
            return self.probe_until is None or now >= self.probe_until
        return state is BreakerState.CLOSED

    def allows_orders(self, now: datetime) -> bool:
        """May an order or a cancel go out? An open breaker spares syncs that can wait; a ban is everybody's."""
        return self.state(now) is not BreakerState.BANNED

    def with_probe(self, now: datetime) -> "Breaker":
        """Half-open, with its one probe taken."""
        return replace(self, probe_until=now + self.probe_lease)

    def after_success(self, now: datetime) -> "Breaker":
        """Clear; but a ban lasts to its end, whoever was let through before it."""
        is_banned = self.state(now) is BreakerState.BANNED
        banned_until = self.banned_until if is_banned else None
        return replace(self, failures=0, opened_at=None, probe_until=None, banned_until=banned_until)

    def after_failure(self, now: datetime, *, asked_at: datetime) -> "Breaker":
        """What was asked before it opened says nothing new: it must not make the rest longer."""
        if self.opened_at is not None and asked_at < self.opened_at:
            return self
        failures = self.failures + 1
        is_open = self.opened_at is not None or failures >= self.threshold
        return replace(self, failures=failures, opened_at=now if is_open else None, probe_until=None)

    def after_ban(self, until: datetime) -> "Breaker":
        """A later end wins over an earlier one."""
        later = until if self.banned_until is None else max(until, self.banned_until)
        return replace(self, banned_until=later, probe_until=None)
