"""What an exchange's failure means for us, in one table: rows are tried in order, the code before ccxt's class.

The order is the policy. ccxt's classes mislead: a clock that is off comes as a network error, a rate limit as DDoS
protection, a passing overload as a plain refusal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import ccxt.async_support as ccxt

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt.answer import Answer
from alphapulse.exchanges.ccxt.waits import named_wait, pause
from alphapulse.exchanges.errors import (
    BadResponse,
    ClockSkewed,
    CredentialsRejected,
    ExchangeError,
    Maintenance,
    NotSupported,
    PermissionMissing,
    RateLimited,
    Transient,
)

# Where exchanges put their code: Bybit `retCode`, Gate `label`, Binance, OKX and KuCoin `code`, Kraken `error`.
_CODE_FIELDS = ("retCode", "ret_code", "label", "code", "error_code", "error")
_TEXT_FIELDS = ("retMsg", "ret_msg", "msg", "message", "error_details", "error_description")
_LONGEST_QUOTE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Everything that is given must hold. `wait` is how long to stay away where the exchange's answer names no time."""

    error: type[ExchangeError]
    words: str
    exchanges: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    classes: tuple[type[Exception], ...] = ()
    # What the whole body is; `is_data`: it is JSON, as all of an exchange's own answers are.
    text: str = ""
    is_data: bool | None = None
    wait: timedelta | None = None
    is_ban: bool = False

    def fits(self, exchange_id: str, *, code: str, answer: Answer | None, exc: Exception) -> bool:
        status = answer.status if answer is not None else 0
        return (
            (not self.exchanges or exchange_id in self.exchanges)
            and (not self.codes or _is_one_of(code, self.codes))
            and (not self.statuses or status in self.statuses)
            and (not self.classes or isinstance(exc, self.classes))
            and (not self.text or (answer is not None and answer.text.strip() == self.text))
            and (self.is_data is None or (answer is not None and _is_data(answer) is self.is_data))
        )


def _is_data(answer: Answer) -> bool:
    return isinstance(answer.document, dict | list)


def _is_one_of(code: str, codes: frozenset[str]) -> bool:
    # Kraken's codes are words with details behind: "EService:Throttled: 1700000000".
    return code in codes or any(":" in known and code.startswith(known) for known in codes)


def _codes(exchanges: str, codes: str, error: type[ExchangeError], words: str, wait: timedelta | None = None) -> Row:
    """A row of the exchange's own codes, separated by commas."""
    return Row(
        error=error,
        words=words,
        exchanges=frozenset(exchanges.split()),
        codes=frozenset(code.strip() for code in codes.split(",")),
        wait=wait,
    )


_SKEWED = "our clock and the exchange's differ by more than it accepts"
_LIMITED = "asked more than the exchange allows"
_BANNED = "has banned this IP for a while"
_BUSY = "has a passing problem of its own"
_REJECTED = "does not accept the key (deleted, expired, wrong secret, or not valid from this IP)"
_NO_RIGHT = "the key may not read this"
_BETWEEN = "something between us and the exchange (a proxy, a gateway, a hotspot) refused the request"
_OFFLINE = "is under maintenance"

# Where limits are counted in windows of a few seconds.
_SHORT = timedelta(seconds=5)

