"""Kraken's trades.csv and ledgers.csv: all times UTC, every row with the id that the API tells too."""

from collections.abc import Mapping

from alphapulse.exchanges.exports.columns import Fee, Ledger, Pair, Trades, Transfers
from alphapulse.exchanges.exports.formats import Format
from alphapulse.exchanges.exports.shapes import ByWord, Leave, Shape
from alphapulse.types import LedgerKind, TransferKind

# Kraken's own names for currencies, and what ccxt (so the API's rows) calls them.
CODES = {
    "XBT": "BTC",
    "XXBT": "BTC",
    "XDG": "DOGE",
    "XXDG": "DOGE",
    "FEE": "KFEE",
    "LUNA": "LUNC",
    "LUNA2": "LUNA",
    "REP": "REPV1",
    "REPV2": "REP",
    "UST": "USTC",
    **{f"X{code}": code for code in ("ETC", "ETH", "LTC", "MLN", "REP", "XLM", "XMR", "XRP", "ZEC")},
    **{f"Z{code}": code for code in ("AUD", "CAD", "EUR", "GBP", "JPY", "USD")},
}

_TOLD_AS_TRADES = Leave("trades: trades.csv tells them, with their prices")
_MOVED = Leave("moves between wallets of the account")


def _entry(kind: LedgerKind) -> Ledger:
    return Ledger(kind=kind, currency="asset", amount="amount", fee="fee", own_id="txid", reference="refid")


def _transfer(kind: TransferKind) -> Transfers:
    return Transfers(kind=kind, currency="asset", amount="amount", fee="fee", own_id="refid")


_WORDS: Mapping[str, Shape] = {
    "trade": _TOLD_AS_TRADES,
    "deposit": _transfer(TransferKind.DEPOSIT),
    "withdrawal": _transfer(TransferKind.WITHDRAWAL),
    **dict.fromkeys(("spend", "receive", "conversion"), _entry(LedgerKind.CONVERT)),
    **dict.fromkeys(("staking", "dividend", "reward", "earn/reward", "invite bonus"), _entry(LedgerKind.REWARD)),
    "earn": _MOVED,
    # Forks and airdrops come as transfers of no kind.
    "transfer/": _entry(LedgerKind.AIRDROP),
    "transfer": _MOVED,
    "rollover": _entry(LedgerKind.INTEREST),
    **dict.fromkeys(("margin", "settled", "adjustment", "credit", "sale"), _entry(LedgerKind.OTHER)),
}

FORMATS = (
    Format(
        exchange_id="kraken",
        name="kraken-trades",
        title="Kraken, trades.csv",
        header=("txid", "ordertxid", "pair", "time", "type", "ordertype", "price", "cost", "fee", "vol"),
        at="time",
        is_utc=True,
        shape=Trades(
            pair=Pair(column="pair"),
            side="type",
            price="price",
            amount="vol",
            cost="cost",
            fee=Fee(columns=("fee",), usual="quote"),
            trade_id="txid",
            order_id="ordertxid",
        ),
    ),
    Format(
        exchange_id="kraken",
        name="kraken-ledgers",
        title="Kraken, ledgers.csv",
        header=("txid", "refid", "time", "type", "subtype", "asset", "amount", "fee"),
        at="time",
        is_utc=True,
        shape=ByWord(
            columns=("type", "subtype"),
            words=_WORDS,
            otherwise=Ledger(
                kind=LedgerKind.OTHER,
                currency="asset",
                amount="amount",
                fee="fee",
                own_id="txid",
                reference="refid",
                said_in="type",
                is_unknown=True,
            ),
        ),
    ),
)
