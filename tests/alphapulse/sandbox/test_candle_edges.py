from datetime import UTC, datetime

import pytest

from alphapulse.sandbox.candle_edges import TIMEFRAMES, edges

NOW = int(datetime(2026, 3, 18, 13, 37, 5, tzinfo=UTC).timestamp() * 1000)


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


@pytest.mark.parametrize(
    ("timeframe", "opened"),
    [
        ("1m", datetime(2026, 3, 18, 13, 37, tzinfo=UTC)),
        ("4h", datetime(2026, 3, 18, 12, tzinfo=UTC)),
        ("1d", datetime(2026, 3, 18, tzinfo=UTC)),
        ("1w", datetime(2026, 3, 16, tzinfo=UTC)),  # a Monday
        ("1M", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_the_latest_candle_is_the_one_under_way(timeframe: str, opened: datetime):
    found = edges(timeframe, start_ms=None, end_ms=None, now_ms=NOW, limit=3)

    assert len(found) == 4
    assert moment(found[2]) == opened
    assert found[3] > NOW


def test_a_start_inside_a_candle_begins_with_the_next_one():
    start = int(datetime(2026, 3, 18, 10, 0, 1, tzinfo=UTC).timestamp() * 1000)

    found = edges("1h", start_ms=start, end_ms=None, now_ms=NOW, limit=100)

    assert [moment(at).hour for at in found] == [11, 12, 13, 14]


def test_start_end_and_limit_work_together():
    start = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
    end = int(datetime(2026, 3, 5, tzinfo=UTC).timestamp() * 1000)

    assert [moment(at).day for at in edges("1d", start_ms=start, end_ms=end, now_ms=NOW, limit=100)] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert [moment(at).day for at in edges("1d", start_ms=start, end_ms=end, now_ms=NOW, limit=2)] == [1, 2, 3]
    assert [moment(at).day for at in edges("1d", start_ms=None, end_ms=end, now_ms=NOW, limit=2)] == [4, 5, 6]


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_nothing_opens_in_the_future(timeframe: str):
    assert edges(timeframe, start_ms=NOW + 400 * 86_400_000, end_ms=None, now_ms=NOW, limit=10) == []
