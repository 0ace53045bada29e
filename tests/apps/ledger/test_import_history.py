"""`manage.py import_history`: what it says, and when it stores nothing."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import CommandParser

from alphapulse.exchanges.exports.reading import FORMATS
from apps.ledger.management.commands.import_history import Command
from apps.ledger.models import LedgerEntry, Trade, Transfer
from tests.apps.builders import account, audited

pytestmark = [pytest.mark.django_db]

FOLDER = Path(__file__).parents[2] / "data" / "exports"
TRADES, STATEMENT = FOLDER / "Binance-Spot-Trade-History.csv", FOLDER / "Binance-Transaction-History.csv"


def import_history(*files: object, account: str = "main", **options) -> str:
    out = StringIO()
    call_command("import_history", *map(str, files), account=account, **options, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def mine():
    return account("main")


def test_it_says_what_is_new_what_was_known_and_what_was_skipped_and_why(mine):
    told = import_history(STATEMENT)
    assert "Binance, Transaction History (all statements), 21 rows, 2023-08-06 to 2023-09-22 (UTC)" in told
    assert "ledger: 12 new, 0 known already" in told
    assert "skipped: 3 x trades: the trade history of spot or futures tells them, with their fees" in told
    assert "look at: 1 x 'Moon Dividend' is not known: kept as kind 'other'" in told
    assert "ledger: 0 new, 12 known already" in import_history(STATEMENT)
    assert LedgerEntry.objects.count() == 12


def test_a_dry_run_stores_nothing(mine):
    told = import_history(TRADES, dry_run=True)
    assert "trades: 5 new, 0 known already" in told
    assert told.endswith("This was a dry run: nothing was stored.\n")
    assert not Trade.objects.exists()
    assert not audited().exists()


def test_of_several_files_none_is_stored_where_one_is_broken(mine, tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text(TRADES.read_text()[:-20])
    with pytest.raises(CommandError, match=r"broken.csv: Line 6.*cut off.*\nNothing was stored"):
        import_history(TRADES, broken)
    assert not Trade.objects.exists()
    import_history(TRADES, STATEMENT)
    assert (Trade.objects.count(), LedgerEntry.objects.count()) == (5, 12)


def test_a_file_that_is_not_there_says_so(mine, tmp_path):
    with pytest.raises(CommandError, match=r"nowhere.csv: No such file or directory"):
        import_history(tmp_path / "nowhere.csv")


def test_a_file_of_another_exchange_says_so():
    account("main", exchange_id="bybit")
    with pytest.raises(CommandError, match="a file of binance; the account is one of bybit"):
        import_history(TRADES)


def test_the_persons_words_help_where_the_file_says_too_little(mine, tmp_path):
    file = tmp_path / "export.csv"
    file.write_text(
        "Time;Coin;Network;Amount;Address;TXID;Status\n24-05-06 23:05:55;USDT;MATIC;1,5;0xa;0xb;Completed\n"
    )
    with pytest.raises(CommandError, match="--utc-offset"):
        import_history(file)
    call_command(
        "import_history", str(file), "--account=main", "--utc-offset=+01:00", "--decimal-comma", stdout=StringIO()
    )
    row = Transfer.objects.get()
    assert (str(row.amount), row.exchange_at.isoformat()) == ("1.5", "2024-05-06T22:05:55+00:00")


def test_a_wrong_offset_is_wrong_usage(mine):
    with pytest.raises(CommandError, match="'Berlin' is not an offset like"):
        call_command("import_history", str(TRADES), "--account=main", "--utc-offset=Berlin")


def test_the_help_names_every_format():
    parser: CommandParser = Command().create_parser("manage.py", "import_history")
    assert all(f"{format.name} " in parser.format_help() for format in FORMATS)
