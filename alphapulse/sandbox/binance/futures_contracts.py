"""USD-M contracts as Binance lists them: which there are, their filters, brackets and decimals."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from alphapulse.sandbox.dated import dated_futures, next_deliveries
from alphapulse.sandbox.margin import Bracket, brackets_up_to
from alphapulse.sandbox.markets import Market, linear_markets

MULTIPLIER_UP, MULTIPLIER_DOWN = Decimal("1.05"), Decimal("0.95")
MAX_MARKET_SHARE = 10  # a market order may be a tenth of the largest limit order
_USDC_MARGINED = 5  # so many of the biggest also exist with USDC
_NO_LIMIT = Decimal(10) ** 9


def contracts(count: int, now_ms: int) -> list[Market]:
    """The perpetuals, margined in USDT and the biggest also in USDC, and the coming quarters.

    How far a limit price may lie from the mark is one-sided here (a purchase may be as cheap as it likes): the
    engine's two-sided filter is opened, `futures_checks` has the rule.
    """
    listed = [_binances(market) for market in linear_markets(count)]
    biggest = listed[:_USDC_MARGINED]
    listed += [
        replace(market, id=f"{market.base}USDC", quote="USDC", index=len(listed) + place)
        for place, market in enumerate(biggest)
    ]
    return listed + dated_futures(listed, now_ms, _quarterly)


def _quarterly(market: Market, delivery: datetime) -> str:
    """`BTCUSDT_251226`"""
    return f"{market.id}_{delivery:%y%m%d}"


def contract_type(market: Market, now_ms: int) -> str:
    if not market.delivery_ms:
        return "PERPETUAL"
    return "CURRENT_QUARTER" if market.delivery_ms == next_deliveries(now_ms)[0] else "NEXT_QUARTER"


def _binances(market: Market) -> Market:
    notional = {"BTC": Decimal(100), "ETH": Decimal(20)}.get(market.base, Decimal(5))
    return replace(market, min_notional=notional, lowest_factor=Decimal(0), highest_factor=_NO_LIMIT)


@lru_cache(maxsize=16)
def _table(max_leverage: int) -> tuple[Bracket, ...]:
    return brackets_up_to(max_leverage)


def brackets(market: Market) -> tuple[Bracket, ...]:
    return _table(market.max_leverage)


def price_precision(market: Market) -> int:
    """Decimals a price may be written with; the big ones have one more than their tick needs, as the real ones."""
    return market.price_digits + (1 if market.base in ("BTC", "ETH") else 0)


def max_market_amount(market: Market) -> Decimal:
    return max(market.step, market.max_amount / MAX_MARKET_SHARE)


def in_price(market: Market, price: Decimal) -> str:
    return f"{price:.{price_precision(market)}f}"


def in_amount(market: Market, amount: Decimal) -> str:
    return f"{amount:.{market.amount_digits}f}"


def money(amount: Decimal) -> str:
    """USD-M writes money with eight decimals."""
    return f"{amount:.8f}"


def average(price: Decimal) -> str:
    """An average has as many decimals as it needs, and at least one."""
    text = f"{price:.12f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
