"""A past that was planted in the sandbox is read completely, step by step, with kills between, and is its truth."""

import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from alphapulse.exchanges.catalogue import exchange as facts_of
from alphapulse.exchanges.ccxt import histories
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, LedgerEntry, OrderStatus, SyncKind, Transfer, TransferKind
from tests.alphapulse.exchanges.asking import route_to
from tests.alphapulse.exchanges.histories import read

DAY = 86_400_000
EXCHANGES = ["binance", "bybit"]
# Steps that are lost with their worker.
KILLED = {1, 2, 5, 9}
# The history of a year and a bit.
DAYS = 400

SYMBOLS = {
    ("BTCUSDT", "spot"): "BTC/USDT",
    ("ETHUSDT", "spot"): "ETH/USDT",
    ("ETHBTC", "spot"): "ETH/BTC",
    ("BTCUSDT", "linear"): "BTC/USDT:USDT",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(markets=20) as server:
        yield server


@pytest.fixture(autouse=True)
def unhurried(monkeypatch) -> None:
    """The limits of a key are the budget's to keep, and its tests': here every step finds all of them unspent."""
    monkeypatch.setattr(histories, "PACE", 0)


@pytest.fixture(params=EXCHANGES)
def exchange_id(request) -> str:
    return request.param


@pytest.fixture
def past(sandbox: SandboxServer, exchange_id: str) -> "Past":
    return Past(sandbox, exchange_id)


class Past:
    """One account with a planted past."""

    def __init__(self, sandbox: SandboxServer, exchange_id: str) -> None:
        self.sandbox, self.exchange_id = sandbox, exchange_id
        self.now = int(time.time() * 1000)
        made = sandbox.create_account(exchange_id, holdings={"USDT": "100000000", "BTC": "1000"})
        self.credentials = Credentials(api_key=made.api_key, secret=made.secret)

    def plant(self, *rows: dict) -> None:
        self.sandbox.plant_history(self.exchange_id, self.credentials.api_key, rows)

    def ago(self, days: float) -> int:
        return self.now - int(days * DAY)

    def truth(self, *kinds: str) -> list[dict]:
        rows = self.sandbox.history(self.exchange_id, self.credentials.api_key)
        return [row for row in rows if row["kind"] in kinds and row["at_ms"] < self.now]

    def read(self, kind: SyncKind, *sources: str) -> list:
        """Of these lists, or of all that there are; market by market where they want one."""
        lists = [each for each in facts_of(self.exchange_id).histories[kind] if not sources or each.source in sources]
        names = []
        for each in lists:
            of_type = [symbol for (_, market), symbol in SYMBOLS.items() if each.market_type in TYPES[market]]
            if each.market_type and each.is_inverse:
                of_type = ["BTC/USD:BTC"] if each.market_type == "swap" else []
            names += [(each.source, symbol) for symbol in (of_type if each.market_type else [""])]
        route = route_to(self.exchange_id, self.sandbox.url)
        forgive = self.sandbox.forgive
        found = read(route, kind, names, credentials=self.credentials, days=DAYS, killed=KILLED, between=forgive)
        # What the account began with came now.
        return [row for row in found.values() if milliseconds(row) < self.now - 1000]


TYPES = {"spot": ("spot",), "linear": ("swap",)}


def milliseconds(row) -> int:
    return int(row.exchange_at.timestamp() * 1000)


def many_trades(past: Past, number: int) -> list[dict]:
    """On four markets, over half a year, eighty of them in one week and twelve in one millisecond."""
    rows = []
    for n in range(number):
        market, kind = list(SYMBOLS)[n % len(SYMBOLS)]
        at = past.ago(170 - n) if n < 100 else past.ago(20 + (n % 80) / 20) if n < 180 else past.ago(15)
        price = "0.05" if market == "ETHBTC" else "2000.5" if market == "ETHUSDT" else "30000.5"
        rows.append(
            {
                "kind": "trade",
                "at": at,
                "market": market,
                "market_kind": kind,
                "side": "buy" if n % 3 else "sell",
                "price": price,
                "amount": f"{Decimal(n + 10) / 1000}",
                "is_maker": n % 2 == 0,
                **({"fee": "0.001", "fee_currency": "USDT"} if n % 5 == 0 else {}),
            }
        )
    return rows


def test_every_trade_is_read_once_with_its_fee(past):
    past.plant({"kind": "deposit", "at": past.ago(390), "currency": "ETH", "amount": "1000"}, *many_trades(past, 192))
    found = past.read(SyncKind.TRADES)
    expected = {
        (SYMBOLS[row["market"], row["market_kind"]], row["id"]): (
            row["side"],
            Decimal(row["price"]),
            Decimal(row["amount"]),
            Decimal(row["fee"]),
            row["fee_currency"],
            row["is_maker"],
            row["order_id"],
            row["at_ms"],
        )
        for row in past.truth("trade")
    }
    assert len(expected) == 192
    assert {
        (row.symbol, row.trade_id): (
            row.side,
            row.price,
            row.amount,
            row.fee,
            row.fee_currency,
            row.is_maker,
            row.order_id,
            milliseconds(row),
        )
        for row in found
    } == expected


def test_every_closed_order_is_read_with_its_end(past):
    # Binance keeps contracts' orders for 90 days.
    past.plant(
        {"kind": "deposit", "at": past.ago(390), "currency": "ETH", "amount": "1000"},
        *(
            {
                "kind": "trade",
                "at": past.ago(80 - n / 3),
                "market": "BTCUSDT",
                "market_kind": "linear" if n % 2 else "spot",
                "side": "buy",
                "price": "30000",
                "amount": "0.01",
                # More than was filled: the rest was canceled.
                **({"order_amount": "0.05"} if n % 4 == 0 else {}),
            }
            for n in range(150)
        ),
    )
    found = past.read(SyncKind.CLOSED_ORDERS)
    statuses = {"filled": OrderStatus.CLOSED, "canceled": OrderStatus.CANCELED}
    assert {(row.symbol, row.order_id): (row.status, row.filled, row.amount) for row in found} == {
        (SYMBOLS[row["market"], row["market_kind"]], row["id"]): (
            statuses[row["status"].lower()],
            Decimal(row["filled"]),
            Decimal(row["amount"]),
        )
        for row in past.truth("order")
    }
    assert len(found) == 150


def test_every_transfer_is_read_with_its_fee_and_its_wallets(past):
    wallets = {"binance": ("spot", "funding"), "bybit": ("unified", "fund")}[past.exchange_id]
    past.plant(
        *(
            {"kind": "deposit", "at": past.ago(390 - 5 * n), "currency": "BTC", "amount": f"0.{n:02}1"}
            for n in range(70)
        ),
        *(
            {"kind": "withdrawal", "at": past.ago(300 - 4 * n), "currency": "BTC", "amount": "0.5", "fee": "0.0004"}
            for n in range(60)
        ),
        {
            "kind": "transfer",
            "at": past.ago(9),
            "currency": "USDT",
            "amount": "100",
            "from": wallets[0],
            "to": wallets[1],
        },
        {
            "kind": "transfer",
            "at": past.ago(8),
            "currency": "USDT",
            "amount": "7",
            "from": wallets[1],
            "to": wallets[0],
        },
    )
    found: list[Transfer] = past.read(SyncKind.TRANSFERS)
    out = {row["id"]: row for row in past.truth("withdrawal")}
    told = Counter((row.kind, row.currency, row.amount, row.fee or 0, milliseconds(row)) for row in found)
    # Binance tells whole seconds of a withdrawal.
    told = Counter({(*key[:4], key[4] // 1000): count for key, count in told.items()})
    assert told == Counter(
        [
            *(
                (TransferKind.DEPOSIT, row["currency"], Decimal(row["amount"]), 0, row["at_ms"] // 1000)
                for row in past.truth("deposit")
            ),
            *(
                (TransferKind.WITHDRAWAL, "BTC", Decimal("0.5"), Decimal("0.0004"), row["at_ms"] // 1000)
                for row in out.values()
            ),
            *(
                (TransferKind.INTERNAL, "USDT", Decimal(row["amount"]), 0, row["at_ms"] // 1000)
                for row in past.truth("transfer")
            ),
        ]
    )
    assert len({row.transfer_id for row in found}) == len(found) == 132
    names = {"binance": ("spot", "funding"), "bybit": ("unified", "funding")}[past.exchange_id]
    internal = sorted((row for row in found if row.kind is TransferKind.INTERNAL), key=milliseconds)
    assert [(row.from_wallet, row.to_wallet) for row in internal] == [names, names[::-1]]


def test_every_funding_payment_is_read_and_is_no_trade(past):
    past.plant(
        *(
            {"kind": "funding", "at": past.ago(80 - n / 3), "market": "BTCUSDT", "amount": f"{n - 100}.25"}
            for n in range(200)
        )
    )
    found = past.read(SyncKind.FUNDING_PAYMENTS)
    assert Counter((row.symbol, row.currency, row.amount, milliseconds(row)) for row in found) == Counter(
        ("BTC/USDT:USDT", "USDT", Decimal(row["amount"]), row["at_ms"]) for row in past.truth("funding")
    )
    assert len(found) == 200
    assert past.read(SyncKind.TRADES) == []


BOOKS = ("convert", "dust", "airdrop", "rebate", "reward", "interest", "purchase", "sale")
OF_BINANCE = [
    {"kind": "dust", "coins": [{"currency": "BTC", "amount": "0.001", "got": "0.1", "fee": "0.002"}] * 2},
    {"kind": "interest", "currency": "USDT", "amount": "0.5"},
    {"kind": "reward", "currency": "BTC", "amount": "0.002", "product": "locked"},
    {"kind": "reward", "currency": "BTC", "amount": "0.003", "type": "BONUS"},
    {"kind": "purchase", "currency": "BTC", "amount": "0.01", "fiat": "EUR", "fiat_amount": "300"},
    {"kind": "sale", "currency": "BTC", "amount": "0.01", "fiat": "EUR", "fiat_amount": "300"},
]


def test_every_other_line_of_the_books_is_read(past):
    lines = [
        {"kind": "convert", "from": "USDT", "from_amount": "100", "to": "BTC", "to_amount": "0.003"},
        {"kind": "airdrop", "currency": "BTC", "amount": "0.004"},
        {"kind": "reward", "currency": "BTC", "amount": "0.001"},
        *(OF_BINANCE if past.exchange_id == "binance" else [{"kind": "interest", "currency": "USDT", "amount": "2"}]),
    ]
    if past.exchange_id == "bybit":
        lines.append({"kind": "rebate", "currency": "BTC", "amount": "0.004"})
    past.plant(*({**line, "at": past.ago(80 - 2 * n - k / 10)} for n in range(30) for k, line in enumerate(lines)))
    found: list[LedgerEntry] = past.read(SyncKind.LEDGER)
    assert Counter((row.currency, row.amount, milliseconds(row)) for row in found) == Counter(
        (row["currency"], Decimal(row["amount"]), row["at_ms"]) for row in past.truth(*BOOKS)
    )
    assert len({row.entry_id for row in found}) == len(found) >= 120
    pairs = Counter(row.reference for row in found if row.kind == "convert")
    assert len(pairs) == 30
