"""Where our reading of an exchange's answers is not ccxt's.

Everywhere `total` is the wallet's balance, without unrealised PnL: that is told once, with the positions.
"""

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import ccxt.async_support

from alphapulse.exchanges.answers import rows_in
from alphapulse.exchanges.ccxt.paging import MOST_PAGES
from alphapulse.exchanges.ccxt.transport import Transport
from alphapulse.exchanges.errors import BadResponse, PermissionMissing
from alphapulse.money import ZERO, add, to_decimal

_LOCKED_PER_PAGE = 100
_FILLS = ("filled", "remaining", "average", "cost")


class Binance(Transport, ccxt.async_support.binance):  # type: ignore[misc]
    def parse_balance_custom(self, response: Any, type: Any = None, *rest: Any, **named: Any) -> Any:
        """Futures: ccxt takes the margin balance, and leaves out rows that never changed whatever they hold."""
        if type in ("linear", "inverse") and isinstance(response, dict):
            rows = [
                {**row, "marginBalance": row["walletBalance"], "updateTime": row.get("updateTime") or None}
                for row in response.get("assets", [])
            ]
            response = {**response, "assets": rows}
        return super().parse_balance_custom(response, type, *rest, **named)

    def parse_position_risk(self, position: Any, market: Any = None) -> Any:
        """ccxt knows the side by the notional, which COIN-M may leave out."""
        parsed = super().parse_position_risk(position, market)
        amount = to_decimal(position["positionAmt"])
        return {**parsed, "side": parsed["side"] or ("long" if amount > 0 else "short")}

    def parse_order(self, order: Any, market: Any = None) -> Any:
        """A trigger order that went off became another order: that one tells what was filled."""
        parsed = super().parse_order(order, market)
        return {**parsed, **dict.fromkeys(_FILLS)} if order.get("actualOrderId") else parsed

    async def fetch_locked_earn(self, params: Any = None) -> Any:
        """Locked simple-earn as a balance: a coin may be locked several times, and there may be several pages."""
        total: dict[str, Decimal] = {}
        for row in await self._locked_positions():
            code = self.safe_currency_code(row["asset"])
            total[code] = add(total.get(code, ZERO), to_decimal(row["amount"]))
        return {code: {"free": ZERO, "used": amount, "total": amount} for code, amount in total.items()}

    async def _locked_positions(self) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        for number in range(1, MOST_PAGES + 1):
            page = await self.sapi_get_simple_earn_locked_position({"current": number, "size": _LOCKED_PER_PAGE})
            found = rows_in(page, "rows[]")
            assert isinstance(found, list)
            rows += found
            if len(found) < _LOCKED_PER_PAGE:
                return rows
        raise BadResponse(f"The answer has more than {MOST_PAGES} pages.")


class Okx(Transport, ccxt.async_support.okx):  # type: ignore[misc]
    def parse_trading_balance(self, response: Any) -> Any:
        """ccxt takes the equity, which has unrealised PnL in it."""
        balance = super().parse_trading_balance(response)
        for row in response["data"][0]["details"] if response["data"] else ():
            account = balance.get(self.safe_currency_code(row["ccy"]))
            if account is not None and row.get("cashBal"):
                account["total"] = row["cashBal"]
                account["debt"] = row.get("liab") or None
        return balance


class Kraken(Transport, ccxt.async_support.kraken):  # type: ignore[misc]
    def nonce(self) -> int:
        """Rising strictly, within a millisecond too, and by our clock alone: other processes measure other offsets."""
        self.line.last_nonce = max(self.line.last_nonce + 1, int(time.time() * 1000))
        return self.line.last_nonce

    def parse_order(self, order: Any, market: Any = None) -> Any:
        """A reference of 0 is how Kraken writes that there is none."""
        parsed = super().parse_order(order, market)
        return {**parsed, "clientOrderId": None if parsed["clientOrderId"] == "0" else parsed["clientOrderId"]}

    async def fetch_positions(self, symbols: Any = None, params: Any = None) -> Any:
        """No positions come as an empty mapping instead of an empty list, which ccxt does not expect."""
        response = await self.private_post_openpositions(
            {"docalcs": "true", "consolidation": "market", **(params or {})}
        )
        return self.parse_positions(response["result"] or [], symbols)


