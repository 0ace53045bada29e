"""`api.bybit.com`: checks a request as Bybit does, hands it on, wraps the answer."""

import orjson

from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import Ask, SignedAsk
from alphapulse.sandbox.bybit.auth import check_signature, check_time, read_headers
from alphapulse.sandbox.bybit.errors import BybitError
from alphapulse.sandbox.bybit.listings import Listings
from alphapulse.sandbox.bybit.params import Params
from alphapulse.sandbox.bybit.routes import PRIVATE, PUBLIC, PrivateRoute
from alphapulse.sandbox.bybit.users import check_key
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.limits import IpBudget, Windows
from alphapulse.sandbox.wire import Call, Reply

_IP_REQUESTS = 600
_IP_WINDOW_MS = 5_000
_IP_BAN_MS = 10 * 60 * 1000
_SECOND_MS = 1_000


class BybitV5:
    exchange_id = "bybit"

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._listings = Listings(exchange)
        self._ips = IpBudget(limit=_IP_REQUESTS, window_ms=_IP_WINDOW_MS, patience=0, first_ban_ms=_IP_BAN_MS)
        self._budgets = {route: Windows(_SECOND_MS, spec.per_second) for route, spec in PRIVATE.items()}

    def handle(self, call: Call) -> Reply:
        verdict = self._ips.charge(call.remote, 1, call.now_ms)
        if not verdict.is_allowed:
            return self.banned(call, verdict.banned_until_ms)
        headers: dict[str, str] = {}
        try:
            content = self._answer(call, headers)
        except BybitError as error:
            return _wrapped(call, {}, headers, code=error.code, message=error.message)
        outcomes = content.pop("retExtInfo", {})
        return _wrapped(call, content, headers, outcomes=outcomes)

    def api_key(self, call: Call) -> str:
        return call.headers.get("X-BAPI-API-KEY", "")

    def banned(self, call: Call, until_ms: int) -> Reply:
        return Reply(b"403, access too frequent", 403, content_type="text/plain; charset=utf-8")

    def maintenance(self, call: Call) -> Reply:
        return _wrapped(call, {}, {}, code=10019, message="Service is restarting, please try again later.")

    def forgive(self) -> None:
        self._ips.forgive()
        for budget in self._budgets.values():
            budget.clear()

    def _answer(self, call: Call, headers: dict[str, str]) -> dict[str, object]:
        route = (call.method, call.path)
        private = PRIVATE.get(route)
        if private is not None:
            return private.answer(self._signed(call, private, headers))
        public = PUBLIC.get(route)
        if public is None:
            raise errors.unknown_path()
        return public.answer(Ask(self._exchange, self._listings, _params(call), call.now_ms))

    def _signed(self, call: Call, route: PrivateRoute, headers: dict[str, str]) -> SignedAsk:
        """Key, address, time, signature, then how often: each refused in Bybit's order."""
        signed = read_headers(call.headers, call.query if call.method == "GET" else call.body.decode())
        found = self._exchange.find_key(signed.api_key)
        if found is None:
            raise errors.invalid_key()
        account, key = found
        check_time(signed, call.now_ms)
        check_signature(signed, key.secret)
        check_key(account, key, remote=call.remote, now_ms=call.now_ms)
        self._count(call, account.name, route, headers)
        self._exchange.settle(account)
        params = _params(call)
        return SignedAsk(self._exchange, self._listings, params, call.now_ms, account, key)

    def _count(self, call: Call, user: str, route: PrivateRoute, headers: dict[str, str]) -> None:
        budget = self._budgets[call.method, call.path]
        used = budget.add(user, 1, call.now_ms)
        resets_ms = budget.ends_ms(call.now_ms) if used > budget.limit else call.now_ms
        headers["X-Bapi-Limit"] = str(budget.limit)
        headers["X-Bapi-Limit-Status"] = str(max(0, budget.limit - used))
        headers["X-Bapi-Limit-Reset-Timestamp"] = str(resets_ms)
        if used > budget.limit:
            raise errors.too_many_visits()


def _params(call: Call) -> Params:
    if call.method == "POST" and call.body:
        try:
            document = orjson.loads(call.body)
        except orjson.JSONDecodeError:
            raise errors.bad_parameter("params error: the body is not JSON") from None
        if not isinstance(document, dict):
            raise errors.bad_parameter("params error: the body is not an object")
    return Params(call.params)


def _wrapped(
    call: Call,
    content: dict[str, object],
    headers: dict[str, str],
    *,
    code: int = 0,
    message: str = "OK",
    outcomes: object = None,
) -> Reply:
    document = {
        "retCode": code,
        "retMsg": message,
        "result": content,
        "retExtInfo": outcomes or {},
        "time": call.now_ms,
    }
    return Reply(document, headers=headers, content_type="application/json; charset=utf-8")
