"""Kraken's two files: what becomes of every row."""

from datetime import UTC, datetime
from decimal import Decimal

from alphapulse.types import LedgerKind, Side, TransferKind
from tests.alphapulse.exchanges.exports.files import read_file


def test_trades_have_krakens_ids_and_everybodys_symbols():
    bought, sold = read_file("kraken-trades.csv", "kraken").events
    assert (bought.trade_id, bought.order_id, bought.symbol) == (
        *("TJKLMF-PQRST-UVWX01", "OABCDE-FGHIJ-KLMN01"),
        "BTC/EUR",
    )
    assert bought.exchange_at == datetime(2024, 8, 1, 9, 0, 0, 123_400, tzinfo=UTC)
    assert (sold.symbol, sold.side, sold.cost, sold.fee_currency) == ("DOT/USD", Side.SELL, Decimal(51), "USD")


def test_ledgers_tell_what_is_no_trade_with_the_fee_taken_off():
    export = read_file("kraken-ledgers.csv", "kraken")
    deposit, *entries = export.events
    assert [(entry.kind, entry.currency, entry.amount) for entry in entries] == [
        (LedgerKind.CONVERT, "ETH", Decimal("0.015")),
        (LedgerKind.CONVERT, "EUR", Decimal(-50)),
        (LedgerKind.REWARD, "ETH2.S", Decimal("0.00008")),
        (LedgerKind.AIRDROP, "ETHW", Decimal("0.5")),
    ]
    assert {entry.reference for entry in entries[:2]} == {"TSWAP1-AAAAA-AAAAAA"}
    # Which row of the API's it is, its ids do not tell: it gives way to that, and is the same row in every file.
    assert entries[1].entry_id == "file:LSPEND-AAAAA-AAAAAA:1"
    assert (deposit.kind, deposit.amount, deposit.fee) == (TransferKind.DEPOSIT, Decimal(1000), Decimal(0))
    assert {reason.split(":")[0]: number for reason, number in export.left.items()} == {
        "trades": 2,
        "moves between wallets of the account": 1,
    }
