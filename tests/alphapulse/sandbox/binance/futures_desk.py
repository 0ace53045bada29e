"""A USD-M account without a socket: requests are signed like anybody's and the test turns the clock."""

import hmac
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from alphapulse.sandbox.accounts import ApiKey
from alphapulse.sandbox.binance.futures import futures_host
from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.wire import Call, Reply
from tests.alphapulse.sandbox.conftest import Wall

SECRET = "s" * 64
KEY = "k" * 64
BTC, ETH = "BTCUSDT", "ETHUSDT"


class Refused(Exception):
    """Binance's error: its code, its sentence, the HTTP status."""

    def __init__(self, code: int, message: str, status: int) -> None:
        super().__init__(f"{code} {message}")
        self.code, self.message, self.status = code, message, status


class Desk:
    def __init__(self, *, usdt: str = "10000", seed: int = 1, **config: Any) -> None:
        self.wall = Wall()
        self.engine = Engine(SandboxConfig(**({"markets": 40, "seed": seed} | config)), now_ms=self.wall)
        self.exchange = self.engine.exchanges["binance"]
        self.host = futures_host(self.exchange, self.engine.config)
        self.account = self.exchange.add_account("trader")
        self.exchange.add_key(self.account, ApiKey(key=KEY, secret=SECRET))
        if usdt:
            self.exchange.set_balance(self.account, "futures", "USDT", Decimal(usdt))

    # Asking

    def ask(self, method: str, path: str, **params: Any) -> Any:
        """A signed request's content. Raises Refused."""
        reply = self.reply(method, path, **params)
        content: Any = reply.content
        if reply.status >= 400:
            raise Refused(content["code"], content["msg"], reply.status)
        return content

    def reply(self, method: str, path: str, *, key: str = KEY, secret: str = SECRET, **params: Any) -> Reply:
        texts = {name: _text(value) for name, value in params.items()}
        query = urlencode({"timestamp": str(self.wall.ms), **texts})
        signature = hmac.digest(secret.encode(), query.encode(), "sha256").hex()
        signed = f"{query}&signature={signature}"
        in_query = method in ("GET", "DELETE")
        return self.send(method, path, signed if in_query else "", "" if in_query else signed, key=key)

    def send(self, method: str, path: str, query: str = "", body: str = "", *, key: str = "") -> Reply:
        headers = {"X-MBX-APIKEY": key} if key else {}
        call = Call(method, "fapi.binance.com", path, query, body.encode(), headers, "10.0.0.1", self.wall.ms)
        return self.host.handle(call)

    def get(self, path: str, **params: Any) -> Any:
        return self.ask("GET", path, **params)

    # Trading

    def order(self, side: str, quantity: str, price: Decimal | str | None = None, **more: Any) -> dict[str, Any]:
        """A limit order when there is a price, else a market order; answered with its result."""
        wish = {"symbol": BTC, "side": side, "quantity": quantity, "newOrderRespType": "RESULT"}
        wish |= {"type": "LIMIT", "price": price, "timeInForce": "GTC"} if price else {"type": "MARKET"}
        return dict(self.ask("POST", "/fapi/v1/order", **(wish | more)))

    def pin(self, price: str, symbol: str = BTC) -> None:
        """The market stands still at that price."""
        market = self.exchange.linear(symbol)
        assert market is not None
        self.engine.prices.pin(market.base, at_ms=self.exchange.clock.market_ms(), worth=float(price))
        self.wall.pass_(seconds=1)

    def price(self, share: str = "1", symbol: str = BTC) -> Decimal:
        """A share of the market's price, on the tick."""
        market = self.exchange.linear(symbol)
        assert market is not None
        return market.to_price(float(self.exchange.last(market)) * float(share))

    # Looking

    def asset(self, code: str = "USDT") -> dict[str, Decimal]:
        [row] = [row for row in self.get("/fapi/v3/account")["assets"] if row["asset"] == code]
        return {name: Decimal(str(value)) for name, value in row.items() if name != "asset"}

    def positions(self, symbol: str = BTC) -> dict[str, dict[str, Any]]:
        """Open positions by side."""
        rows = self.get("/fapi/v3/positionRisk", symbol=symbol)
        return {row["positionSide"]: row for row in rows if Decimal(row["positionAmt"])}

    def income(self, kind: str) -> list[Decimal]:
        return [Decimal(row["income"]) for row in self.get("/fapi/v1/income", incomeType=kind, limit=1000)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
