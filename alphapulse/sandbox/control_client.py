"""The control of a running sandbox as methods: each is one call of `/_sandbox/`, documented in README.md."""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

Amount = object  # anything whose text is a number: "1.5", Decimal, int
Holdings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Credentials:
    exchange: str
    account: str
    api_key: str
    secret: str
    uid: int


class ControlRefused(Exception):
    """The control said no; the text is its sentence."""


class SandboxControl:
    """The control of a running sandbox, wherever it runs."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def host(self, name: str) -> str:
        """Where `https://<name>` leads: `sandbox.host("api.binance.com")`."""
        return f"{self.url}/{name}"

    def point(self, client: Any) -> Any:
        """Rewrite every URL of a ccxt client to this sandbox, and return the client."""
        client.urls["api"] = self._pointed(client.urls["api"], getattr(client, "hostname", None) or "")
        return client

    def _pointed(self, urls: Any, hostname: str) -> Any:
        if isinstance(urls, dict):
            return {name: self._pointed(url, hostname) for name, url in urls.items()}
        if not isinstance(urls, str):
            return urls
        return urls.replace("{hostname}", hostname).replace("https://", f"{self.url}/")

    def health(self) -> dict[str, Any]:
        return dict(self.ask("GET", "health"))

    def create_account(
        self,
        exchange: str,
        *,
        name: str | None = None,
        holdings: Holdings | None = None,
        api_key: str | None = None,
        secret: str | None = None,
        positions: list[dict[str, Any]] | None = None,
        debts: Mapping[str, Any] | None = None,
        **permissions: Any,
    ) -> Credentials:
        """`holdings` is {currency: amount} or {wallet: {currency: amount}}. An existing key changes nothing.

        `permissions`: wallets (a list; all when left out), can_trade, can_withdraw, ips.
        """
        wish = {
            "exchange": exchange,
            "name": name,
            "holdings": _texts(holdings or {}),
            "api_key": api_key,
            "secret": secret,
            "positions": _texts(positions or []),
            "debts": _texts(debts or {}),
        }
        return _credentials(self.ask("POST", "accounts", _given(wish) | permissions))

    def accounts(self, exchange: str | None = None) -> list[dict[str, Any]]:
        return list(self.ask("GET", "accounts", _given({"exchange": exchange})))

    def account(self, exchange: str, account: str) -> dict[str, Any]:
        [found] = self.ask("GET", "accounts", {"exchange": exchange, "account": account})
        return dict(found)

    def put_key(self, exchange: str, account: str, *, api_key: str | None = None, **permissions: Any) -> Credentials:
        """One more key for the account, or other permissions for one it has (also `is_enabled`)."""
        wish = _given({"exchange": exchange, "account": account, "api_key": api_key})
        return _credentials(self.ask("PUT", "keys", wish | permissions))

    def remove_key(self, exchange: str, api_key: str) -> None:
        self.ask("DELETE", "keys", {"exchange": exchange, "api_key": api_key})

    def set_balance(
        self, exchange: str, account: str, currency: str, amount: Amount, *, wallet: str | None = None
    ) -> None:
        """Make the free amount this much. `account` is its name or one of its keys, here and everywhere."""
        wish = {"exchange": exchange, "account": account, "wallet": wallet, "balances": {currency: str(amount)}}
        self.ask("PUT", "balances", _given(wish))

    def set_debt(self, exchange: str, account: str, currency: str, borrowed: Amount, *, interest: Amount = 0) -> None:
        debts = {currency: {"borrowed": str(borrowed), "interest": str(interest)}}
        self.ask("PUT", "debts", {"exchange": exchange, "account": account, "debts": debts})

    def set_position(
        self,
        exchange: str,
        account: str,
        market: str,
        amount: Amount,
        *,
        entry_price: Amount | None = None,
        side: str | None = None,
        leverage: int | None = None,
    ) -> None:
        """Contracts, negative for a short; zero closes. `side` long or short makes it a leg of hedge mode."""
        wish = {"exchange": exchange, "account": account, "market": market, "amount": str(amount), "side": side}
        wish |= {"entry_price": _text(entry_price), "leverage": _text(leverage)}
        self.ask("PUT", "positions", _given(wish))

    def price(self, pair: str) -> float:
        return float(self.ask("GET", "prices", {"pair": pair})["price"])

    def set_price(self, pair: str, price: Amount, *, hold: bool = True) -> None:
        """The base currency is worth this from now on; held until released, or walking on from there."""
        self.ask("POST", "prices", {"pair": pair, "price": str(price), "hold": hold})

    def move_price(self, pair: str, factor: float) -> None:
        self.ask("POST", "prices", {"pair": pair, "factor": factor})

    def release_price(self, pair: str) -> None:
        self.ask("POST", "prices", {"pair": pair, "release": True})

    def orders(self, exchange: str | None = None, account: str | None = None) -> list[dict[str, Any]]:
        """Every order ever accepted, oldest first."""
        return list(self.ask("GET", "orders", _given({"exchange": exchange, "account": account})))

    def place_order(
        self,
        exchange: str,
        account: str,
        market: str,
        side: str,
        amount: Amount,
        *,
        price: Amount | None = None,
        away: float | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A limit order at `price`, or at `away` times the market's price; a market order without either.

        `more`: kind, wallet, client_order_id.
        """
        wish = {"exchange": exchange, "account": account, "market": market, "side": side, "amount": str(amount)}
        return dict(self.ask("POST", "orders", wish | _given({"price": _text(price), "away": _text(away), **more})))

    def cancel_order(
        self, exchange: str, account: str, *, order_id: object = None, client_order_id: str | None = None
    ) -> dict[str, Any]:
        wish = {"exchange": exchange, "account": account, "client_order_id": client_order_id}
        return dict(self.ask("POST", "orders/cancel", _given(wish | {"order_id": _text(order_id)})))

    def fill_order(
        self,
        exchange: str,
        account: str,
        *,
        order_id: object = None,
        client_order_id: str | None = None,
        amount: Amount | None = None,
        price: Amount | None = None,
    ) -> dict[str, Any]:
        """Fill an open order, or a part of it, now."""
        wish = {"exchange": exchange, "account": account, "client_order_id": client_order_id}
        wish |= {"order_id": _text(order_id), "amount": _text(amount), "price": _text(price)}
        return dict(self.ask("POST", "orders/fill", _given(wish)))

    def plant_history(self, exchange: str, account: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Past events (README: "A past"); balances move by them. Returns how many were planted: all of them."""
        wish = {"exchange": exchange, "account": account, "rows": _texts(list(rows), keep=("at", "closed_at"))}
        return int(self.ask("POST", "history", wish)["planted"])

    def generate_history(self, exchange: str, account: str, **wish: Any) -> int:
        """A past made up: days, trades, symbols, seed, burst, until_ms. Returns how many rows were planted."""
        return int(self.ask("POST", "history", {"exchange": exchange, "account": account, "generate": wish})["planted"])

    def history(self, exchange: str, account: str, kind: str | None = None) -> list[dict[str, Any]]:
        """The truth: every order, trade and other line of the account's book, oldest first."""
        return list(self.ask("GET", "history", _given({"exchange": exchange, "account": account, "kind": kind})))

    def fault(self, kind: str, **fields: Any) -> int:
        """Order a fault (see `Fault` and `FaultKind`); `for_s` is how long it lasts. Returns its id."""
        return int(self.ask("POST", "faults", {"kind": kind, **fields})["id"])

    def faults(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", "faults"))

    def clear_faults(self, fault_id: int | None = None) -> None:
        self.ask("DELETE", "faults", _given({"id": fault_id}))

    def requests(self, **equal: Any) -> list[dict[str, Any]]:
        """What was asked, oldest first: by host, path (prefix), method, key, account, remote, fault, since, limit."""
        return list(self.ask("GET", "requests", equal))

    def forget_requests(self) -> None:
        self.ask("DELETE", "requests")

    def forgive(self) -> None:
        """Empty every budget and lift every ban that was earned."""
        self.ask("POST", "forgive")

    def ask(self, method: str, path: str, wish: Mapping[str, Any] | None = None) -> Any:
        """Any call of the control. Raises ControlRefused."""
        address = self.url.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=30)
        try:
            target, body = f"/_sandbox/{path}", None
            if method == "GET":
                target += f"?{urlencode(wish)}" if wish else ""
            else:
                body = orjson.dumps(dict(wish or {}))
            connection.request(method, target, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = orjson.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 400:
            raise ControlRefused(content["error"])
        return content


def _credentials(told: Mapping[str, Any]) -> Credentials:
    return Credentials(told["exchange"], told["account"], told["api_key"], told["secret"], told["uid"])


def _given(wish: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wish.items() if value is not None}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(value: Any, keep: Sequence[str] = ()) -> Any:
    """Amounts as text, however deep, so that no float is made of them; fields to `keep` stay as they are."""
    if isinstance(value, Mapping):
        return {name: inner if name in keep else _texts(inner, keep) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(inner, keep) for inner in value]
    return value if isinstance(value, bool | None) else str(value)
