"""What Bybit lists: the engine's spot and linear markets, dated futures among them, and a few inverse contracts.

An inverse contract is one dollar's worth of a coin, priced in dollars and settled in the coin. The sandbox shows
its market, priced by the linear one of the same coin, and trades none of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.params import Category, Params
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import Market, MarketKind

INVERSE_BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LTC", "DOT")
_KINDS = {Category.SPOT: MarketKind.SPOT, Category.LINEAR: MarketKind.LINEAR}


@dataclass(frozen=True, slots=True)
class Listing:
    """`market` is what the engine trades, or for an inverse contract what it is priced by."""

    category: Category
    symbol: str
    market: Market

    @property
    def is_spot(self) -> bool:
        return self.category is Category.SPOT

    @property
    def is_inverse(self) -> bool:
        return self.category is Category.INVERSE

    @property
    def quote(self) -> str:
        return "USD" if self.is_inverse else self.market.quote

    @property
    def settle(self) -> str:
        return self.market.base if self.is_inverse else self.market.settle

    @property
    def contract_type(self) -> str:
        if self.is_inverse:
            return "InversePerpetual"
        return "LinearFutures" if self.market.delivery_ms else "LinearPerpetual"


class Listings:
    def __init__(self, exchange: Exchange) -> None:
        self._by_category: dict[Category, dict[str, Listing]] = {category: {} for category in Category}
        for category, kind in _KINDS.items():
            for market in exchange.markets.of(kind).values():
                self._by_category[category][market.id] = Listing(category, market.id, market)
        for base in INVERSE_BASES:
            priced_by = exchange.markets.get(MarketKind.LINEAR, f"{base}USDT")
            if priced_by is not None:
                symbol = f"{base}USD"
                self._by_category[Category.INVERSE][symbol] = Listing(Category.INVERSE, symbol, priced_by)

    def of(self, category: Category) -> dict[str, Listing]:
        return self._by_category[category]

    def find(self, category: Category, symbol: str, *, trading: bool = False) -> Listing:
        listing = self._by_category[category].get(symbol)
        if listing is None:
            raise errors.unknown_symbol(spot=category is Category.SPOT, trading=trading)
        return listing

    def asked_for(self, params: Params) -> Iterator[Listing]:
        """The category's listings, or the one symbol's."""
        category = params.category()
        symbol = params.text("symbol")
        if symbol is not None:
            return iter([self.find(category, symbol)])
        base = params.text("baseCoin")
        return (listing for listing in self.of(category).values() if base in (None, listing.market.base))


def category_of(market: Market) -> Category:
    return Category.SPOT if market.is_spot else Category.LINEAR


def inverse_value(amount: Decimal, price: Decimal) -> Decimal:
    """An amount of coin as contracts of one dollar."""
    return (amount * price).quantize(Decimal(1))
