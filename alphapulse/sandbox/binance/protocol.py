"""What all of Binance's REST hosts share: the table of endpoints, weights, keys, signatures, errors, headers.

Spot and USD-M futures each subclass nothing: they build a `BinanceHost` from a table of `Endpoint`s.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from alphapulse.sandbox.accounts import Account, ApiKey
from alphapulse.sandbox.binance.params import BinanceError, Params
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.limits import IpBudget, Windows
from alphapulse.sandbox.markets import MarketKind
from alphapulse.sandbox.orders import Reason, Rejection
from alphapulse.sandbox.wire import Call, Reply


class Security(StrEnum):
    NONE = "none"
    KEY = "key"  # the header alone
    SIGNED = "signed"


@dataclass(slots=True)
class Request:
    """A call that has passed the door. `owner` and `key` are there when the endpoint demanded a key.

    `kind` is what its host trades, `wallet` what its endpoint is about.
    """

    exchange: Exchange
    call: Call
    params: Params
    account: Account | None = None
    key: ApiKey | None = None
    kind: MarketKind = MarketKind.SPOT
    wallet: str = ""

    @property
    def owner(self) -> Account:
        assert self.account is not None, "a public endpoint has no owner"
        return self.account

    @property
    def now_ms(self) -> int:
        return self.call.now_ms


Handle = Callable[[Request], object]
Weight = int | Callable[[Mapping[str, str]], int]


def by_limit(default: int, *steps: tuple[int, int], beyond: int) -> Weight:
    """The weight of the first step whose limit is not exceeded."""

    def weight(params: Mapping[str, str]) -> int:
        limit = int(params["limit"]) if params.get("limit", "").isdigit() else default
        return next((weight for most, weight in steps if limit <= most), beyond)

    return weight


def by_symbol(one: int, every: int) -> Weight:
    """What is asked of one market, and of all."""
    return lambda params: one if params.get("symbol") else every


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`wallet` is what a key must be allowed to see; `trades` what it must be allowed to do."""

    handle: Handle
    weight: Weight = 1
    security: Security = Security.NONE
    wallet: str = ""
    trades: bool = False
    orders: int = 0  # how many it adds to the account's order counts
    by_uid: bool = False  # its weight counts against the account, not the address


@dataclass(slots=True)
class Pool:
    """A budget of weights for all paths that begin with `prefix`, and the header that tells what is used."""

    prefix: str
    budget: IpBudget
    header: str = "X-MBX-USED-WEIGHT-1M"
    by_uid: bool = False


