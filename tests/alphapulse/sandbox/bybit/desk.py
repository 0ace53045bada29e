"""Bybit's face asked directly: signs as a client does, counts no real time."""

import hmac
import json
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from alphapulse.sandbox.accounts import ApiKey
from alphapulse.sandbox.bybit.host import BybitV5
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.wire import Call, Reply


class Desk:
    def __init__(self, engine: Engine, clock: list[int], holdings: dict[str, dict[str, str]]) -> None:
        self.engine = engine
        self.exchange = engine.exchanges["bybit"]
        self.host = BybitV5(self.exchange)
        self._clock = clock
        self.account = self.exchange.add_account("desk")
        self.key = ApiKey(key="key", secret="secret", created_ms=clock[0])
        self.exchange.add_key(self.account, self.key)
        for wallet, coins in holdings.items():
            for coin, amount in coins.items():
                self.exchange.set_balance(self.account, wallet, coin, Decimal(amount))

    @property
    def now_ms(self) -> int:
        return self._clock[0]

    def pass_time(self, milliseconds: int) -> None:
        self._clock[0] += milliseconds

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self.said(self.ask("GET", path, params))

    def post(self, path: str, **params: Any) -> dict[str, Any]:
        return self.said(self.ask("POST", path, params))

    def ask(
        self,
        method: str,
        path: str,
        params: dict[str, Any],
        *,
        api_key: str = "key",
        secret: str = "secret",
        sent_ms: int | None = None,
        window: str = "5000",
        remote: str = "127.0.0.1",
    ) -> Reply:
        query = urlencode(params) if method == "GET" else ""
        body = json.dumps(params) if method == "POST" else ""
        sent = str(self.now_ms if sent_ms is None else sent_ms)
        origin = f"{sent}{api_key}{window}{query or body}"
        headers = {
            "X-BAPI-API-KEY": api_key,
            "X-BAPI-TIMESTAMP": sent,
            "X-BAPI-RECV-WINDOW": window,
            "X-BAPI-SIGN": hmac.new(secret.encode(), origin.encode(), sha256).hexdigest(),
        }
        return self.send(method, path, query=query, body=body, headers=headers, remote=remote)

    def send(
        self, method: str, path: str, *, query: str = "", body: str = "", headers: dict[str, str], remote: str
    ) -> Reply:
        call = Call(method, "api.bybit.com", path, query, body.encode(), headers, remote, self.now_ms)
        return self.host.handle(call)

    @staticmethod
    def said(reply: Reply) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(reply.encoded())
        return document

    def rows(self, path: str, **params: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **params)
        assert answer["retCode"] == 0, answer
        rows: list[dict[str, Any]] = answer["result"]["list"]
        return rows
