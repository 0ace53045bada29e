"""`BTCUSDT` as `BTC/USDT`: by the exchange's markets where they list it, else by what is known of quote currencies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from alphapulse.types import Market

# What people pay with, where the market is no longer listed: the longest that fits, if the rest is a known currency.
QUOTES = (
    *("USDT", "FDUSD", "USDC", "BUSD", "TUSD", "USDP", "USDS", "USDE", "USDD", "USD1", "PYUSD", "DAI", "PAX", "UST"),
    *("BTC", "ETH", "BNB", "SOL", "XRP", "TRX", "DOGE", "DOT", "XMR", "VAI", "MNT", "BIT"),
    *("USD", "EUR", "EURI", "GBP", "AUD", "CAD", "CHF", "JPY", "TRY", "BRL", "ARS", "MXN", "COP", "ZAR", "UAH"),
    *("RUB", "PLN", "RON", "CZK", "NGN", "IDRT", "BIDR", "BVND", "BKRW", "GYEN", "AED", "KZT"),
)
# ADAEUR is ADA in EUR: this one is believed only where the rest is a currency.
RARE_QUOTES = ("AEUR",)
CONTRACT_QUOTES = ("USDT", "USDC", "BUSD", "USD", "BTC")


class Desk(StrEnum):
    """Spot and contracts give one name to two markets."""

    SPOT = "spot"
    CONTRACTS = "contracts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """`settle` is None on spot. `is_listed`: the exchange's own list says so; else it is the best that is known."""

    symbol: str
    base: str
    quote: str
    settle: str | None
    is_inverse: bool
    is_listed: bool


class Symbols:
    """`codes`: currencies that the exchange calls otherwise than everybody (`XXBT`, `ZEUR`)."""

    def __init__(self, markets: Iterable[Market], codes: Mapping[str, str] | None = None) -> None:
        self._codes = codes or {}
        self._listed: dict[tuple[Desk, str], Named] = {}
        self._by_symbol: dict[str, Named] = {}
        self._bases: set[str] = set()
        for market in markets:
            desk = Desk.SPOT if market.type == "spot" else Desk.CONTRACTS
            named = self._listed.setdefault((desk, _bare(market.market_id)), _listed(market))
            self._by_symbol[market.symbol] = named
            self._bases.add(market.base)

    def doubt(self, pair: str, named: Named) -> str:
        """Why `named` may be wrong, for people."""
        if not self._listed:
            return "the exchange's markets have not been read yet: symbols are made from the names of the pairs"
        return f"{pair} is not among the exchange's markets (delisted?): kept as {named.symbol}"

    def currency(self, code: str) -> str:
        """Staked coins keep their ending: `XBT.M` is `BTC.M`."""
        name, *ending = code.strip().split(".")
        return ".".join((self._codes.get(name, name), *ending))

    def find(self, pair: str, desk: Desk, *, base: str = "", quote: str = "") -> Named:
        """`base` and `quote`: what the row itself says, of which it may know one."""
        base, quote = self.currency(base), self.currency(quote)
        named = self._listed.get((desk, _bare(pair)))
        # Names are given anew to other coins: what the row says is stronger than today's list.
        if named and base in ("", named.base) and quote in ("", named.quote):
            return named
        base, quote = self._split(pair, desk, base, quote)
        guess = _spot(base, quote) if desk is Desk.SPOT else _contract(pair, base, quote)
        return self._by_symbol.get(guess.symbol, guess)

    def _split(self, pair: str, desk: Desk, base: str, quote: str) -> tuple[str, str]:
        if base and quote:
            return base, quote
        if desk is Desk.SPOT:
            pair = pair.replace("-", "/")
        name = pair.replace("-", "_").split("_")[0].upper()
        if "/" in name:
            base, quote = name.split("/", 1)
            return self.currency(base), self.currency(quote)
        if desk is Desk.CONTRACTS and name.endswith("PERP"):
            return name.removesuffix("PERP"), "USDC"
        return self._by_quote(name, [quote] if quote else self._endings(desk))

    def _endings(self, desk: Desk) -> list[str]:
        known = CONTRACT_QUOTES if desk is Desk.CONTRACTS else (*QUOTES, *self._codes)
        return [*sorted(known, key=len, reverse=True), *RARE_QUOTES]

    def _by_quote(self, name: str, endings: Iterable[str]) -> tuple[str, str]:
        """(name, "") where no known quote ends it."""
        splits = [
            (self.currency(name.removesuffix(ending)), self.currency(ending))
            for ending in endings
            if name.endswith(ending) and name != ending
        ]
        likely = [split for split in splits if split[0] in self._bases]
        return next(iter(likely or splits), (name, ""))


def _bare(pair: str) -> str:
    return pair.replace("/", "").replace("-", "").upper()


def _listed(market: Market) -> Named:
    return Named(
        symbol=market.symbol,
        base=market.base,
        quote=market.quote,
        settle=market.settle,
        is_inverse=market.is_inverse,
        is_listed=True,
    )


def _spot(base: str, quote: str) -> Named:
    symbol = f"{base}/{quote}" if quote else base
    return Named(symbol=symbol, base=base, quote=quote, settle=None, is_inverse=False, is_listed=False)


def _contract(pair: str, base: str, quote: str) -> Named:
    """Perpetuals as ccxt writes them; a dated contract or an option keeps the exchange's name for what follows."""
    is_inverse = quote == "USD"
    settle = base if is_inverse else quote
    rest = pair.replace("-", "_").split("_")[1:]
    ending = "".join(f"-{part}" for part in rest if part != "PERP")
    symbol = f"{base}/{quote}:{settle}{ending}" if quote else pair
    return Named(symbol=symbol, base=base, quote=quote, settle=settle, is_inverse=is_inverse, is_listed=False)
