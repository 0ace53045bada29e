"""Files as people have them: marks, quotes, delimiters, cut ends, and what is no export at all."""

import io
import random
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.exchanges.exports.errors import ExportError, NeedsMore, NotCsv, OtherExchange, UnknownHeader, Unreadable
from alphapulse.exchanges.exports.reading import FORMATS, read_export
from alphapulse.exchanges.fingerprint import number_of
from alphapulse.exchanges.history import key
from alphapulse.types import Side, SyncKind
from tests.alphapulse.exchanges.exports.files import read_text

HEADER = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee"
ROW = '2024-03-05 10:00:07,BTCUSDT,BUY,"61,000.10",0.5BTC,"30,500.05USDT",0.0005BTC'
TRADES = f"{HEADER}\n{ROW}\n"


def ids(*texts: str) -> set[tuple[str, ...]]:
    return {key(event) for text in texts for event in read_text(text).events}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TRADES,
        TRADES.replace("\n", "\r\n"),
        TRADES.removesuffix("\n"),
        TRADES.replace("\n", "\n\n"),
        '"Date(UTC)","Pair","Side","Price","Executed","Amount","Fee"\n' + ROW,
        "sep=,\n" + TRADES,
        HEADER + ",\n" + ROW + ",\n",
        HEADER + "\n" + ROW + ",,\n",
        TRADES.replace("Date(UTC)", "Date(UTC+8)").replace("10:00:07", "18:00:07"),
        TRADES.replace("Date(UTC)", "Date(UTC-5)").replace("10:00:07", "05:00:07"),
    ],
)
def test_the_same_trade_is_read_however_the_file_was_written(text):
    (trade,) = read_text(text).events
    assert (trade.symbol, trade.price, trade.amount) == ("BTC/USDT", Decimal("61000.10"), Decimal("0.5"))
    assert trade.exchange_at == datetime(2024, 3, 5, 10, 0, 7, tzinfo=UTC)
    assert {key(trade)} == ids(TRADES)


def test_semicolons_stand_between_columns_where_a_spreadsheet_put_them():
    text = TRADES.replace('"61,000.10"', "61000.10").replace('"30,500.05USDT"', "30500.05USDT").replace(",", ";")
    assert ids(text) == ids(TRADES)
    with_commas = text.replace("61000.10", "61000,10").replace("0.5BTC", "0,5BTC").replace("30500.05", "30500,05")
    with pytest.raises(Unreadable, match=r"Line 2, column 'Price': '61000,10' is not an amount.*say --decimal-comma"):
        read_text(with_commas)
    (trade,) = read_text(with_commas.replace("0.0005BTC", "0,0005BTC"), has_decimal_comma=True).events
    assert {key(trade)} == ids(TRADES)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"PK\x03\x04 and the rest of a workbook", r"a spreadsheet \(.xlsx\) or a .zip archive"),
        (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
        (b"\x1f\x8b\x08", "compressed"),
        (TRADES.encode("utf-16"), "UTF-16 text"),
        (TRADES.encode() + b"\xff\xfe\xfa\n", "no UTF-8 text"),
        (TRADES.encode() + b"\x00\x00\x00\n", "line 3 has bytes that are no text"),
        (b"", "This file is empty"),
        (b"\xef\xbb\xbf\n\n", "This file is empty"),
    ],
)
def test_what_is_no_csv_file_says_what_it_is(raw, reason):
    with pytest.raises(NotCsv, match=reason):
        read_text(raw)


def test_an_unknown_header_names_every_format_that_is_known():
    with pytest.raises(UnknownHeader, match="No format has this header: Date, Description, Amount") as problem:
        read_text("Date,Description,Amount\n2025-01-01,Coffee,-2.50\n")
    assert all(format.title in str(problem.value) for format in FORMATS)


def test_another_exchanges_file_is_refused():
    with pytest.raises(OtherExchange, match=r"Binance, Spot Trade History.*the account is one of bybit"):
        read_text(TRADES, "bybit")


def test_a_line_that_is_cut_off_is_named():
    with pytest.raises(Unreadable, match=r"Line 3: 4 columns where the header has 7.*cut off"):
        read_text(TRADES + "2024-03-05 10:00:09,BTCUSDT,SELL,61")
    with pytest.raises(Unreadable, match=r"Line 3: unexpected end of data.*cut off"):
        read_text(TRADES + '2024-03-05 10:00:09,BTCUSDT,SELL,"61')
    with pytest.raises(Unreadable, match=r"Line 3: 8 columns .* a comma too many"):
        read_text(TRADES + ROW.replace('"61,000.10"', "61,000.10"))


@pytest.mark.parametrize(
    ("cell", "wrong", "problem"),
    [
        ("0.5BTC", "half", "Line 3, column 'Executed': 'half' is not an amount"),
        ("2024-03-05 10:00:07", "05/03/2024 10:00", r"Line 3, column 'Date\(UTC\)': '05/03/2024 10:00' is not a time"),
        ("BUY", "HODL", "Line 3, column 'Side': 'HODL' is none of: buy"),
        ("BTCUSDT", "", "Line 3, column 'Pair': it is empty"),
        ('"61,000.10"', "1e99", "Line 3, column 'Price': '1e99' has more than 38 digits"),
    ],
)
def test_a_cell_that_is_not_understood_is_named_by_line_and_column(cell, wrong, problem):
    with pytest.raises(Unreadable, match=problem):
        read_text(TRADES + ROW.replace(cell, wrong))