_BY_CODE: tuple[Row, ...] = (
    # What follows on too many 429s, whatever the code with it.
    Row(error=RateLimited, words=_BANNED, statuses=frozenset({418}), wait=timedelta(minutes=5), is_ban=True),
    # No exchange's words: they say nothing about a key.
    Row(error=Transient, words=_BETWEEN, statuses=frozenset({407, 511})),
    Row(
        error=CredentialsRejected,
        words=_REJECTED,
        exchanges=frozenset({"coinbase"}),
        statuses=frozenset({401}),
        text="Unauthorized",
    ),
    Row(error=Transient, words=_BETWEEN, statuses=frozenset({401}), is_data=False),
    # https://developers.binance.com/docs/binance-spot-api-docs/errors
    _codes("binance", "-1021", ClockSkewed, _SKEWED),
    _codes("binance", "-1003, -1015, -1034", RateLimited, _LIMITED),
    _codes("binance", "-1000, -1001, -1006, -1007, -1008, -1016", Transient, _BUSY),
    _codes("binance", "-1002, -1022, -2014, -2015", CredentialsRejected, _REJECTED),
    _codes("binance", "-4109", PermissionMissing, "has this account's wallet switched off"),
    _codes("binance", "-3003", PermissionMissing, "this account has no margin wallet"),
    # Most spot markets have no margin: their lists are not broken, there are none.
    _codes("binance", "-1121, -3027, -3028", NotSupported, "has no such market here"),
    # https://bybit-exchange.github.io/docs/v5/error
    _codes("bybit", "10002", ClockSkewed, _SKEWED),
    _codes("bybit", "10006, 10018, 10429", RateLimited, _LIMITED, _SHORT),
    Row(
        error=RateLimited,
        words=_BANNED,
        exchanges=frozenset({"bybit"}),
        codes=frozenset({"10009"}),
        wait=timedelta(minutes=10),
        is_ban=True,
    ),
    _codes("bybit", "10000, 10016", Transient, _BUSY),
    _codes("bybit", "10019", Maintenance, "is restarting"),
    _codes("bybit", "10003, 10004, 10007, 10010, 33004", CredentialsRejected, _REJECTED),
    _codes("bybit", "10005, 10024, 10027", PermissionMissing, _NO_RIGHT),
    _codes("bybit", "10017, 10028, 10032", NotSupported, "does not offer this to this kind of account"),
    # https://docs.kraken.com/api/docs/guides/spot-errors
    _codes("kraken", "EAPI:Invalid nonce", Transient, "another program uses the same key, or answers crossed"),
    _codes(
        "kraken",
        "EAPI:Rate limit, EOrder:Rate limit, EAuth:Rate limit, EService:Throttled",
        RateLimited,
        _LIMITED,
        _SHORT,
    ),
    _codes("kraken", "EAuth:Too many requests", RateLimited, _LIMITED),
    _codes("kraken", "EGeneral:Temporary lockout", RateLimited, "has locked us out for a while", timedelta(minutes=15)),
    _codes("kraken", "EService:Market in cancel_only mode, EService:Market in", Maintenance, _OFFLINE),
    _codes("kraken", "EService:, EGeneral:Internal error, EAPI:Bad request", Transient, _BUSY),
    _codes("kraken", "EAPI:Invalid key, EAPI:Invalid signature", CredentialsRejected, _REJECTED),
    _codes("kraken", "EGeneral:Permission denied, EAuth:", PermissionMissing, _NO_RIGHT),
    _codes("kraken", "EAPI:Feature disabled, EGeneral:Unknown method", NotSupported, "does not offer this"),
    # https://www.okx.com/docs-v5/en/#error-code
    _codes("okx", "50102, 50112", ClockSkewed, _SKEWED),
    _codes("okx", "50011, 50040, 50061", RateLimited, _LIMITED, _SHORT),
    _codes("okx", "50001", Maintenance, _OFFLINE),
    _codes("okx", "50004, 50013, 50026", Transient, _BUSY),
    _codes(
        "okx",
        "50100, 50101, 50103, 50104, 50105, 50106, 50107, 50110, 50111, 50113, 50114, 50119",
        CredentialsRejected,
        _REJECTED,
    ),
    _codes("okx", "50012, 50030, 50120", PermissionMissing, _NO_RIGHT),
    # https://www.kucoin.com/docs-new/error-code
    _codes("kucoin", "400002", ClockSkewed, _SKEWED),
    _codes("kucoin", "429000, 1015, 300000", RateLimited, _LIMITED),
    _codes("kucoin", "500000", Transient, _BUSY),
    _codes("kucoin", "400001, 400003, 400004, 400005, 400006, 411100", CredentialsRejected, _REJECTED),
    _codes("kucoin", "400007", PermissionMissing, _NO_RIGHT),
    # https://www.gate.com/docs/developers/apiv4/#error-handling
    _codes("gate", "REQUEST_EXPIRED", ClockSkewed, _SKEWED),
    _codes("gate", "TOO_MANY_REQUESTS, TOO_FAST", RateLimited, _LIMITED, _SHORT * 2),
    _codes("gate", "TOO_BUSY, INTERNAL, SERVER_ERROR", Transient, _BUSY),
    _codes("gate", "INVALID_KEY, INVALID_SIGNATURE, INVALID_CREDENTIALS, IP_FORBIDDEN", CredentialsRejected, _REJECTED),
    _codes("gate", "READ_ONLY, FORBIDDEN, USER_NOT_FOUND", PermissionMissing, _NO_RIGHT),
    # https://docs.cdp.coinbase.com/coinbase-app/docs/status-codes
    _codes("coinbase", "rate_limit_exceeded, RESOURCE_EXHAUSTED", RateLimited, _LIMITED, _SHORT),
    _codes("coinbase", "invalid_token, expired_token, revoked_token, UNAUTHENTICATED", CredentialsRejected, _REJECTED),
    _codes("coinbase", "invalid_scope, PERMISSION_DENIED", PermissionMissing, _NO_RIGHT),
)

_BY_STATUS: tuple[Row, ...] = (
    Row(error=RateLimited, words=_LIMITED, statuses=frozenset({429})),
    # Bybit and Binance close their firewall with a 403 to an IP that asks too much; Bybit says to wait ten minutes.
    Row(
        error=RateLimited,
        words=_LIMITED,
        statuses=frozenset({403}),
        exchanges=frozenset({"bybit"}),
        wait=timedelta(minutes=10),
    ),
    Row(error=RateLimited, words=_LIMITED, statuses=frozenset({403}), exchanges=frozenset({"binance"})),
    Row(error=PermissionMissing, words="does not serve this location", statuses=frozenset({451})),
)

