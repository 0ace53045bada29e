"""The accounts of a suite run: one for each run of the harness, with money, addresses in the sandbox, and a past."""

from typing import Any

import ccxt

from alphapulse.sandbox.testing import SandboxControl

# What each exchange calls the wallets that its harness runs trade from.
HOLDINGS = {
    "binance": {
        "spot": {"USDT": "100000", "BTC": "10", "ETH": "50", "BNB": "20"},
        "futures": {"USDT": "100000", "BTC": "10"},
    },
    "bybit": {
        "unified": {"USDT": "100000", "BTC": "10", "ETH": "50"},
        "fund": {"USDT": "1000"},
    },
}
# fetchOrder of unified Bybit accounts wants to hear that one knows its limits.
OPTIONS: dict[str, dict[str, Any]] = {"bybit": {"fetchOrder": {"acknowledged": True}}}
# Away from BTC, which the harness trades: a position of ours would turn its orders round.
SPOT, SWAP = "ETH/USDT", "ETH/USDT:USDT"

Settings = dict[str, Any]


class NoPast(Exception):
    """An account came out of the seeding without something that the harness should find."""


def new_account(sandbox: SandboxControl, exchange: str, name: str) -> Settings:
    """The harness's settings for a client: what `keys.local.json` says of an exchange."""
    account = sandbox.create_account(exchange, name=name, holdings=HOLDINGS[exchange])
    client = sandbox.point(getattr(ccxt, exchange)())
    return {
        "apiKey": account.api_key,
        "secret": account.secret,
        "urls": {"api": client.urls["api"]},
        "options": OPTIONS.get(exchange, {}),
    }


def give_a_past(exchange: str, settings: Settings) -> None:
    """Orders open, filled and cancelled, trades and a position: ccxt's tests accept empty lists, we do not."""
    for kind, symbol in (("spot", SPOT), ("swap", SWAP)):
        client = _client(exchange, settings, kind)
        _trade(client, symbol)
        found = {
            "open orders": client.fetch_open_orders(symbol),
            "closed orders": client.fetch_closed_orders(symbol),
            "trades": client.fetch_my_trades(symbol),
            "balances": [code for code, total in client.fetch_balance()["total"].items() if total],
        }
        if kind == "swap":
            found["positions"] = client.fetch_positions()
        if missing := [what for what, rows in found.items() if not rows]:
            raise NoPast(f"{exchange} {kind}: no {', '.join(missing)}")


def _client(exchange: str, settings: Settings, kind: str) -> Any:
    client = getattr(ccxt, exchange)({"apiKey": settings["apiKey"], "secret": settings["secret"]})
    client.urls["api"] = settings["urls"]["api"]
    client.options = client.deep_extend(client.options, settings["options"], {"defaultType": kind})
    return client


def _trade(client: Any, symbol: str) -> None:
    """A swap is bought for more than the wallet holds, so that there is a price at which it would be liquidated."""
    last = client.fetch_ticker(symbol)["last"]
    worth = 1.5 if symbol == SWAP else 0.1
    client.create_order(symbol, "market", "buy", client.fetch_balance()["USDT"]["total"] * worth / last)
    client.create_order(symbol, "limit", "buy", 1, last * 0.8)
    withdrawn = client.create_order(symbol, "limit", "buy", 1, last * 0.7)
    client.cancel_order(withdrawn["id"], symbol)