class Kucoin(Transport, ccxt.async_support.kucoin):  # type: ignore[misc]
    async def fetch_contract_balance(self, params: Any = None) -> Any:
        """ccxt takes the equity, which has unrealised PnL in it."""
        balance = await super().fetch_contract_balance(params or {})
        account = balance["info"]["data"]
        code = self.safe_currency_code(account["currency"])
        balance[code]["total"] = self.safe_string(account, "marginBalance")
        balance[code]["used"] = None
        return balance


class Gate(Transport, ccxt.async_support.gate):  # type: ignore[misc]
    async def load_unified_status(self, params: Any = None) -> bool:
        """ccxt takes any failure of this call for "no", and would then find a unified account's wallets empty."""
        if self.options.get("unifiedAccount") is None:
            try:
                detail = await self.private_account_get_detail(params or {})
            except ccxt.async_support.PermissionDenied:
                # A key without the right to ask belongs to a classic account as likely as not; its reads will tell.
                self.options["unifiedAccount"] = False
            else:
                self.options["unifiedAccount"] = self.safe_integer(detail["key"], "mode") == 2
        return bool(self.options["unifiedAccount"])

    async def fetch_balance(self, params: Any = None) -> Any:
        """A unified account has one wallet: asked for under two names, its money would count twice."""
        if (params or {}).get("type") != "spot" and await self.load_unified_status():
            raise PermissionMissing("Gate: this account is unified; its futures wallet is part of the spot one.")
        return await super().fetch_balance(params or {})

    def parse_funding_history(self, info: Any, market: Any = None) -> Any:
        """ccxt takes the text for the contract's name; a number stands behind that by now."""
        return super().parse_funding_history({**info, "text": info.get("contract") or info["text"]}, market)


class Coinbase(Transport, ccxt.async_support.coinbase):  # type: ignore[misc]
    async def fetch_balance(self, params: Any = None) -> Any:
        """ccxt counts a page twice whose cursor repeats, and leaves out accounts of a type that it does not know."""
        rows = await self._all_accounts()
        for row in rows:
            held = self.safe_string(row["available_balance"], "value"), self.safe_string(row["hold"], "value")
            if row["type"] not in self.options["v3Accounts"] and any(to_decimal(amount) for amount in held):
                raise BadResponse(f"Coinbase has an account of the type {row['type']!r}, which nobody has described.")
        return self.parse_custom_balance({"accounts": rows})

    async def _all_accounts(self) -> list[Mapping[str, Any]]:
        accounts: dict[str, Mapping[str, Any]] = {}
        cursors = [""]
        while len(cursors) <= MOST_PAGES:
            request = {"limit": 250} | ({"cursor": cursors[-1]} if cursors[-1] else {})
            page = await self.v3_private_get_brokerage_accounts(request)
            rows_in(page, "accounts[]")
            accounts |= {row["uuid"]: row for row in page["accounts"]}
            if page.get("has_next") is not True:
                return list(accounts.values())
            cursors.append(page.get("cursor") or "")
            if cursors[-1] in cursors[:-1]:
                break
        raise BadResponse("Coinbase says that there are more accounts, and does not tell where.")


class Bybit(Transport, ccxt.async_support.bybit):  # type: ignore[misc]
    def parse_order(self, order: Any, market: Any = None) -> Any:
        """ccxt calls a spot order closed that was canceled when a part of it had been filled."""
        parsed = super().parse_order(order, market)
        is_canceled = order.get("orderStatus") == "PartiallyFilledCanceled"
        return {**parsed, "status": "canceled"} if is_canceled else parsed

    async def fetch_my_trades(self, symbol: Any = None, since: Any = None, limit: int = 100, params: Any = None) -> Any:
        """ccxt asks for executions of the type Trade alone, takes those of spot for contracts', and guesses whose the
        currency of a fee is. Liquidations and the like are fills, too.
        """
        request = {"startTime": since, "limit": limit, **(params or {})}
        answer = (await self.private_get_v5_execution_list(request))["result"]
        return self.parse_trades([_told(row, answer["category"]) for row in answer["list"]])


def _told(execution: Mapping[str, Any], category: str) -> Mapping[str, Any]:
    fee_coin = execution.get("feeCoin") or execution.get("feeCurrency")
    return {"category": category, **execution} | ({"feeCoin": fee_coin} if fee_coin else {})


# Exchanges with a class of their own; the others go through the same door with ccxt's.
CLASSES: Mapping[str, type[Any]] = {
    "binance": Binance,
    "bybit": Bybit,
    "okx": Okx,
    "kraken": Kraken,
    "kucoin": Kucoin,
    "gate": Gate,
    "coinbase": Coinbase,
}
