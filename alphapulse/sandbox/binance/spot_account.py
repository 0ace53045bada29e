"""Spot's account, and what the `sapi` calls say about wallets, keys and fees."""

from decimal import Decimal

from alphapulse.sandbox.accounts import Account, Holding
from alphapulse.sandbox.binance.params import fixed8
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.binance.spot_market import asked_markets
from alphapulse.sandbox.currencies import currency, currency_name
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market, MarketKind

Json = dict[str, object]
ZERO = Decimal(0)
EARN = "earn"  # the wallet behind simple-earn; spot shows its receipts as LD + coin


def account(request: Request) -> Json:
    owner = request.owner
    maker, taker = _spot_fees(request.exchange)
    return {
        "makerCommission": int(maker * 10_000),
        "takerCommission": int(taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": fixed8(maker),
            "taker": fixed8(taker),
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": request.key.can_trade if request.key else True,
        "canWithdraw": request.key.can_withdraw if request.key else False,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": owner.updated_ms,
        "accountType": "SPOT",
        "balances": _balances(request.exchange, owner, omit_zeros=request.params.flag("omitZeroBalances")),
        "permissions": ["SPOT"],
        "uid": owner.uid,
    }


def _balances(exchange: Exchange, owner: Account, *, omit_zeros: bool) -> list[Json]:
    held = dict(owner.wallets.get("spot", {}))
    for code, holding in owner.wallets.get(EARN, {}).items():
        held[f"LD{code}"] = Holding(holding.free)
    codes = held if omit_zeros else [*spot_currencies(exchange), *(code for code in held if code.startswith("LD"))]
    rows = [(code, held.get(code) or Holding()) for code in codes]
    return [
        {"asset": code, "free": fixed8(holding.free), "locked": fixed8(holding.locked)}
        for code, holding in rows
        if not omit_zeros or holding.total
    ]


def spot_currencies(exchange: Exchange) -> list[str]:
    """Every coin that can be held, in a steady order."""
    codes: dict[str, None] = {}
    for market in exchange.markets.of(MarketKind.SPOT).values():
        codes[market.base] = codes[market.quote] = None
    for holder in exchange.accounts.values():
        codes |= dict.fromkeys(holder.wallets.get("spot", {}))
    return list(codes)


def _spot_fees(exchange: Exchange) -> tuple[Decimal, Decimal]:
    market = next(iter(exchange.markets.of(MarketKind.SPOT).values()))
    return market.maker, market.taker


def commission(request: Request) -> list[Json]:
    return [_trade_fee(market) for market in asked_markets(request)]


def _trade_fee(market: Market) -> Json:
    return {"symbol": market.id, "makerCommission": str(market.maker), "takerCommission": str(market.taker)}


def order_limits(request: Request) -> list[Json]:
    return [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100, "count": 0},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000, "count": 0},
    ]


def funding_assets(request: Request) -> list[Json]:
    return _assets(request, "funding")


def user_assets(request: Request) -> list[Json]:
    return _assets(request, "spot")


def _assets(request: Request, wallet: str) -> list[Json]:
    asked = request.params.get("asset")
    return [
        {
            "asset": code,
            "free": fixed8(holding.free),
            "locked": fixed8(holding.locked),
            "freeze": "0",
            "withdrawing": "0",
            "ipoable": "0",
            "btcValuation": "0",
        }
        for code, holding in request.owner.wallets.get(wallet, {}).items()
        if holding.total and asked in ("", code)
    ]


def api_restrictions(request: Request) -> Json:
    key = request.key
    assert key is not None
    return {
        "ipRestrict": bool(key.ips),
        "createTime": key.created_ms,
        "enableReading": True,
        "enableWithdrawals": key.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": key.allows("margin"),
        "enableFutures": key.allows("futures"),
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": key.can_trade and key.allows("spot"),
        "enablePortfolioMarginTrading": False,
    }


