"""Budgets: fixed windows for weights and order counts, and bans for those who go on."""

from dataclasses import dataclass, field

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
_MAX_BAN_MS = 3 * 24 * 60 * MINUTE_MS


@dataclass(slots=True)
class Windows:
    """Counts per key in windows that begin at whole multiples of their length, as Binance's and Bybit's do."""

    length_ms: int
    limit: int
    _window: int = 0
    _used: dict[str, int] = field(default_factory=dict)

    def add(self, key: str, weight: int, now_ms: int) -> int:
        """What the key has used in this window, with this."""
        self._turn(now_ms)
        used = self._used[key] = self._used.get(key, 0) + weight
        return used

    def used(self, key: str, now_ms: int) -> int:
        self._turn(now_ms)
        return self._used.get(key, 0)

    def ends_ms(self, now_ms: int) -> int:
        return (now_ms // self.length_ms + 1) * self.length_ms

    def clear(self) -> None:
        self._used.clear()

    def _turn(self, now_ms: int) -> None:
        window = now_ms // self.length_ms
        if window != self._window:
            self._window = window
            self._used.clear()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`retry_after_s` is set when the request is over the limit, `banned_until_ms` when its IP is banned."""

    used: int
    retry_after_s: int = 0
    banned_until_ms: int = 0

    @property
    def is_allowed(self) -> bool:
        return not self.retry_after_s


@dataclass(slots=True)
class IpBudget:
    """Weight per remote address; who goes on after `patience` refusals is banned, longer each time."""

    limit: int = 6000
    window_ms: int = MINUTE_MS
    patience: int = 10
    first_ban_ms: int = 2 * MINUTE_MS
    windows: Windows = field(init=False)
    banned_until_ms: dict[str, int] = field(default_factory=dict)
    _refusals: dict[str, int] = field(default_factory=dict)
    _bans: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.windows = Windows(self.window_ms, self.limit)

    def charge(self, remote: str, weight: int, now_ms: int) -> Verdict:
        banned_until_ms = self.banned_until_ms.get(remote, 0)
        if banned_until_ms > now_ms:
            return self._refused(self.windows.used(remote, now_ms), banned_until_ms, now_ms, banned_until_ms)
        if banned_until_ms:
            del self.banned_until_ms[remote]
        used = self.windows.add(remote, weight, now_ms)
        if used <= self.limit:
            self._refusals.pop(remote, None)
            return Verdict(used)
        self._refusals[remote] = self._refusals.get(remote, 0) + 1
        if self._refusals[remote] > self.patience:
            until_ms = self._ban(remote, now_ms)
            return self._refused(used, until_ms, now_ms, until_ms)
        return self._refused(used, self.windows.ends_ms(now_ms), now_ms)

    def ban(self, remote: str, until_ms: int) -> None:
        self.banned_until_ms[remote] = until_ms

    def forgive(self) -> None:
        """Forget everything: windows, refusals and bans."""
        self.windows.clear()
        self.banned_until_ms.clear()
        self._refusals.clear()
        self._bans.clear()

    def _ban(self, remote: str, now_ms: int) -> int:
        before = self._bans.get(remote, 0)
        self._bans[remote] = before + 1
        self._refusals.pop(remote, None)
        until_ms = self.banned_until_ms[remote] = now_ms + min(_MAX_BAN_MS, self.first_ban_ms << min(before, 20))
        return until_ms

    def _refused(self, used: int, until_ms: int, now_ms: int, banned_until_ms: int = 0) -> Verdict:
        return Verdict(used, max(1, -(-(until_ms - now_ms) // SECOND_MS)), banned_until_ms)
