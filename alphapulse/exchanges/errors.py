"""What can go wrong with an exchange, drawn by what the caller does about it.

ExchangeError
  Transient              due again after backoff
    RateLimited          the whole exchange and egress waits until the named time, in every process
    ClockSkewed          measure the offset, once more, then Transient
    Maintenance          the exchange is paused, said so, probed
  CredentialsRejected    confirmed once, then the account is disabled and its owner told
  PermissionMissing      this wallet or kind is not allowed for this key: marked, the rest goes on
  NotSupported           never ask this exchange for this again
  BadResponse            our parser or their payload is wrong: kept for a look, rows untouched

Messages are for people: what happened, where, what to do. They never carry a credential, a signature or a full URL.
"""

from datetime import datetime


class ExchangeError(Exception):
    """`code` is the exchange's own (`-2015`, `10006`), `""` where it gave none; `advice` says what a person can do."""

    advice = "Look at the message; try a resync."

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    @property
    def kind(self) -> str:
        """The stable name for rows and filters: `RateLimited`."""
        return type(self).__name__


class Transient(ExchangeError):
    """`until` is when to come again, where the exchange said so (aware UTC, our clock)."""

    advice = "Nothing to do: it is tried again by itself."

    def __init__(self, message: str, *, code: str = "", until: datetime | None = None) -> None:
        super().__init__(message, code=code)
        self.until = until


class RateLimited(Transient):
    """`until` is when the exchange lets this egress in again."""

    advice = (
        "Nothing to do: every worker waits until the exchange lets us in again. If it repeats, lower the sync rate."
    )

    def __init__(self, message: str, *, code: str = "", until: datetime | None = None, is_ban: bool = False) -> None:
        super().__init__(message, code=code, until=until)
        self.is_ban = is_ban


class ClockSkewed(Transient):
    advice = "The offset is measured and corrected by itself. If it repeats, check this machine's clock (NTP)."


class Maintenance(Transient):
    advice = "The exchange says it is under maintenance; it is probed until it is back."


class CredentialsRejected(ExchangeError):
    advice = "Check the key at the exchange (deleted, expired, IP list?) and enter it anew."


class PermissionMissing(ExchangeError):
    advice = (
        "Give the key the right to read this wallet at the exchange, or leave the wallet out. "
        "It is tried again once an hour, and by a resync."
    )


class NotSupported(ExchangeError):
    advice = "This exchange does not offer this; it is not asked again."


class BadResponse(ExchangeError):
    """`payload` is the start of what came, with secrets taken out, for a look."""

    advice = "The stored rows were left as they were. If it repeats, report it with the payload kept with the run."

    def __init__(self, message: str, *, code: str = "", payload: str = "") -> None:
        super().__init__(message, code=code)
        self.payload = payload


# After one of these any other question would get the same answer, or make it worse by being asked.
STOPS_ALL = (RateLimited, ClockSkewed, Maintenance)