def account_status(_request: Request) -> Json:
    return {"data": "Normal"}


def trading_status(request: Request) -> Json:
    return {"data": {"isLocked": False, "plannedRecoverTime": 0, "updateTime": request.owner.updated_ms}}


def account_info(request: Request) -> Json:
    key = request.key
    return {
        "vipLevel": 0,
        "isMarginEnabled": False,
        "isFutureEnabled": key is not None and key.allows("futures"),
        "isOptionsEnabled": False,
        "isPortfolioMarginRetailEnabled": False,
    }


def wallet_balances(request: Request) -> list[Json]:
    """What each wallet is worth in BTC, or in the quoteAsset asked for."""
    exchange, quote = request.exchange, request.params.get("quoteAsset") or "BTC"
    names = {"spot": "Spot", "funding": "Funding", "futures": "USDⓈ-M Futures", EARN: "Earn"}
    now_ms = exchange.clock.market_ms()
    rows = []
    for wallet, title in names.items():
        holdings = request.owner.wallets.get(wallet, {})
        worth = sum(float(held.total) * exchange.prices.price(code, quote, now_ms) for code, held in holdings.items())
        rows.append({"activate": True, "balance": f"{worth:.8f}", "walletName": title})
    return rows


def coins(request: Request) -> list[Json]:
    """Every coin with its networks: `capital/config/getall`."""
    held = request.owner.wallets.get("spot", {})
    return [_coin(code, held.get(code) or Holding()) for code in spot_currencies(request.exchange)]


def _coin(code: str, holding: Holding) -> Json:
    is_fiat = currency(code).is_fiat
    return {
        "coin": code,
        "depositAllEnable": not is_fiat,
        "withdrawAllEnable": not is_fiat,
        "name": currency_name(code),
        "free": fixed8(holding.free),
        "locked": fixed8(holding.locked),
        "freeze": "0",
        "withdrawing": "0",
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "isLegalMoney": is_fiat,
        "trading": True,
        "networkList": [] if is_fiat else [_network(code)],
    }


def network_of(code: str) -> str:
    return {"BTC": "BTC", "SOL": "SOL", "XRP": "XRP", "TRX": "TRX", "BNB": "BSC"}.get(code, "ETH")


def _network(code: str) -> Json:
    network = network_of(code)
    fee = Decimal(f"{2.5 / currency(code).worth:.6f}") or Decimal("0.000001")
    return {
        "network": network,
        "coin": code,
        "withdrawIntegerMultiple": "0.00000001",
        "isDefault": True,
        "depositEnable": True,
        "withdrawEnable": True,
        "depositDesc": "",
        "withdrawDesc": "",
        "specialTips": "",
        "name": network,
        "resetAddressStatus": False,
        "addressRegex": "",
        "memoRegex": "",
        "withdrawFee": fixed8(fee),
        "withdrawMin": fixed8(fee * 2),
        "withdrawMax": "9999999999.99999999",
        "depositDust": "0.00000001",
        "minConfirm": 12,
        "unLockConfirm": 0,
        "sameAddress": False,
        "estimatedArrivalTime": 5,
        "busy": False,
    }


def margin_pairs(request: Request) -> list[Json]:
    pairs = [market for market in request.exchange.markets.of(MarketKind.SPOT).values() if market.index < 100]
    return [
        {
            "id": 351637150141315861 + market.index,
            "symbol": market.id,
            "base": market.base,
            "quote": market.quote,
            "isMarginTrade": True,
            "isBuyAllowed": True,
            "isSellAllowed": True,
        }
        for market in pairs
    ]


def isolated_account(_request: Request) -> Json:
    return {"assets": []}


def no_rows(_request: Request) -> Json:
    return {"rows": [], "total": 0}


def nothing(_request: Request) -> list[Json]:
    return []


def system_status(_request: Request) -> Json:
    return {"status": 0, "msg": "normal"}
