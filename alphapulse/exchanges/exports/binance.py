"""Binance's exports. Times are UTC where the column says so; newer files say it in their name, `...(UTC+9).csv`."""

from collections.abc import Mapping

from alphapulse.exchanges.exports.binance_words import ELSEWHERE, FOLLOWS_FROM_TRADES, MOVED, OPERATIONS
from alphapulse.exchanges.exports.columns import Fee, Ledger, Orders, Pair, Payments, Trades, Transfers
from alphapulse.exchanges.exports.formats import Format
from alphapulse.exchanges.exports.shapes import ByWord, Shape, WithDetails
from alphapulse.exchanges.exports.symbols import Desk
from alphapulse.exchanges.own_rows.binance import INCOME_KINDS
from alphapulse.types import LedgerKind, TransferKind

# What ccxt (so the API's rows) calls otherwise than Binance.
CODES = {"BCHSV": "BSV", "YOYO": "YOYOW"}


def _statement_row(kind: LedgerKind) -> Ledger:
    return Ledger(kind=kind, currency="Coin", amount="Change")


_STATEMENT = ByWord(
    columns=("Operation",),
    words={
        **{word: _statement_row(kind) for kind, words in OPERATIONS.items() for word in words},
        **{word: leave for leave, words in ELSEWHERE.items() for word in words},
    },
    otherwise=Ledger(kind=LedgerKind.OTHER, currency="Coin", amount="Change", said_in="Operation", is_unknown=True),
)


def _income(kind: LedgerKind) -> Ledger:
    return Ledger(kind=kind, currency="Asset", amount="Amount")


_FUTURES_PAIR = Pair(column="Symbol", desk=Desk.CONTRACTS)
_INCOME_WORDS: Mapping[str, Shape] = {
    "FUNDING_FEE": Payments(pair=_FUTURES_PAIR, currency="Asset", amount="Amount", own_id="Transaction ID"),
    **dict.fromkeys(("REALIZED_PNL", "COMMISSION"), FOLLOWS_FROM_TRADES),
    **dict.fromkeys(("TRANSFER", "DEPOSIT", "WITHDRAW"), MOVED),
    **{word: _income(kind) for word, kind in INCOME_KINDS.items()},
    **dict.fromkeys(
        (
            *("INSURANCE_CLEAR", "INTERNAL_TRANSFER", "CROSS_COLLATERAL_TRANSFER", "STRATEGY_UMFUTURES_TRANSFER"),
            *("DELIVERED_SETTELMENT", "OPTIONS_PREMIUM_FEE", "OPTIONS_SETTLE_PROFIT"),
        ),
        _income(LedgerKind.OTHER),
    ),
}


def _transfers(kind: TransferKind) -> Transfers:
    return Transfers(
        kind=kind,
        currency="Coin",
        network="Network",
        amount="Amount",
        fee="Fee|TransactionFee",
        address="Address",
        txid="TXID",
        status="Status",
    )


def _fiat(kind: TransferKind) -> Transfers:
    """Fiat has no transaction: its order's number is what the API calls it, too."""
    return Transfers(kind=kind, currency="Coin", amount="Amount", fee="Fee", status="Status", transfer_id="Order ID")


_FIAT = ("Date", "Coin", "Amount", "Status", "Payment Method", "Indicated Amount", "Fee", "Order ID")
_OLD_TRANSFERS = ("Date", "Coin", "Amount", "TransactionFee", "Address", "TXID", "Status")

