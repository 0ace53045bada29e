"""Markets with the filters a real exchange puts on them, as many as asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import floor, log10

from alphapulse.sandbox.currencies import NUMERAIRE, bases, currency


class MarketKind(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"  # contracts settled in the quote currency
    INVERSE = "inverse"  # contracts of so many dollars, settled in the coin


@dataclass(frozen=True, slots=True)
class Market:
    """`id` is the exchange's own (`BTCUSDT`), unique within a kind. Steps are powers of ten."""

    kind: MarketKind
    id: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_amount: Decimal
    max_amount: Decimal
    min_notional: Decimal
    maker: Decimal
    taker: Decimal
    max_leverage: int = 1
    lowest_factor: Decimal = Decimal("0.2")  # limit prices must lie between these, times the market's price
    highest_factor: Decimal = Decimal(5)
    index: int = 0
    delivery_ms: int = 0  # of a dated future; zero: a perpetual, which pays funding
    contract_size: Decimal = Decimal(0)  # of an inverse contract, in the quote currency

    @property
    def settle(self) -> str:
        return self.base if self.is_inverse else self.quote

    @property
    def is_spot(self) -> bool:
        return self.kind is MarketKind.SPOT

    @property
    def is_inverse(self) -> bool:
        return self.kind is MarketKind.INVERSE

    def worth(self, price: Decimal) -> Decimal:
        """What one of an amount is worth at that price, in the settle currency."""
        return self.contract_size / price if self.is_inverse else price

    def level(self, price: Decimal) -> Decimal:
        """The price as positions count it: what is bought at one level and sold at another earns the difference.

        An inverse contract is worth fewer coins the dearer they are, so its level is its worth below zero.
        """
        return -self.worth(price) if self.is_inverse else price

    def average(self, amount: Decimal, cost: Decimal) -> Decimal:
        """The price at which an amount costs this much, in the settle currency; zero for nothing."""
        if not amount or not cost:
            return Decimal(0)
        return self.contract_size * abs(amount / cost) if self.is_inverse else cost / amount

    @property
    def price_digits(self) -> int:
        return max(0, -int(self.tick.as_tuple().exponent))

    @property
    def amount_digits(self) -> int:
        return max(0, -int(self.step.as_tuple().exponent))

    def to_price(self, value: float) -> Decimal:
        """The nearest price that the tick allows, never zero."""
        return Decimal(f"{value:.{self.price_digits}f}") or self.tick

    def to_amount(self, value: float) -> Decimal:
        return Decimal(f"{value:.{self.amount_digits}f}") or self.step


class MarketBook:
    """The markets of one exchange, found by kind and id without a scan."""

    def __init__(self, markets: Iterable[Market]) -> None:
        self._by_kind: dict[MarketKind, dict[str, Market]] = {kind: {} for kind in MarketKind}
        for market in markets:
            self._by_kind[market.kind][market.id] = market

    def get(self, kind: MarketKind, market_id: str) -> Market | None:
        return self._by_kind[kind].get(market_id)

    def of(self, kind: MarketKind) -> dict[str, Market]:
        """Every market of a kind by id, in the order of rank. Not to be changed."""
        return self._by_kind[kind]

    def __iter__(self) -> Iterator[Market]:
        for markets in self._by_kind.values():
            yield from markets.values()


# How much rarer a quote is than USDT: a base of rank n is listed against it with rank n x this.
_QUOTE_RARITY = {
    "USDT": 1.0,
    "USDC": 2.0,
    "BTC": 2.2,
    "TRY": 3.0,
    "FDUSD": 3.5,
    "ETH": 4.5,
    "BNB": 5.0,
    "EUR": 5.5,
    "BRL": 8.0,
    "JPY": 9.0,
    "TUSD": 12.0,
    "GBP": 14.0,
}
_COIN_QUOTES = ("BTC", "ETH", "BNB")


