"""Bybit's exports of a unified account. A line about the account stands above the header; `--` is nothing."""

from collections.abc import Mapping, Sequence

from alphapulse.exchanges.exports.columns import Fee, Ledger, Pair, Payments, Trades, Transfers
from alphapulse.exchanges.exports.formats import Format
from alphapulse.exchanges.exports.shapes import ByWord, Leave
from alphapulse.exchanges.exports.symbols import Desk
from alphapulse.types import LedgerKind, TransferKind

_TOLD_AS_TRADES = Leave("trades: the spot and derivatives trade history tell them, with their ids")
_MOVED = Leave("moves between wallets of the account")
_WITH_FEE = Leave("withdrawals: this file tells them in one sum with their fee; the API tells both, however old")

# Spot fills have numbers of 19 digits, contracts' UUIDs. Shorter ones are shortened for the eye, and name nothing.
_ID_LENGTH = 12

_CONTRACT = Pair(column="Market", desk=Desk.CONTRACTS)
_FILLS = Trades(
    pair=_CONTRACT,
    side="Direction",
    price="Filled Price",
    amount="Filled Quantity",
    fee=Fee(columns=("Trading Fee",), currency="feeCoin", usual="settle"),
    trade_id="Trasaction ID|Transaction ID",
    order_id="Order No.",
    id_length=_ID_LENGTH,
)

LOG_TYPES: Mapping[LedgerKind, Sequence[str]] = {
    LedgerKind.INTEREST: ("INTEREST", "FIXED_RATE_INTEREST"),
    LedgerKind.CONVERT: ("CURRENCY_BUY", "CURRENCY_SELL", "AUTO_BUY_LIABILITY", "AUTO_SELL_LIABILITY"),
    LedgerKind.AIRDROP: ("AIRDROP",),
    LedgerKind.REWARD: ("BONUS", "BONUS_RECOLLECT"),
    LedgerKind.REBATE: ("FEE_REFUND",),
}


def _log(kind: LedgerKind) -> Ledger:
    return Ledger(kind=kind, currency="Currency", amount="Change")


def _fund(kind: LedgerKind) -> Ledger:
    return Ledger(kind=kind, currency="Coin", amount="QTY")


FORMATS = (
    Format(
        exchange_id="bybit",
        name="bybit-spot-trades",
        title="Bybit, Spot Trade History of the unified account",
        header=(
            *("Spot Pairs", "Order Type", "Direction", "Filled Value", "Filled Price", "Filled Quantity", "Fees"),
            *("Transaction ID", "Order No.", "Timestamp"),
        ),
        at="Timestamp",
        shape=Trades(
            pair=Pair(column="Spot Pairs"),
            side="Direction",
            price="Filled Price",
            amount="Filled Quantity",
            cost="Filled Value",
            fee=Fee(columns=("Fees", "ExecFeeV2"), currency="feeCoin", usual="received"),
            trade_id="Transaction ID",
            order_id="Order No.",
            id_length=_ID_LENGTH,
        ),
    ),
    Format(
        exchange_id="bybit",
        name="bybit-contract-trades",
        title="Bybit, Derivatives Trade History of the unified account",
        header=(
            *("Market", "Filled Type", "Filled Quantity", "Filled Price", "Trading Fee", "Direction"),
            *("Trasaction ID|Transaction ID", "Order No.", "Transaction Time"),
        ),
        at="Transaction Time",
        shape=ByWord(
            columns=("Filled Type",),
            words={
                "Funding": Payments(
                    pair=_CONTRACT,
                    currency="feeCoin",
                    amount="Trading Fee",
                    is_paid=True,
                )
            },
            # Liquidations and the like are fills too.
            otherwise=_FILLS,
        ),
    ),
    Format(
        exchange_id="bybit",
        name="bybit-transaction-log",
        title="Bybit, Transaction Log of the unified account",
        header=(
            *("Currency", "Contract", "Type", "Direction", "Quantity", "Filled Price", "Funding", "Fee Paid"),
            *("Cash Flow", "Change", "Wallet Balance", "Time|TradedTime"),
        ),
        at="Time|TradedTime",
        shape=ByWord(
            columns=("Type",),
            words={
                **dict.fromkeys(("TRADE", "LIQUIDATION", "ADL", "BUST_TRADE", "DELIVERY"), _TOLD_AS_TRADES),
                **dict.fromkeys(("TRANSFER_IN", "TRANSFER_OUT"), _MOVED),
                "SETTLEMENT": Payments(
                    pair=Pair(column="Contract", desk=Desk.CONTRACTS), currency="Currency", amount="Funding"
                ),
                **{word: _log(kind) for kind, words in LOG_TYPES.items() for word in words},
            },
            otherwise=Ledger(
                kind=LedgerKind.OTHER, currency="Currency", amount="Change", said_in="Type", is_unknown=True
            ),
        ),
    ),
    Format(
        exchange_id="bybit",
        name="bybit-funding-account",
        title="Bybit, Asset Change Details of the funding account",
        header=("Date & Time", "Coin", "QTY", "Type", "Account Balance", "Description"),
        at="Date & Time",
        shape=ByWord(
            columns=("Type", "Description"),
            words={
                "Deposit": Transfers(kind=TransferKind.DEPOSIT, currency="Coin", amount="QTY"),
                **dict.fromkeys(("Withdraw", "Withdrawal"), _WITH_FEE),
                **dict.fromkeys(("Transfer in", "Transfer out"), _MOVED),
                "Fiat": _fund(LedgerKind.FIAT),
                "Convert": _fund(LedgerKind.CONVERT),
                "Airdrop": _fund(LedgerKind.AIRDROP),
                "Rewards": _fund(LedgerKind.REWARD),
                "Bybit Card": _fund(LedgerKind.OTHER),
                # What goes into Earn and comes back is still owned.
                "Earn": _MOVED,
                "Earn/Easy Earn | Flexible Interest Distribution": _fund(LedgerKind.INTEREST),
                "Earn/Easy Earn | Fixed Interest Distribution": _fund(LedgerKind.INTEREST),
            },
            otherwise=Ledger(kind=LedgerKind.OTHER, currency="Coin", amount="QTY", said_in="Type", is_unknown=True),
        ),
    ),
)
