from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapulse.exchanges.exports.cells import Numbers, moment, offset, zone_in

PLAIN = Numbers()
FROM_A_SPREADSHEET = Numbers(is_comma_unclear=True)
DECIMAL_COMMA = Numbers(has_decimal_comma=True, is_comma_unclear=True)
EVENING = datetime(2026, 9, 22, 19, 11, 48, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234,567.50", "1234567.5"),
        ("1,234", "1234"),
        ("-0.00005643", "-0.00005643"),
        ("1.0E-4", "0.0001"),
        ("4356.00000000000000000000", "4356"),
        (" 12 ", "12"),
    ],
)
def test_amounts_are_read_as_exchanges_write_them(text, amount):
    assert PLAIN.amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["1,23", "12,34.5", "1,2345", "abc", "NaN", "1 000"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match=r"is not an amount|is not finite"):
        PLAIN.amount(text)


def test_a_comma_that_may_be_a_decimal_mark_is_not_guessed():
    with pytest.raises(ValueError, match="may be a thousand or a fraction; say --decimal-comma"):
        FROM_A_SPREADSHEET.amount("1,234")
    assert FROM_A_SPREADSHEET.amount("1,234.5") == Decimal("1234.5")
    assert DECIMAL_COMMA.amount("1,234") == Decimal("1.234")
    assert DECIMAL_COMMA.amount("1.234,5") == Decimal("1234.5")


@pytest.mark.parametrize(
    ("text", "units", "found"),
    [
        ("0.5BTC", (), ("0.5", "BTC")),
        ("0.00352911 BNB", (), ("0.00352911", "BNB")),
        ("30,500.05USDT", (), ("30500.05", "USDT")),
        ("0.0004", (), ("0.0004", "")),
        ("1E-8ETH", (), ("0.00000001", "ETH")),
        # Coins whose names begin with a digit: only the market tells where the number ends.
        ("1001INCH", ("1INCH", "USDT"), ("100", "1INCH")),
        ("0.101INCH", ("1INCH", "USDT"), ("0.10", "1INCH")),
        ("5001000SATS", ("1000SATS",), ("500", "1000SATS")),
        ("0.5WBTC", ("BTC",), ("0.5", "WBTC")),
    ],
)
def test_a_unit_beside_a_number_is_told_from_it(text, units, found):
    assert PLAIN.with_unit(text, units) == (Decimal(found[0]), found[1])


@given(st.decimals(min_value="0.00000001", max_value=10**12, places=8), st.sampled_from(["BTC", "1INCH", "4", "USDT"]))
def test_number_and_unit_come_back_as_they_were_written(number, unit):
    assert PLAIN.with_unit(f"{number:,f}{unit}", [unit]) == (number, unit)


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-22 19:11:48",
        "2026-09-22T19:11:48Z",
        "26-09-22 19:11:48",
        "2026/9/22 19:11:48",
        "2026-09-22 21:11:48 +02:00",
        "2026-09-22 19:11:48.000",
        "19:11:48 2026-09-22",
    ],
)
def test_times_are_read_as_exchanges_write_them(text):
    assert moment(text, UTC) == EVENING


def test_parts_of_a_second_and_missing_seconds_are_kept_as_they_are():
    assert moment("2024-08-01 09:00:00.1234", UTC).microsecond == 123_400
    assert moment("14:35 2024-11-16", UTC) == datetime(2024, 11, 16, 14, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["22/09/2026 19:11", "2026-13-01 00:00:00", "2026-09-22", "yesterday", "1690000000000"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a time|must be in 1\.\.12"):
        moment(text, UTC)


def test_a_time_without_a_zone_is_not_guessed():
    with pytest.raises(ValueError, match="does not say in which time zone"):
        moment("2026-09-22 19:11:48", None)


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("Date(UTC)", 0),
        ("Date(UTC+8)", 8),
        ("Timestamp (UTC+0)", 0),
        ("Date(UTCnull)", 0),
        ("Binance-Deposit-History-202603230411(UTC--6)_abcd.csv", -6),
        ("Binance-Transaction-History(UTC-3).csv", -3),
        ("Date(UTC+05:30)", 5.5),
    ],
)
def test_a_name_tells_its_time_zone(name, hours):
    assert zone_in(name).utcoffset(None) == timedelta(hours=hours)


def test_a_name_without_a_time_zone_tells_none():
    assert zone_in("Time") is None
    assert zone_in("Filled Time (Local Time)") is None


@pytest.mark.parametrize(
    ("text", "zone"), [("+01:00", timezone(timedelta(hours=1))), ("UTC", UTC), ("-6", timezone(-timedelta(hours=6)))]
)
def test_people_type_an_offset(text, zone):
    assert offset(text) == zone


def test_what_is_no_offset_is_refused():
    with pytest.raises(ValueError, match="is not an offset like"):
        offset("Berlin")
