"""When to ask again: exponential backoff with full jitter and a cap."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`first` doubles with each failure in a row up to `cap`; the wait is a random part of that (full jitter)."""

    first: timedelta = timedelta(seconds=5)
    cap: timedelta = timedelta(minutes=10)
    # Jitter down to nothing would hammer an exchange that has just failed.
    floor: timedelta = timedelta(seconds=1)

    def wait(self, *, failures: int, chance: float) -> timedelta:
        """How long to wait after `failures` (1 or more) in a row; `chance` is uniform in [0, 1)."""
        ceiling = min(self.cap, self.first * float(2 ** min(failures - 1, 30)))
        return max(self.floor, ceiling * chance)
