"""Contracts as Binance lists them: which there are, their filters, brackets and decimals."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from alphapulse.sandbox.dated import dated_futures, next_deliveries
from alphapulse.sandbox.margin import Bracket, brackets_up_to
from alphapulse.sandbox.markets import Market, MarketKind, linear_markets

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


# Dollars in a contract.
_COIN_SIZES = {"BTC": 100, "ETH": 10, "SOL": 10, "XRP": 10}


def coin_contracts(linear: Sequence[Market], now_ms: int) -> list[Market]:
    """COIN-M: the perpetuals of a few coins, and BTC's coming quarters; priced like the linear ones."""
    by_base = {market.base: market for market in linear if market.quote == "USDT" and not market.delivery_ms}
    perpetuals = [
        _coin_contract(by_base[base], index, f"{base}USD_PERP", size)
        for index, (base, size) in enumerate(_COIN_SIZES.items())
        if base in by_base
    ]
    btc, count = perpetuals[0], len(perpetuals)
    return perpetuals + [
        replace(btc, id=f"BTCUSD_{_day(delivery_ms)}", index=count + number, delivery_ms=delivery_ms)
        for number, delivery_ms in enumerate(next_deliveries(now_ms))
    ]


def _coin_contract(priced_like: Market, index: int, market_id: str, size: int) -> Market:
    return replace(
        priced_like,
        kind=MarketKind.INVERSE,
        id=market_id,
        quote="USD",
        step=Decimal(1),
        min_amount=Decimal(1),
        max_amount=Decimal(1_000_000),
        min_notional=Decimal(0),
        contract_size=Decimal(size),
        index=index,
    )


def _day(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%y%m%d}"


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


@lru_cache(maxsize=16)
def _coin_table(max_leverage: int) -> tuple[Bracket, ...]:
    """In coins, of which a position has fewer than of dollars."""
    return tuple(
        replace(step, floor=step.floor.scaleb(-4), cap=step.cap.scaleb(-4), cum=step.cum.scaleb(-4))
        for step in _table(max_leverage)
    )


def brackets(market: Market) -> tuple[Bracket, ...]:
    return (_coin_table if market.is_inverse else _table)(market.max_leverage)


def price_precision(market: Market) -> int:
    """Decimals a price may be written with; the big ones have one more than their tick needs, as the real ones."""
    return market.price_digits + (1 if market.base in ("BTC", "ETH") and not market.is_inverse else 0)


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
