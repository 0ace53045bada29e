"""The truth of the sandbox's accounts, written as the exchanges write their exports; nothing here reads our rows.

Statements tell a balance's change, so they date some things otherwise than the API: those times are moved here.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from alphapulse.types import Transfer

Row = dict[str, Any]
# A convert's balances change when it is done, a reward is paid out in the morning.
AFTERWARDS = {"convert": timedelta(seconds=20), "dust": timedelta(seconds=3), "reward": timedelta(hours=4)}


def _file(header: str, rows: Iterable[Sequence[object]], *, above: str = "") -> bytes:
    text = io.StringIO(newline="")
    text.write(above)
    writer = csv.writer(text)
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _second(at_ms: int, later: timedelta = timedelta(0)) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC) + later:%Y-%m-%d %H:%M:%S}"


def _of(truth: Iterable[Row], *kinds: str, market_kind: str = "") -> list[Row]:
    """Newest first, as exports are."""
    found = [row for row in truth if row["kind"] in kinds and (not market_kind or row["market_kind"] == market_kind)]
    return found[::-1]


# --- Binance


def binance(truth: list[Row], moved: Iterable[Transfer]) -> dict[str, bytes]:
    """By file name. Deposits and withdrawals need their transactions, which only the exchange's own answers tell."""
    on_chain = [transfer for transfer in moved if transfer.txid]
    return {
        "Binance-Spot-Trade-History.csv": _file(
            "Date(UTC),Pair,Side,Price,Executed,Amount,Fee",
            [_spot_trade(row) for row in _of(truth, "trade", market_kind="spot")],
        ),
        "Binance-Futures-Trade-History.csv": _file(
            "Date(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Fee Coin,Realized Profit,Quote Asset",
            [_contract_trade(row) for row in _of(truth, "trade", market_kind="linear")],
        ),
        "Binance-Spot-Order-History.csv": _file(
            "Date(UTC),OrderNo,Pair,Type,Side,Order Price,Order Amount,Time,Executed,Average Price,"
            "Trading total,Status",
            [_order(row) for row in _of(truth, "order", market_kind="spot")],
        ),
        "Binance-Futures-Transaction-History.csv": _file(
            "Date(UTC),type,Amount,Asset,Symbol,Transaction ID",
            [
                (_second(row["at_ms"]), "FUNDING_FEE", row["amount"], row["currency"], row["market"], row["id"])
                for row in _of(truth, "funding")
            ],
        ),
        "Binance-Deposit-History.csv": _file(
            "Date(UTC+0),Coin,Network,Amount,Address,TXID,Status",
            [_moved(transfer) for transfer in on_chain if transfer.kind == "deposit"],
        ),
        "Binance-Withdraw-History.csv": _file(
            "Date(UTC+0),Coin,Network,Amount,Fee,Address,TXID,Status",
            [_moved(transfer, transfer.fee) for transfer in on_chain if transfer.kind == "withdrawal"],
        ),
        "Binance-Transaction-History.csv": _file(
            "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark",
            [line for row in reversed(truth) for line in _statement(row)],
        ),
    }


def _spot_trade(row: Row) -> tuple[object, ...]:
    base, quote = row["market"].removesuffix("USDT"), "USDT"
    return (
        _second(row["at_ms"]),
        row["market"],
        row["side"].upper(),
        f"{Decimal(row['price']):,}",
        f"{Decimal(row['amount']):,}{base}",
        f"{Decimal(row['cost']):,}{quote}",
        f"{row['fee']}{row['fee_currency']}",
    )


def _contract_trade(row: Row) -> tuple[object, ...]:
    side, fee = row["side"].upper(), (row["fee"], row["fee_currency"])
    return (_second(row["at_ms"]), row["market"], side, row["price"], row["amount"], row["cost"], *fee, 0, "USDT")


def _order(row: Row) -> tuple[object, ...]:
    unit, filled = row["market"].removesuffix("USDT"), Decimal(row["filled"])
    at, average = _second(row["at_ms"]), Decimal(row["cost"]) / filled if filled else 0
    ordered, got = (f"{row[name]}{unit}" for name in ("amount", "filled"))
    total, status = f"{row['cost']}USDT", row["status"].upper()
    names = (row["id"], row["market"], row["type"].title(), row["side"].upper())
    return (at, *names, row["price"], ordered, at, got, average, total, status)


def _moved(transfer: Transfer, *fee: object) -> tuple[object, ...]:
    at = f"{transfer.exchange_at:%y-%m-%d %H:%M:%S}"
    where = (transfer.address, transfer.txid, "Completed")
    return (at, transfer.currency, transfer.network, transfer.amount, *fee, *where)


