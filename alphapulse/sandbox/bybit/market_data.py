"""The public endpoints about prices: tickers, the book, trades, funding, open interest."""

from decimal import Decimal
from zlib import crc32

from alphapulse.money import plain
from alphapulse.sandbox.book import Level
from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import Ask
from alphapulse.sandbox.bybit.listings import Listing, inverse_value
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.clock import HOUR_MS, MINUTE_MS
from alphapulse.sandbox.currencies import NUMERAIRE
from alphapulse.sandbox.funding import PERIOD_MS, last_funding_ms, next_funding_ms
from alphapulse.sandbox.markets import currency_worth
from alphapulse.sandbox.public_trades import PublicTrade, latest

_BOOK_DEPTH = {Category.SPOT: (1, 200), Category.LINEAR: (25, 500), Category.INVERSE: (25, 500)}
_TRADES = {Category.SPOT: (60, 60), Category.LINEAR: (500, 1000), Category.INVERSE: (500, 1000)}
_INTEREST_MS = {"5min": 5 * MINUTE_MS, "15min": 15 * MINUTE_MS, "30min": 30 * MINUTE_MS} | {
    "1h": HOUR_MS,
    "4h": 4 * HOUR_MS,
    "1d": 24 * HOUR_MS,
}

Row = dict[str, object]