@dataclass
class BinanceHost:
    """One of Binance's hosts, for one `kind` of market. `errors` puts the engine's reasons into codes and sentences."""

    exchange: Exchange
    endpoints: Mapping[tuple[str, str], Endpoint]
    errors: Mapping[Reason, tuple[int, str]]
    pools: list[Pool]
    order_windows: dict[str, Windows] = field(default_factory=dict)  # by the header's suffix: 10S, 1M, 1D
    kind: MarketKind = MarketKind.SPOT

    @property
    def exchange_id(self) -> str:
        return self.exchange.id

    def api_key(self, call: Call) -> str:
        return call.headers.get("X-MBX-APIKEY", "")

    def handle(self, call: Call) -> Reply:
        endpoint = self.endpoints.get((call.method, call.path))
        if endpoint is None:
            return _not_found()
        pool = self._pool(endpoint, call)
        weight = endpoint.weight if isinstance(endpoint.weight, int) else endpoint.weight(call.params)
        verdict = pool.budget.charge(self._charged(pool, call), weight, call.now_ms)
        if verdict.banned_until_ms:
            return self.banned(call, verdict.banned_until_ms)
        if not verdict.is_allowed:
            return _too_many(pool, verdict.retry_after_s, verdict.used)
        reply = self._answered(endpoint, call)
        reply.headers[pool.header] = str(verdict.used)
        if pool.header == "X-MBX-USED-WEIGHT-1M":
            reply.headers["X-MBX-USED-WEIGHT"] = str(verdict.used)
        return reply

    def _pool(self, endpoint: Endpoint, call: Call) -> Pool:
        return next(p for p in self.pools if call.path.startswith(p.prefix) and p.by_uid == endpoint.by_uid)

    def _charged(self, pool: Pool, call: Call) -> str:
        found = self.exchange.find_key(self.api_key(call)) if pool.by_uid else None
        return found[0].name if found else call.remote

    def banned(self, call: Call, until_ms: int) -> Reply:
        message = (
            f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        seconds = max(1, -(-(until_ms - call.now_ms) // 1000))
        return Reply({"code": -1003, "msg": message}, 418, {"Retry-After": str(seconds)})

    def maintenance(self, call: Call) -> Reply:
        return Reply({"code": 0, "msg": "System is under maintenance."}, 503)

    def forgive(self) -> None:
        """Forget all that counts against anybody."""
        for pool in self.pools:
            pool.budget.forgive()
        for windows in self.order_windows.values():
            windows.clear()

    def _answered(self, endpoint: Endpoint, call: Call) -> Reply:
        request = Request(self.exchange, call, Params(call.params), kind=self.kind, wallet=endpoint.wallet)
        headers: dict[str, str] = {}
        try:
            if endpoint.security is not Security.NONE:
                self._admit(endpoint, request)
                headers = self._count_orders(endpoint, request)
            return Reply(endpoint.handle(request), 200, headers)
        except BinanceError as error:
            content = {"code": error.code, "msg": error.message} | ({"data": error.data} if error.data else {})
            return Reply(content, error.status, headers)
        except Rejection as rejection:
            code, message = self.errors[rejection.reason]
            return Reply({"code": code, "msg": message}, 400, headers)

    def _admit(self, endpoint: Endpoint, request: Request) -> None:
        request.account, request.key = self._identified(request.call)
        if endpoint.security is Security.SIGNED:
            _check_timestamp(request.params, request.now_ms)
            _check_signature(request.call, request.key)
        allowed = request.key.allows(endpoint.wallet) and (request.key.can_trade or not endpoint.trades)
        if not allowed or not request.key.allows_ip(request.call.remote):
            raise invalid_key()
        self.exchange.settle(request.account)

    def _identified(self, call: Call) -> tuple[Account, ApiKey]:
        name = self.api_key(call)
        if not name or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise BinanceError(-2014, "API-key format invalid.", 401)
        found = self.exchange.find_key(name)
        if found is None or not found[1].is_enabled:
            raise invalid_key()
        return found

    def _count_orders(self, endpoint: Endpoint, request: Request) -> dict[str, str]:
        if not endpoint.trades or not self.order_windows:
            return {}
        headers = {}
        for suffix, windows in self.order_windows.items():
            used = windows.add(request.owner.name, endpoint.orders, request.now_ms)
            headers[f"X-MBX-ORDER-COUNT-{suffix}"] = str(used)
            if endpoint.orders and used > windows.limit:
                raise BinanceError(
                    -1015,
                    f"Too many new orders; current limit is {windows.limit} orders per {_spoken(windows.length_ms)}.",
                    429,
                )
        return headers


def invalid_key() -> BinanceError:
    return BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def _check_timestamp(params: Params, now_ms: int) -> None:
    sent_ms = params.required_int("timestamp")
    window_ms = params.integer("recvWindow", 5000)
    if window_ms > 60_000:
        raise BinanceError(-1131, "recvWindow must be less than 60000.")
    if sent_ms > now_ms + 1000:
        raise BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - sent_ms > window_ms:
        raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _check_signature(call: Call, key: ApiKey) -> None:
    """Signed is the query followed by the body, without the signature itself, byte by byte as sent."""
    payload, given = _unsigned(call.query.encode("latin-1", "replace"))
    body, given_in_body = _unsigned(call.body)
    given = given or given_in_body
    if not given:
        raise BinanceError(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
    expected = hmac.digest(key.secret.encode(), payload + body, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), given.lower()):
        raise BinanceError(-1022, "Signature for this request is not valid.")


def _unsigned(text: bytes) -> tuple[bytes, bytes]:
    """The text without its `signature=` part, and the signature."""
    if b"signature=" not in text:
        return text, b""
    parts = text.split(b"&")
    signature = next((part[10:] for part in parts if part.startswith(b"signature=")), b"")
    return b"&".join(part for part in parts if not part.startswith(b"signature=")), signature


def _too_many(pool: Pool, retry_after_s: int, used: int) -> Reply:
    message = (
        f"Too much request weight used; current limit is {pool.budget.limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    return Reply({"code": -1003, "msg": message}, 429, {"Retry-After": str(retry_after_s), pool.header: str(used)})


def _not_found() -> Reply:
    page = b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body><center><h1>404 Not Found</h1></center>"
    return Reply(page + b"</body>\r\n</html>\r\n", 404, content_type="text/html")


def _spoken(length_ms: int) -> str:
    return {10_000: "10 SECOND", 60_000: "1 MINUTE", 86_400_000: "1 DAY"}.get(length_ms, f"{length_ms} MS")