_OPERATIONS = {
    "convert": "Binance Convert",
    "dust": "Small Assets Exchange BNB",
    "airdrop": "Airdrop Assets",
    "rebate": "Commission Rebate",
    "purchase": "Buy Crypto With Card",
    "sale": "Sell Crypto To Fiat",
    "deposit": "Deposit",
    "withdrawal": "Withdraw",
    "fiat_deposit": "Fiat Deposit",
    "fiat_withdrawal": "Fiat Withdraw",
    "funding": "Funding Fee",
    "transfer": "Transfer Between Spot Account and UM Futures Account",
}


def _statement(row: Row) -> Iterable[tuple[object, ...]]:
    at = _second(row["at_ms"], AFTERWARDS.get(row["kind"], timedelta(0)))
    if row["kind"] == "trade":
        yield (1, at, "Spot", "Transaction Buy", "BTC", row["amount"], "")
        yield (1, at, "Spot", "Transaction Spend", "USDT", f"-{row['cost']}", "")
        yield (1, at, "Spot", "Transaction Fee", row["fee_currency"], f"-{row['fee']}", "")
    elif row["kind"] == "reward":
        word = "Locked Rewards" if row["details"]["product"] == "locked" else "Flexible Interest"
        yield (1, at, "Spot", f"Simple Earn {word}", row["currency"], row["amount"], "Binance Earn")
    elif row["kind"] in _OPERATIONS:
        yield (1, at, "Spot", _OPERATIONS[row["kind"]], row["currency"], row["amount"], "")


# --- Bybit

_LOGGED = {"reward": "BONUS", "airdrop": "AIRDROP", "rebate": "FEE_REFUND", "interest": "INTEREST"}
_ABOVE = "UID: 531298197,Company Name: ,Country: \r\n"


def bybit(truth: list[Row]) -> dict[str, bytes]:
    return {
        "Bybit-Spot-TradeHistory.csv": _file(
            "Uid,Spot Pairs,Order Type,Direction,Filled Value,Filled Price,Filled Quantity,Fees,Transaction ID,"
            "Order No.,Timestamp (UTC+0)",
            [_bybit_spot(row) for row in _of(truth, "trade", market_kind="spot")],
            above=_ABOVE,
        ),
        "Bybit-Derivatives-TradeHistory.csv": _file(
            "Market,Filled Type,Filled Quantity,Filled Price,Order Price,Fee Rate,Trading Fee,feeCoin,ExecFeeV2,"
            "Direction,Order Type,Trasaction ID,Order No.,Transaction Time(UTC+0)",
            [
                *(_bybit_contract(row) for row in _of(truth, "trade", market_kind="linear")),
                *(_bybit_funding(row) for row in _of(truth, "funding")),
            ],
        ),
        "AssetChangeDetails_uta_531298197_0.csv": _file(
            "Uid,Currency,Contract,Type,Direction,Quantity,Position,Filled Price,Funding,Fee Paid,Cash Flow,Change,"
            "Wallet Balance,Action,Time(UTC)",
            [line for row in reversed(truth) for line in _bybit_log(row)],
            above=_ABOVE,
        ),
    }


def _bybit_spot(row: Row) -> tuple[object, ...]:
    amounts = (row["cost"], row["price"], row["amount"], row["fee"])
    return (1, row["market"], "LIMIT", row["side"].upper(), *amounts, row["id"], row["order_id"], _second(row["at_ms"]))


def _minute(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%H:%M %Y-%m-%d}"


def _bybit_contract(row: Row) -> tuple[object, ...]:
    side = {"buy": "Long", "sell": "Short"}[row["side"]]
    fee = (row["fee"], row["fee_currency"], row["fee"])
    ids = (f" {row['id']}", f" {row['order_id']}", _minute(row["at_ms"]))
    return (row["market"], "Trade", row["amount"], row["price"], row["price"], 0, *fee, side, "Limit", *ids)


def _bybit_funding(row: Row) -> tuple[object, ...]:
    ids = (f" {row['id']}", " --", _minute(row["at_ms"]))
    return (row["market"], "Funding", 1, 1, 0, 0, -Decimal(row["amount"]), "", 0, "Long", "--", *ids)


def _bybit_log(row: Row) -> Iterable[tuple[object, ...]]:
    at, nothing = _second(row["at_ms"]), ("--", "--", "--")
    if row["kind"] == "trade":
        yield (1, "USDT", row["market"], "TRADE", "BUY", 1, *nothing, row["fee"], 0, row["cost"], 0, "--", at)
    elif row["kind"] == "funding":
        yield (1, "USDT", row["market"], "SETTLEMENT", "BUY", *nothing, row["amount"], 0, 0, row["amount"], 0, "--", at)
    elif row["kind"] == "convert" and row["wallet"] == "unified":
        way = "CURRENCY_SELL" if Decimal(row["amount"]) < 0 else "CURRENCY_BUY"
        yield (1, row["currency"], "", way, "--", *nothing, 0, 0, 0, row["amount"], 0, "--", at)
    elif row["kind"] in _LOGGED and row["wallet"] == "unified":
        yield (1, row["currency"], "", _LOGGED[row["kind"]], "--", *nothing, 0, 0, 0, row["amount"], 0, "--", at)