def time(ask: Ask) -> Row:
    return {"timeSecond": str(ask.now_ms // 1000), "timeNano": str(ask.now_ms * 1_000_000)}


def system_status(_ask: Ask) -> Row:
    return {"list": []}


def tickers(ask: Ask) -> Row:
    rows = [_ticker(ask, listing) for listing in ask.listings.asked_for(ask.params)]
    return {"category": ask.params.category(), "list": rows}


def _ticker(ask: Ask, listing: Listing) -> Row:
    market = listing.market
    day, top = ask.exchange.day(market), ask.exchange.book(market).top()
    # Of the same moment as the day's extremes: a price of a millisecond later may lie outside of them.
    first, last = market.to_price(day.open), market.to_price(day.last)
    base = market.to_amount(day.volume)
    quote = (base * Decimal(repr(day.quote_volume / day.volume))).quantize(Decimal("1e-8"))
    shown: Row = {
        "symbol": listing.symbol,
        "bid1Price": plain(top.bid.price),
        "bid1Size": _size(listing, top.bid),
        "ask1Price": plain(top.ask.price),
        "ask1Size": _size(listing, top.ask),
        "lastPrice": plain(last),
        "prevPrice24h": plain(first),
        "price24hPcnt": plain(((last - first) / first).quantize(Decimal("1e-6"))),
        "highPrice24h": plain(market.to_price(day.high)),
        "lowPrice24h": plain(market.to_price(day.low)),
        "turnover24h": plain(base if listing.is_inverse else quote),
        "volume24h": plain(quote.quantize(Decimal(1)) if listing.is_inverse else base),
    }
    if listing.is_spot:
        return shown | {"usdIndexPrice": plain(_in_dollars(ask, market.base))}
    return shown | _contract_ticker(ask, listing, last)


def _in_dollars(ask: Ask, code: str) -> Decimal:
    return Decimal(f"{ask.exchange.prices.price(code, NUMERAIRE, ask.exchange.clock.market_ms()):.8f}")


def _contract_ticker(ask: Ask, listing: Listing, last: Decimal) -> Row:
    market = listing.market
    now_ms = ask.exchange.clock.market_ms()
    interest = _open_interest(listing, last, now_ms)
    coming = next_funding_ms(now_ms)
    dated = bool(market.delivery_ms)
    return {
        "indexPrice": plain(last),
        "markPrice": plain(last),
        "prevPrice1h": plain(ask.exchange.last(market, now_ms - HOUR_MS)),
        "openInterest": plain(interest),
        "openInterestValue": plain(
            (interest / last if listing.is_inverse else interest * last).quantize(Decimal("0.01"))
        ),
        "fundingRate": "" if dated else plain(ask.exchange.funding_rate(market, coming)),
        "nextFundingTime": "0" if dated else str(ask.exchange.clock.to_wall(coming)),
        "fundingIntervalHour": "" if dated else str(PERIOD_MS // HOUR_MS),
        "predictedDeliveryPrice": "",
        "basisRate": "0" if dated else "",
        "basis": "0" if dated else "",
        "deliveryFeeRate": "0.0005" if dated else "",
        "deliveryTime": str(market.delivery_ms),
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
    }


def orderbook(ask: Ask) -> Row:
    category = ask.params.category()
    listing = ask.listings.find(category, ask.params.required("symbol"))
    default, most = _BOOK_DEPTH[category]
    depth = ask.params.limit(default=default, most=most)
    book = ask.exchange.book(listing.market)
    second = ask.exchange.clock.market_ms() // 1000
    return {
        "s": listing.symbol,
        "b": [[plain(level.price), _size(listing, level)] for level in book.bids(depth)],
        "a": [[plain(level.price), _size(listing, level)] for level in book.asks(depth)],
        "ts": ask.now_ms,
        "u": second,
        "seq": second * 10,
        "cts": ask.now_ms,
    }


def recent_trade(ask: Ask) -> Row:
    category = ask.params.category()
    listing = ask.listings.find(category, ask.params.required("symbol"))
    default, most = _TRADES[category]
    trades = latest(ask.exchange, listing.market, ask.params.limit(default=default, most=most))
    return {"category": category, "list": [_trade(ask, listing, trade) for trade in reversed(trades)]}


def _trade(ask: Ask, listing: Listing, trade: PublicTrade) -> Row:
    return {
        "execId": str(trade.id),
        "symbol": listing.symbol,
        "price": plain(trade.price),
        "size": _size(listing, Level(trade.price, trade.amount)),
        "side": "Sell" if trade.is_buyer_maker else "Buy",
        "time": str(ask.exchange.clock.to_wall(trade.at_ms)),
        "isBlockTrade": False,
        "isRPITrade": False,
    }


def funding_history(ask: Ask) -> Row:
    category = ask.params.category()
    listing = ask.listings.find(category, ask.params.required("symbol"))
    if listing.is_spot or listing.market.delivery_ms:
        raise errors.bad_parameter("params error: symbol invalid")
    limit = ask.params.limit(default=200, most=200)
    now_ms = ask.exchange.clock.market_ms()
    newest = last_funding_ms(min(ask.params.whole("endTime") or now_ms, now_ms))
    oldest = max(newest - (limit - 1) * PERIOD_MS, ask.params.whole("startTime") or 0)
    rows = [
        {
            "symbol": listing.symbol,
            "fundingRate": plain(ask.exchange.funding_rate(listing.market, at_ms)),
            "fundingRateTimestamp": str(at_ms),
        }
        for at_ms in range(newest, oldest - 1, -PERIOD_MS)
    ]
    return {"category": category, "list": rows}


def open_interest(ask: Ask) -> Row:
    category = ask.params.category()
    listing = ask.listings.find(category, ask.params.required("symbol"))
    length = _INTEREST_MS.get(ask.params.required("intervalTime"))
    if listing.is_spot or length is None:
        raise errors.bad_parameter("params error: intervalTime invalid")
    now_ms = ask.exchange.clock.market_ms()
    newest = min(ask.params.whole("endTime") or now_ms, now_ms) // length * length
    limit = ask.params.limit(default=50, most=200)
    oldest = max(newest - (limit - 1) * length, ask.params.whole("startTime") or 0)
    rows = [
        {
            "openInterest": plain(_open_interest(listing, ask.exchange.last(listing.market, at), at)),
            "timestamp": str(at),
        }
        for at in range(newest, oldest - 1, -length)
    ]
    return {"symbol": listing.symbol, "category": category, "list": rows, "nextPageCursor": ""}


def _open_interest(listing: Listing, last: Decimal, at_ms: int) -> Decimal:
    market = listing.market
    swing = 1 + crc32(f"{listing.symbol}{at_ms // (5 * MINUTE_MS)}".encode()) % 1000 / 10_000
    interest = market.to_amount(50_000_000 / (1 + market.index) / currency_worth(market.base) * swing)
    return inverse_value(interest, last) if listing.is_inverse else interest


def _size(listing: Listing, level: Level) -> str:
    return plain(inverse_value(level.amount, level.price) if listing.is_inverse else level.amount)
