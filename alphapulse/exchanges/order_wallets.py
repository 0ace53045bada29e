"""In which wallet an order is, where only its symbol is known."""

from collections.abc import Mapping

from alphapulse.exchanges.exchange import Exchange
from alphapulse.types import SyncKind


def wallet_of(exchange: Exchange, symbol: str) -> str:
    """The wallet that is asked for open orders of such markets: `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USD:BTC`."""
    reads = exchange.reads.get(SyncKind.ORDERS, ())
    wanted = _market_of(symbol)
    fitting = (read.wallet for read in reads if any(_asked_by(call.params) == wanted for call in read.calls))
    return next(fitting, reads[0].wallet if reads else "")


def _market_of(symbol: str) -> str:
    pair, _, settle = symbol.partition(":")
    if not settle:
        return "spot"
    return "inverse" if pair.startswith(f"{settle.partition('-')[0]}/") else "linear"


def _asked_by(params: Mapping[str, object]) -> str:
    if params.get("subType") == "inverse" or params.get("type") == "delivery":
        return "inverse"
    return "linear" if params.get("type") in ("swap", "future") else str(params.get("type", ""))