def spot_markets(count: int, *, maker: str = "0.001", taker: str = "0.001") -> list[Market]:
    """The `count` most liquid spot markets, most liquid first."""
    pairs = list(_ranked_pairs(list(_QUOTE_RARITY), count))
    return [_market(MarketKind.SPOT, pair, index, Decimal(maker), Decimal(taker)) for index, pair in enumerate(pairs)]


def linear_markets(count: int, *, maker: str = "0.0002", taker: str = "0.0005") -> list[Market]:
    """The `count` most liquid USDT-settled perpetuals (tokens worth little come by the thousand: 1000SHIB)."""
    pairs = list(_ranked_pairs(["USDT"], count, contracts=True))
    return [_market(MarketKind.LINEAR, pair, index, Decimal(maker), Decimal(taker)) for index, pair in enumerate(pairs)]


def _ranked_pairs(quotes: list[str], count: int, *, contracts: bool = False) -> list[tuple[str, str]]:
    scored = [
        ((rank + 1) * _QUOTE_RARITY[quote], _contract_base(base) if contracts else base, quote)
        for rank, base in enumerate(_listable(count, contracts=contracts))
        for quote in quotes
        if _is_listed(base, quote)
    ]
    # Fiat that is worth less than a dollar is a quote of USDT, as in USDT/TRY.
    scored += [(_QUOTE_RARITY[quote] * 2, NUMERAIRE, quote) for quote in quotes if quote in ("TRY", "BRL", "JPY")]
    return [(base, quote) for _score, base, quote in sorted(scored)[:count]]


def _listable(count: int, *, contracts: bool) -> list[str]:
    codes = bases()[: count + 10]
    return [code for code in codes if not (contracts and currency(code).volatility < 0.1)]


def _is_listed(base: str, quote: str) -> bool:
    """Not BTC/ETH, which is listed the other way round, no dollar against a coin, nothing below a millionth."""
    if base == quote or currency_worth(base) / currency_worth(quote) < 1e-6:
        return False
    if currency(base).beta == 0:
        return quote == "USDT" or (base == "EUR" and quote == "USDC")
    return not (base in _COIN_QUOTES and quote in _COIN_QUOTES[_COIN_QUOTES.index(base) :])


def _contract_base(base: str) -> str:
    return f"1000{base}" if currency(base).worth < 0.0005 else base


def _market(kind: MarketKind, pair: tuple[str, str], index: int, maker: Decimal, taker: Decimal) -> Market:
    base, quote = pair
    worth = currency_worth(base)
    magnitude = floor(log10(worth / currency_worth(quote)))
    tick = Decimal(1).scaleb(max(-8, min(-1 if kind is MarketKind.LINEAR else -2, magnitude - 4)))
    step = Decimal(1).scaleb(max(-5 if kind is MarketKind.SPOT else -3, min(0, -floor(log10(worth)) - 1)))
    return Market(
        kind=kind,
        id=base + quote,
        base=base,
        quote=quote,
        tick=tick,
        step=step,
        min_amount=step,
        max_amount=Decimal(1).scaleb(min(12, max(3, 7 - floor(log10(worth))))),
        min_notional=_min_notional(quote),
        maker=maker,
        taker=taker,
        max_leverage=125 if index < 2 else 75 if index < 20 else 50,
        index=index,
    )


def currency_worth(code: str) -> float:
    """Worth in USDT; a code that begins with 1000 is a thousand of the coin."""
    if code.startswith("1000"):
        return currency(code[4:]).worth * 1000
    return currency(code).worth


def _min_notional(quote: str) -> Decimal:
    """About five dollars in any quote, as Binance has it: 5 USDT, 0.0001 BTC, 0.01 BNB."""
    if currency(quote).beta == 0 and currency(quote).worth > 0.5:
        return Decimal(5)
    return Decimal(1).scaleb(floor(log10(5.1 / currency(quote).worth)))
