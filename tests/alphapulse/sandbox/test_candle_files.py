import gzip
import math
from pathlib import Path

import pytest

from alphapulse.sandbox.candle_files import played_paths
from alphapulse.sandbox.clock import DAY_MS, HOUR_MS
from alphapulse.sandbox.prices import Prices
from tests.alphapulse.sandbox.conftest import NOON_MS

FILED_MS = 1_600_000_000_000 - 1_600_000_000_000 % DAY_MS  # a midnight long ago
TODAY_MS = NOON_MS - NOON_MS % DAY_MS
BARS = [(100 + 2 * index, 110 + 3 * index, 90 + index, 105 + 2 * index, 10 + index) for index in range(48)]


def write(folder: Path, name: str, *, skip: int | None = None) -> None:
    lines = ["timestamp_ms,open,high,low,close,volume"]
    lines += [",".join(map(str, (FILED_MS + index * HOUR_MS, *bar))) for index, bar in enumerate(BARS) if index != skip]
    text = "\n".join(lines).encode() + b"\n"
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)


def played(folder: Path) -> Prices:
    return Prices(7, played_paths(folder, NOON_MS))


@pytest.mark.parametrize("name", ["ETH-BTC_1h.csv.gz", "ETH-BTC_1h.csv", "ETH-BTC-BTC_1h.csv.gz"])
def test_the_file_is_played_from_the_day_of_the_start_with_its_own_hours(tmp_path: Path, name: str):
    write(tmp_path, name)

    bars = played(tmp_path).candles("ETH", "BTC", [TODAY_MS + HOUR_MS * hour for hour in range(25)], TODAY_MS + DAY_MS)

    assert [bar.open_ms for bar in bars] == [TODAY_MS + HOUR_MS * hour for hour in range(24)]
    assert [bar[1:] for bar in bars] == [pytest.approx(expected) for expected in BARS[:24]]


def test_a_coarser_candle_is_made_of_the_file_s_and_a_finer_one_lies_inside(tmp_path: Path):
    write(tmp_path, "ETH-BTC_1h.csv")
    prices = played(tmp_path)

    [four_hours] = prices.candles("ETH", "BTC", [TODAY_MS, TODAY_MS + 4 * HOUR_MS], TODAY_MS + DAY_MS)
    quarters = prices.candles("ETH", "BTC", [TODAY_MS + HOUR_MS // 4 * n for n in range(5)], TODAY_MS + DAY_MS)

    assert four_hours[1:] == pytest.approx((100, 119, 90, 111, 46))
    assert (min(bar.low for bar in quarters), max(bar.high for bar in quarters)) == pytest.approx((90, 110))
    assert sum(bar.volume for bar in quarters) == pytest.approx(10)


def test_at_its_end_the_file_is_played_backwards_without_a_jump(tmp_path: Path):
    write(tmp_path, "ETH-BTC_1h.csv")
    prices = played(tmp_path)
    end = TODAY_MS + len(BARS) * HOUR_MS

    before, after = (prices.candles("ETH", "BTC", [at, at + HOUR_MS], end + DAY_MS)[0] for at in (end - HOUR_MS, end))

    assert after.open == before.close
    assert after[1:5] == pytest.approx((before.close, before.high, before.low, before.open))


def test_a_missing_candle_stands_still(tmp_path: Path):
    write(tmp_path, "ETH-BTC_1h.csv", skip=3)

    [bar] = played(tmp_path).candles("ETH", "BTC", [TODAY_MS + 3 * HOUR_MS, TODAY_MS + 4 * HOUR_MS], TODAY_MS + DAY_MS)

    assert bar[1:5] == pytest.approx((109, 109, 109, 109))
    assert bar.volume == 0


def test_what_is_played_prices_its_crosses_too(tmp_path: Path):
    write(tmp_path, "ETH-BTC_1h.csv")
    prices = played(tmp_path)

    crossed = prices.price("ETH", "BTC", NOON_MS) * prices.price("BTC", "USDT", NOON_MS)

    assert prices.price("ETH", "USDT", NOON_MS) == pytest.approx(crossed)
    assert math.isclose(prices.price("BTC", "USDT", NOON_MS), Prices(7).price("BTC", "USDT", NOON_MS))


def test_of_several_files_of_a_coin_the_best_known_quote_and_the_finest_is_played(tmp_path: Path):
    for name in ("XRP-ETH_5m.csv", "XRP-USDT_1h.csv", "XRP-USDT_4h.csv"):
        write(tmp_path, name)

    assert {base: quote for base, (quote, _path) in played_paths(tmp_path, NOON_MS).items()} == {"XRP": "USDT"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("notes_of.csv", "", "not the name of a candle file"),
        ("BTC-USDT_7m.csv", "", "not the name of a candle file"),
        ("BTC-USDT_5m.csv", "time,price\n1,2\n", "not a candle file"),
        ("BTC-USDT_5m.csv", "timestamp_ms,open,high,low,close,volume\n1,1,1,1,1,1\n", "two candles or more"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, name: str, text: str, said: str):
    (tmp_path / name).write_text(text)

    with pytest.raises(ValueError, match=f"{name}.*{said}"):
        played_paths(tmp_path, NOON_MS)


def test_an_empty_folder_and_circles_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="no candle files"):
        played_paths(tmp_path, NOON_MS)
    write(tmp_path, "ETH-BTC_1h.csv")
    write(tmp_path, "BTC-ETH_1h.csv")
    with pytest.raises(ValueError, match="by way of itself"):
        played_paths(tmp_path, NOON_MS)
