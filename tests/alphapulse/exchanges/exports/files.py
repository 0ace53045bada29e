"""The sample exports of tests/data/exports, and texts as if they were files."""

import io
from pathlib import Path

from alphapulse.exchanges.exports.reading import Choices, Export, read_export
from alphapulse.types import Market

FOLDER = Path(__file__).parents[3] / "data" / "exports"


def market(symbol: str, market_id: str, *, type: str = "spot") -> Market:
    pair, _, settle = symbol.partition(":")
    base, quote = pair.split("/")
    return Market(
        market_id=market_id,
        symbol=symbol,
        type=type,
        base=base,
        quote=quote,
        settle=settle or None,
        is_active=True,
        is_inverse=bool(settle) and settle == base,
        contract_size=None,
        amount_step=None,
        price_tick=None,
        min_amount=None,
        min_cost=None,
    )


MARKETS = (
    market("BTC/USDT", "BTCUSDT"),
    market("1INCH/USDT", "1INCHUSDT"),
    market("ENA/EUR", "ENAEUR"),
    market("BTC/USDT:USDT", "BTCUSDT", type="swap"),
    market("ETH/USDT:USDT", "ETHUSDT", type="swap"),
    market("BTC/USD:BTC", "BTCUSD", type="swap"),
)


def read_file(name: str, exchange_id: str, **words) -> Export:
    with (FOLDER / name).open("rb") as stream:
        return read_export(stream, exchange_id=exchange_id, markets=MARKETS, file_name=name, **words)


def read_text(text: str | bytes, exchange_id: str = "binance", *, file_name: str = "", **choices) -> Export:
    raw = text if isinstance(text, bytes) else text.encode()
    return read_export(
        io.BytesIO(raw), exchange_id=exchange_id, markets=MARKETS, file_name=file_name, choices=Choices(**choices)
    )
