"""Pictures are for eyes; what can be tested is that each is drawn of what there is, and marks what is not known."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from alphapulse.portfolio import pictures
from alphapulse.portfolio.curve import Point
from alphapulse.portfolio.pictures import Part
from alphapulse.types import Candle

DAY = timedelta(days=1)
BEGIN = datetime(2026, 8, 1, tzinfo=UTC)
PNG = b"\x89PNG\r\n"


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """The figures, kept."""
    figures: list[Figure] = []

    def make(*words, **options) -> Figure:
        figures.append(Figure(*words, **options))
        return figures[-1]

    monkeypatch.setattr(pictures, "Figure", make)
    return figures


def points(*values: float, incomplete: int | None = None) -> list[Point]:
    return [
        Point(at=BEGIN + day * DAY, value=Decimal(str(value)), is_complete=day != incomplete)
        for day, value in enumerate(values)
    ]


def candle(day: int, opened: str, close: str, *, is_closed: bool = True) -> Candle:
    return Candle(
        symbol="BTC/USDT",
        timeframe="1d",
        opened_at=BEGIN + day * DAY,
        open=Decimal(opened),
        high=Decimal(120),
        low=Decimal(80),
        close=Decimal(close),
        volume=Decimal(1),
        is_closed=is_closed,
    )


def words(figure: Figure) -> str:
    """All that is written in it."""
    [axes] = figure.axes
    legend = axes.get_legend()
    told = [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in axes.texts)]
    return " | ".join([*told, *(text.get_text() for text in (legend.get_texts() if legend else []))])


def test_a_curve_ends_with_what_it_is_worth(drawn, tmp_path: Path):
    pictures.equity(tmp_path / "e.png", points(100, 120, 90), title="Worth of demo", currency="USDT")
    assert (tmp_path / "e.png").read_bytes().startswith(PNG)
    assert words(drawn[0]) == "Worth of demo | UTC | worth in USDT | 90 USDT"


def test_what_is_incomplete_is_shaded_until_the_next_complete_point(drawn, tmp_path: Path):
    pictures.equity(tmp_path / "e.png", points(100, 120, 90, incomplete=1), title="Worth", currency="USDT")
    assert "incomplete: not all could be read or priced" in words(drawn[0])
    assert pictures._doubtful(points(1, 1, 1, 1, incomplete=1)) == [(BEGIN + DAY, BEGIN + 2 * DAY)]


def test_a_worth_that_stays_the_same_is_drawn_too(tmp_path: Path):
    pictures.equity(tmp_path / "e.png", points(100, 100), title="Worth", currency="USDT")
    pictures.drawdown(tmp_path / "d.png", points(0, 0), title="Drawdown")
    assert (tmp_path / "d.png").read_bytes().startswith(PNG)


def test_a_drawdown_tells_its_deepest(drawn, tmp_path: Path):
    pictures.drawdown(tmp_path / "d.png", points(0, -0.25, -0.1), title="Drawdown")
    assert "-25.0 %" in words(drawn[0])


def test_parts_are_told_with_their_share_and_what_has_no_price_is_named(drawn, tmp_path: Path):
    parts = [
        Part(asset="BTC", value=Decimal(750)),
        Part(asset="ETH", value=Decimal(250), is_old=True),
        Part(asset="GHOST", value=None),
    ]
    pictures.allocation(tmp_path / "a.png", parts, title="Parts", currency="USDT")
    told = words(drawn[0])
    assert "750 USDT   75.0 %" in told
    assert "without a price, and not here: GHOST" in told
    assert "hatched: by the last price there was" in told


def test_many_small_parts_are_one(drawn, tmp_path: Path):
    parts = [Part(asset=f"C{number:02}", value=Decimal(100 - number)) for number in range(12)]
    pictures.allocation(tmp_path / "a.png", parts, title="Parts", currency="USDT")
    [axes] = drawn[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        *(f"C{number:02}" for number in range(7)),
        "5 others",
    ]


def test_candles_show_holes_and_the_one_that_is_not_closed(drawn, tmp_path: Path):
    rows = [candle(0, "100", "110"), candle(1, "110", "100"), candle(5, "100", "100", is_closed=False)]
    holes = [(BEGIN + 2 * DAY, BEGIN + 5 * DAY)]
    pictures.candles(tmp_path / "c.png", rows, title="BTC/USDT", length=DAY, holes=holes)
    assert words(drawn[0]) == "BTC/USDT | UTC | USDT | no candles | not closed yet"
    bodies = [patch.get_facecolor()[:3] for patch in drawn[0].axes[0].patches if patch.get_zorder() == 3]
    assert len(set(bodies)) == 3


def test_no_line_is_drawn_through_what_nobody_saw(drawn, tmp_path):
    seen = points(1, 2, 3, 4, 5)
    pictures.equity(tmp_path / "it.png", seen, title="Worth", currency="EUR", gaps=[(seen[1].at, seen[2].at)])
    [axes] = drawn[0].axes
    assert [len(line.get_xdata()) for line in axes.lines[:2]] == [2, 3]
    assert "not known" in words(drawn[0])


def test_what_is_too_long_to_be_read_is_shortened(drawn, tmp_path):
    parts = [Part(asset="LONG" * 10, value=Decimal(1)), *(Part(asset=f"X{each}", value=None) for each in range(40))]
    pictures.allocation(tmp_path / "it.png", parts, title="long " * 100, currency="EUR")
    told = words(drawn[0])
    assert "and 34 more" in told
    assert len(told) < 300
    assert [label.get_text() for label in drawn[0].axes[0].get_yticklabels()] == ["LONGLONGLONGLONGL…"]
