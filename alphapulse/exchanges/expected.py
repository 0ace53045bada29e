"""In which markets an account may have traded, as far as that is known without asking in each of them. Pure.

Some exchanges tell trades and orders only market by market, and have thousands of markets: all of Binance's would cost
45,000 of weight an account. What an account has had to do with says where to ask first; the rest is swept slowly.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from alphapulse.exchanges.history import Event
from alphapulse.types import FundingPayment, Order, Trade

# A quote currency of so many of an exchange's markets is one that anything is bought with, whether it was seen or not.
MAIN_QUOTE = 0.05


class Listed(NamedTuple):
    """A market. `settle` is empty for spot."""

    symbol: str
    base: str
    quote: str
    settle: str


def expected(markets: Sequence[Listed], seen: Collection[str], here: Collection[str]) -> list[str]:
    """The symbols of one type of market that an account has likely traded in. Both are of currencies and symbols.

    `seen` anywhere in the account; `here`, in the wallet whose trades these are: the same, where it has no money of its
    own.
    """
    quotes = _main_quotes(markets) | set(here)
    return [market.symbol for market in markets if _is_expected(market, seen, here, quotes)]


def _is_expected(market: Listed, seen: Collection[str], here: Collection[str], quotes: Collection[str]) -> bool:
    if market.settle:
        return market.symbol in seen or (market.base in seen and market.settle in here)
    return market.symbol in here or (market.base in here and market.quote in quotes)


def _main_quotes(markets: Sequence[Listed]) -> set[str]:
    numbers = Counter(market.quote for market in markets)
    return {quote for quote, number in numbers.items() if number >= MAIN_QUOTE * len(markets)}


def names_in(symbol: str) -> set[str]:
    """What an account has seen that has to do with a symbol, or a currency: itself, and the currencies that it moves.

    A contract's base is not moved: `BTC/USDT:USDT` is itself and `USDT`.
    """
    pair, _, settle = symbol.partition(":")
    if settle:
        return {symbol, settle.partition("-")[0]}
    return {symbol, *pair.split("/")}


def names_of(events: Iterable[Event]) -> set[str]:
    """The currencies and symbols that these events speak of."""
    names: set[str] = set()
    for event in events:
        if isinstance(event, Trade | Order | FundingPayment):
            names |= names_in(event.symbol)
        else:
            names.add(event.currency)
        if isinstance(event, Trade) and event.fee_currency:
            names.add(event.fee_currency)
    return names


def is_hint(symbol: str, changed: Collection[str]) -> bool:
    """May something have happened in the market, when these balances, positions or orders of the account changed?

    A trade changes what one has of the base; that of the quote changes with every other market's trades, too.
    """
    return symbol in changed or (":" not in symbol and symbol.partition("/")[0] in changed)