FORMATS = (
    Format(
        exchange_id="binance",
        name="binance-spot-trades",
        title="Binance, Spot Trade History",
        header=("Date|Time", "Pair", "Side", "Price", "Executed", "Amount", "Fee"),
        at="Date|Time",
        shape=Trades(
            pair=Pair(column="Pair", amount="Executed"),
            side="Side",
            price="Price",
            amount="Executed",
            cost="Amount",
            fee=Fee(columns=("Fee",)),
        ),
    ),
    Format(
        exchange_id="binance",
        name="binance-spot-trades-2020",
        title="Binance, Spot Trade History until 2021",
        header=("Date", "Market", "Type", "Price", "Amount", "Total", "Fee", "Fee Coin"),
        at="Date",
        shape=Trades(
            pair=Pair(column="Market"),
            side="Type",
            price="Price",
            amount="Amount",
            cost="Total",
            fee=Fee(columns=("Fee",), currency="Fee Coin"),
        ),
    ),
    Format(
        exchange_id="binance",
        name="binance-spot-trades-assets",
        title="Binance, Spot Trade History with its assets",
        header=("Date", "Pair", "Base Asset", "Quote Asset", "Type", "Price", "Amount", "Total", "Fee", "Fee Coin"),
        at="Date",
        shape=Trades(
            pair=Pair(column="Pair", base="Base Asset", quote="Quote Asset"),
            side="Type",
            price="Price",
            amount="Amount",
            cost="Total",
            fee=Fee(columns=("Fee",), currency="Fee Coin"),
        ),
    ),
    Format(
        exchange_id="binance",
        name="binance-spot-orders",
        title="Binance, Spot Order History",
        header=(
            *("Date|Time", "OrderNo", "Pair", "Type", "Side", "Order Price", "Order Amount"),
            *("Executed", "Average Price", "Trading total", "Status"),
        ),
        at="Date|Time",
        shape=Orders(
            pair=Pair(column="Pair", amount="Order Amount"),
            order_id="OrderNo",
            side="Side",
            type="Type",
            status="Status",
            price="Order Price",
            amount="Order Amount",
            filled="Executed",
            average="Average Price",
            cost="Trading total",
        ),
    ),
    Format(
        exchange_id="binance",
        name="binance-spot-orders-2023",
        title="Binance, Spot Order History until 2023",
        header=(
            *("Date", "OrderNo", "Pair", "Type", "Order Price", "Order Amount"),
            *("AvgTrading Price", "Filled", "Total", "status"),
        ),
        at="Date",
        shape=WithDetails(
            Orders(
                pair=Pair(column="Pair"),
                order_id="OrderNo",
                side="Type",
                status="status",
                price="Order Price",
                amount="Order Amount",
                filled="Filled",
                average="AvgTrading Price",
                cost="Total",
            ),
            reason="fills below their order: the trade history tells them",
        ),
    ),
    Format(
        exchange_id="binance",
        name="binance-deposits",
        title="Binance, Deposit History",
        header=("Date|Time", "Coin", "Network", "Amount", "Address", "TXID", "Status"),
        at="Date|Time",
        shape=_transfers(TransferKind.DEPOSIT),
    ),
    Format(
        exchange_id="binance",
        name="binance-withdrawals",
        title="Binance, Withdraw History",
        header=("Date|Time", "Coin", "Network", "Amount", "Fee", "Address", "TXID", "Status"),
        at="Date|Time",
        shape=_transfers(TransferKind.WITHDRAWAL),
    ),
    Format(
        exchange_id="binance",
        name="binance-deposits-2023",
        title="Binance, Deposit History until 2023",
        header=_OLD_TRANSFERS,
        at="Date",
        shape=_transfers(TransferKind.DEPOSIT),
        named="deposit",
    ),
    Format(
        exchange_id="binance",
        name="binance-withdrawals-2023",
        title="Binance, Withdraw History until 2023",
        header=_OLD_TRANSFERS,
        at="Date",
        shape=_transfers(TransferKind.WITHDRAWAL),
        named="withdraw",
    ),
    Format(
        exchange_id="binance",
        name="binance-fiat-deposits",
        title="Binance, Deposit History of fiat",
        header=_FIAT,
        at="Date",
        shape=_fiat(TransferKind.DEPOSIT),
        named="deposit",
    ),
    Format(
        exchange_id="binance",
        name="binance-fiat-withdrawals",
        title="Binance, Withdraw History of fiat",
        header=_FIAT,
        at="Date",
        shape=_fiat(TransferKind.WITHDRAWAL),
        named="withdraw",
    ),
    Format(
        exchange_id="binance",
        name="binance-statement",
        title="Binance, Transaction History (all statements)",
        header=("UTC_Time|Time", "Account", "Operation", "Coin", "Change", "Remark"),
        at="UTC_Time|Time",
        shape=_STATEMENT,
    ),
    Format(
        exchange_id="binance",
        name="binance-futures-trades",
        title="Binance, USD-M Futures Trade History",
        header=("Date|Time", "Symbol", "Side", "Price", "Quantity", "Amount", "Fee", "Realized Profit"),
        at="Date|Time",
        shape=Trades(
            pair=_FUTURES_PAIR,
            side="Side",
            price="Price",
            amount="Quantity",
            cost="Amount",
            fee=Fee(columns=("Fee",), currency="Fee Coin", usual="settle"),
            trade_id="Trade ID",
            order_id="Order ID",
            maker="Maker",
        ),
    ),
    Format(
        exchange_id="binance",
        name="binance-futures-orders",
        title="Binance, USD-M Futures Order History",
        header=(
            *("Time", "Symbol", "Type", "Side", "Price", "Average Price", "Amount", "Executed Amount"),
            *("Executed Quote Amount", "Status", "Order No"),
        ),
        at="Time",
        shape=Orders(
            pair=_FUTURES_PAIR,
            order_id="Order No",
            client_order_id="Client Order Id",
            side="Side",
            type="Type",
            status="Status",
            price="Price",
            amount="Amount",
            filled="Executed Amount",
            average="Average Price",
            cost="Executed Quote Amount",
        ),
    ),
    Format(
        exchange_id="binance",
        name="binance-futures-income",
        title="Binance, USD-M Futures Transaction History",
        header=("Date|Time", "type", "Amount", "Asset", "Symbol", "Transaction ID"),
        at="Date|Time",
        shape=ByWord(
            columns=("type",),
            words=_INCOME_WORDS,
            otherwise=Ledger(kind=LedgerKind.OTHER, currency="Asset", amount="Amount", said_in="type", is_unknown=True),
        ),
    ),
)