_BY_CLASS: tuple[Row, ...] = (
    Row(error=Maintenance, words=_OFFLINE, classes=(ccxt.OnMaintenance,)),
    Row(error=RateLimited, words=_LIMITED, classes=(ccxt.RateLimitExceeded, ccxt.DDoSProtection)),
    Row(error=ClockSkewed, words=_SKEWED, classes=(ccxt.InvalidNonce,)),
    Row(error=PermissionMissing, words=_NO_RIGHT, classes=(ccxt.PermissionDenied, ccxt.RestrictedLocation)),
    Row(
        error=PermissionMissing, words="wants its owner to do something first", classes=(ccxt.ManualInteractionNeeded,)
    ),
    Row(error=CredentialsRejected, words=_REJECTED, classes=(ccxt.AuthenticationError,)),
    Row(error=NotSupported, words="does not offer this", classes=(ccxt.NotSupported, ccxt.ArgumentsRequired)),
    Row(error=Transient, words="did not answer in time", classes=(ccxt.RequestTimeout,)),
    Row(error=Transient, words=_BUSY, statuses=frozenset(range(500, 600))),
    Row(error=Transient, words="could not be reached or broke off", classes=(ccxt.NetworkError,)),
    Row(error=BadResponse, words="answered with something we cannot read", classes=(ccxt.BadResponse,)),
    Row(error=Transient, words=_BUSY, classes=(ccxt.OperationFailed,)),
    Row(error=CredentialsRejected, words=_REJECTED, statuses=frozenset({401})),
    Row(error=RateLimited, words=_LIMITED, statuses=frozenset({403})),
    Row(error=BadResponse, words="refused the request", classes=(ccxt.BaseError,)),
    Row(error=BadResponse, words="answered with something we cannot read"),
)

# For limits that name no end and whose row names none: most are counted by the minute.
_USUAL_WAIT = timedelta(minutes=1)

TABLE: tuple[Row, ...] = _BY_CODE + _BY_STATUS + _BY_CLASS


def classified(
    exc: BaseException,
    exchange_id: str,
    *,
    now: datetime,
    answer: Answer | None = None,
    offset: timedelta | None = None,
) -> ExchangeError:
    """One of our errors for anything that a ccxt call raised; ours pass as they are. Never raises.

    `answer` is the last one, for exceptions that do not carry their own. `offset` is the exchange's clock minus ours.
    """
    if isinstance(exc, ExchangeError):
        return without_trace(exc)
    answer = getattr(exc, "answer", None) or answer
    code = answer.redacted(code_in(answer.document))[:_LONGEST_QUOTE] if answer is not None else ""
    problem = exc if isinstance(exc, Exception) else Exception()
    row = next(row for row in TABLE if row.fits(exchange_id, code=code, answer=answer, exc=problem))
    message = _message(row, exchange_id, code=code, answer=answer)
    if issubclass(row.error, RateLimited):
        until = named_wait(answer, now=now, offset=offset or timedelta(0)) if answer is not None else None
        return row.error(message, code=code, until=until or now + (row.wait or _USUAL_WAIT), is_ban=row.is_ban)
    if issubclass(row.error, Transient):
        return row.error(message, code=code, until=pause(answer, now=now, offset=offset or timedelta(0)))
    if issubclass(row.error, BadResponse):
        return row.error(message, code=code, payload=answer.excerpt if answer is not None else "")
    return row.error(message, code=code)


def without_trace(error: ExchangeError) -> ExchangeError:
    """The error without the frames it came through: their locals are signed requests."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def code_in(document: object) -> str:
    """The exchange's own code in an answer, `""` where it has none."""
    if not isinstance(document, Mapping):
        return ""
    for name in _CODE_FIELDS:
        value = document.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def _message(row: Row, exchange_id: str, *, code: str, answer: Answer | None) -> str:
    name = catalogue.exchange(exchange_id).name
    details = [f"HTTP {answer.status}"] if answer is not None and answer.status >= 400 else []
    details += [f"code {code}"] if code not in ("", "0") else []
    if answer is not None and (quote := _quote(answer)):
        details.append(f'"{quote}"')
    return f"{name}: {row.words}" + (f" ({', '.join(details)})." if details else ".")


def _quote(answer: Answer) -> str:
    """What the exchange said in its own words: one short line, without what we sent and without addresses."""
    if not isinstance(answer.document, Mapping):
        return ""
    said = next((answer.document[name] for name in _TEXT_FIELDS if answer.document.get(name)), "")
    text = answer.redacted(said) if isinstance(said, str) else ""
    return re.sub(r"https?://\S+", "", " ".join(text.split()))[:_LONGEST_QUOTE]