def test_a_file_with_a_header_alone_has_no_events():
    export = read_text(HEADER + "\n")
    assert (export.rows, list(export.events)) == (0, [])


DEPOSIT = "Time,Coin,Network,Amount,Address,TXID,Status\n24-05-06 23:05:55,USDT,MATIC,1.5,0xa,0xb,Completed\n"
OLD_HEADER = "Date(UTC),Coin,Amount,TransactionFee,Address,TXID,Status\n"


def test_a_time_without_a_zone_needs_the_file_name_or_the_person_to_tell_it():
    with pytest.raises(NeedsMore, match=r"'Time' nor the file's name says in which time zone.*--utc-offset"):
        read_text(DEPOSIT)
    noon = datetime(2024, 5, 6, 23, 5, 55, tzinfo=UTC)
    in_seoul = read_text(DEPOSIT, file_name="Binance-Deposit-History-202603230411(UTC+9).csv")
    assert in_seoul.events[0].exchange_at == noon - timedelta(hours=9)
    said = read_text(DEPOSIT, file_name="Deposit(UTC+9).csv", zone=timezone(timedelta(hours=-6)))
    assert said.events[0].exchange_at == noon + timedelta(hours=6)


def test_of_two_formats_with_one_header_the_file_name_or_the_person_chooses():
    row = "2023-05-25 19:16:59,TWT,55.788,0.067,0xc,0x7,Completed\n"
    with pytest.raises(NeedsMore, match="--format binance-deposits-2023 or --format binance-withdrawals-2023"):
        read_text(OLD_HEADER + row, file_name="export.csv")
    named = read_text(OLD_HEADER + row, file_name="Withdraw History.csv")
    said = read_text(OLD_HEADER + row, format="binance-withdrawals-2023")
    assert named.events == said.events
    assert named.events[0].kind == "withdrawal"


def test_a_format_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(ExportError, match=r"no format 'binance'\. There are: binance-spot-trades, "):
        read_text(TRADES, format="binance")


def test_two_equal_fills_of_one_second_are_two():
    events = read_text(TRADES + ROW + "\n").events
    assert [number_of(event) for event in events] == [1, 2]


def test_a_row_with_an_id_that_comes_twice_is_one_and_two_rows_of_one_id_are_refused():
    header = "txid,ordertxid,pair,time,type,ordertype,price,cost,fee,vol\n"
    row = "T1,O1,XBTEUR,2024-08-01 09:00:00,buy,limit,60000,600,0.96,0.01\n"
    export = read_text(header + row + row, "kraken")
    assert (len(export.events), export.left) == (1, {"told twice in this file": 1})
    with pytest.raises(Unreadable, match="Line 3: the id 'T1' stands in line 2 too, for something else"):
        read_text(header + row + row.replace("60000", "61000"), "kraken")


def test_who_trades_with_himself_has_a_purchase_and_a_sale_of_one_id():
    header = "txid,ordertxid,pair,time,type,ordertype,price,cost,fee,vol\n"
    row = "T1,O1,XBTEUR,2024-08-01 09:00:00,buy,limit,60000,600,0.96,0.01\n"
    events = read_text(header + row + row.replace("O1", "O2").replace("buy", "sell"), "kraken").events
    assert {(event.trade_id, event.side) for event in events} == {("T1", Side.BUY), ("T1:2", Side.SELL)}


def test_progress_is_told_while_a_long_file_is_read():
    told: list[int] = []
    stream = io.BytesIO((HEADER + "\n" + (ROW + "\n") * 20_001).encode())
    read_export(stream, exchange_id="binance", markets=(), on_progress=told.append)
    assert told == [10_000, 20_000]


# --- Whatever file a row comes in, it is the same row

SECONDS = st.integers(0, 5)
FILLS = st.lists(st.tuples(SECONDS, st.sampled_from(["BUY", "SELL"]), st.sampled_from(["1", "2.5"])), max_size=12)


def as_file(fills: list[tuple[int, str, str]]) -> str:
    rows = [f"2024-03-05 10:00:0{at},BTCUSDT,{side},100,{amount}BTC,100USDT,0.1BNB" for at, side, amount in fills]
    return "\n".join([HEADER, *rows]) + "\n"


@given(FILLS, st.randoms(use_true_random=False))
def test_the_order_of_rows_in_a_file_does_not_matter(fills, chance: random.Random):
    shuffled = fills[:]
    chance.shuffle(shuffled)
    assert read_text(as_file(shuffled)).events == read_text(as_file(fills)).events


@given(FILLS, st.integers(0, 5), st.integers(0, 5))
def test_files_that_overlap_tell_the_same_rows_as_one(fills, since, until):
    """Exports are cut between seconds."""
    earlier = [fill for fill in fills if fill[0] <= until]
    later = [fill for fill in fills if fill[0] >= min(since, until + 1)]
    assert ids(as_file(earlier), as_file(later)) == ids(as_file(fills))


def test_kinds_are_told_apart():
    export = read_text(TRADES)
    assert list(export.by_kind()) == [SyncKind.TRADES]
