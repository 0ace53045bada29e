"""Four pictures as PNG: worth over time, how far it was below its highest, what it is made of, candles.

Each marks what is not known: incomplete worths, times without any, assets without a price, holes, the candle that is
not closed yet.
Importing this takes a second and 60 MB: commands alone do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter

from alphapulse.portfolio.curve import Point
from alphapulse.types import Candle

INK, FAINT, LINE = "#1f2933", "#9aa5b1", "#2563a8"
UP, DOWN, DOUBT = "#1a7f5a", "#b3382f", "#e9a23b"
# Told apart also by who sees no red or no green (Okabe and Ito).
PARTS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f8c8d")
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "legend.frameon": False,
}
SIZE = (10.0, 5.2)
DPI = 140
# A legend there hides nothing.
BESIDE_TITLE: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2, "fontsize": 9}
# More parts than that are one: others.
MOST_PARTS = 8
# So much of a title, of an asset's name, and of a list of names has room.
TITLE, NAME, NAMES = 80, 18, 6
# Fewer bars than that are no thicker.
BARS = 4

Spans = Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`value` None: nobody says what it is worth. `is_old`: by the last price there was."""

    asset: str
    value: Decimal | None
    is_old: bool = False


def equity(path: Path, points: Sequence[Point], *, title: str, currency: str, gaps: Spans = ()) -> None:
    """`gaps`: between which points nobody looked."""
    with _axes(path, title) as axes:
        lowest = min(float(point.value) for point in points)
        for run in _runs(points, gaps):
            times, values = [point.at for point in run], [float(point.value) for point in run]
            axes.plot(times, values, color=LINE, linewidth=1.8, marker="o" if len(run) == 1 else None, markersize=3)
            axes.fill_between(times, values, lowest, color=LINE, alpha=0.07, linewidth=0)
        _end(axes, points[-1].at, float(points[-1].value), f"{_price(float(points[-1].value))} {currency}")
        _mark_unknown(axes, points, gaps)
        axes.yaxis.set_major_formatter(FuncFormatter(_price))
        axes.set_ylabel(f"worth in {currency}")
        _dates(axes)


def drawdown(path: Path, points: Sequence[Point], *, title: str, gaps: Spans = ()) -> None:
    """The points' values are zero or less: -0.1 is a tenth below the highest."""
    with _axes(path, title) as axes:
        for run in _runs(points, gaps):
            times, depths = [point.at for point in run], [100 * float(point.value) for point in run]
            axes.fill_between(times, depths, 0, color=DOWN, alpha=0.25, linewidth=0)
            axes.plot(times, depths, color=DOWN, linewidth=1.4, marker="o" if len(run) == 1 else None, markersize=3)
        lowest = min(points, key=lambda point: point.value)
        deep = 100 * float(lowest.value)
        axes.plot([lowest.at], [deep], "o", color=DOWN, markersize=5)
        # Away from the nearer edge.
        is_late = lowest.at - points[0].at > points[-1].at - lowest.at
        how = {"textcoords": "offset points", "ha": "right" if is_late else "left", "color": DOWN}
        axes.annotate(f"{deep:.1f} %", (lowest.at, deep), (-6 if is_late else 6, -14), **how)
        _mark_unknown(axes, points, gaps)
        axes.set_ylim(deep * 1.15 or -1, 0)
        axes.set_ylabel("% below its highest")
        _dates(axes)


def allocation(path: Path, parts: Iterable[Part], *, title: str, currency: str) -> None:
    """Bars, the largest above; what is owed goes to the left, and what has no price is named beside them."""
    parts = list(parts)
    with _axes(path, title) as axes:
        shown = _largest([part for part in parts if part.value])
        whole = sum(float(part.value or 0) for part in shown)
        for place, part in enumerate(shown):
            value = float(part.value or 0)
            axes.barh(
                place, value, color=PARTS[place % len(PARTS)], hatch="///" if part.is_old else None, edgecolor="white"
            )
            share = f"{100 * value / whole:.1f} %" if whole > 0 else ""
            axes.annotate(
                f"  {_price(value)} {currency}   {share}", (max(value, 0), place), va="center", fontsize=9, color=INK
            )
        axes.set_yticks(range(len(shown)), [_short(part.asset, NAME) for part in shown])
        axes.set_ylim(max(len(shown), BARS) - 0.5, -0.5)
        axes.margins(x=0.28)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(FuncFormatter(_price))
        axes.set_xlabel(f"worth in {currency}")
        _note(axes, parts)


def candles(
    path: Path,
    rows: Sequence[Candle],
    *,
    title: str,
    length: timedelta,
    holes: Spans = (),
) -> None:
    """`length` is a candle's; `holes` are begins and ends of what the exchange has no candles of."""
    with _axes(path, title) as axes:
        for row in rows:
            _candle(axes, row, length)
        axes.autoscale_view()
        _mark(axes, holes, "no candles")
        if not rows[-1].is_closed:
            axes.legend(handles=[*_handles(axes), _hollow()], **BESIDE_TITLE)
        axes.yaxis.set_major_formatter(FuncFormatter(_price))
        axes.set_ylabel(rows[0].symbol.partition("/")[2])
        _dates(axes)


# --- What they share ------------------------------------------------------------------------------------------------


@contextmanager
def _axes(path: Path, title: str) -> Iterator[Any]:
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(_short(title, TITLE), loc="left", fontsize=13, fontweight="bold", pad=28)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        yield axes
        FigureCanvasAgg(figure).print_png(path)


def _dates(axes: Any) -> None:
    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_xlabel("UTC")


def _end(axes: Any, at: datetime, value: float, words: str) -> None:
    axes.plot([at], [value], "o", color=LINE, markersize=5)
    behind = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
    how = {"textcoords": "offset points", "ha": "right", "color": LINE, "fontweight": "bold", "bbox": behind}
    axes.annotate(words, (at, value), (-4, 10), **how)


def _runs(points: Sequence[Point], gaps: Spans) -> Iterator[Sequence[Point]]:
    """The points between gaps: no line is drawn through what nobody saw."""
    begin, after = 0, {end for _, end in gaps}
    for number, point in enumerate(points):
        if point.at in after and number > begin:
            yield points[begin:number]
            begin = number
    yield points[begin:]


def _mark_unknown(axes: Any, points: Sequence[Point], gaps: Spans) -> None:
    for number, (begin, end) in enumerate(gaps):
        axes.axvspan(begin, end, facecolor=FAINT, alpha=0.18, linewidth=0, label=None if number else "not known")
    _mark(axes, _doubtful(points), "incomplete: not all could be read or priced")
    if gaps:
        axes.legend(**BESIDE_TITLE)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _doubtful(points: Sequence[Point]) -> list[tuple[datetime, datetime]]:
    """Spans of points that are incomplete, each to where the next complete one is."""
    spans = []
    for is_complete, run in groupby(range(len(points)), key=lambda number: points[number].is_complete):
        if not is_complete:
            numbers = list(run)
            spans.append((points[numbers[0]].at, points[min(numbers[-1] + 1, len(points) - 1)].at))
    return spans


def _mark(axes: Any, spans: Spans, words: str) -> None:
    for number, (begin, end) in enumerate(spans):
        axes.axvspan(begin, end, facecolor=DOUBT, alpha=0.25, hatch="///", edgecolor="white", linewidth=0)
        # A span of one moment would not be seen.
        axes.axvline(begin, color=DOUBT, linewidth=1.5, label=words if number == 0 else None)
    if spans:
        axes.legend(**BESIDE_TITLE)


def _handles(axes: Any) -> list[Any]:
    handles: list[Any] = axes.get_legend_handles_labels()[0]
    return handles


def _hollow() -> Patch:
    return Patch(facecolor="white", edgecolor=INK, label="not closed yet")


def _largest(parts: Sequence[Part]) -> list[Part]:
    ranked = sorted(parts, key=lambda part: (-abs(part.value or Decimal(0)), part.asset))
    rest = ranked[MOST_PARTS - 1 :]
    if len(rest) < 2:
        return ranked
    together = sum((part.value or Decimal(0) for part in rest), Decimal(0))
    others = Part(asset=f"{len(rest)} others", value=together, is_old=any(part.is_old for part in rest))
    return [*ranked[: MOST_PARTS - 1], others]


def _note(axes: Any, parts: Sequence[Part]) -> None:
    unpriced = sorted(part.asset for part in parts if part.value is None)
    named = ", ".join(_short(asset, NAME) for asset in unpriced[:NAMES])
    more = f" and {len(unpriced) - NAMES} more" if len(unpriced) > NAMES else ""
    told = [f"without a price, and not here: {named}{more}"] if unpriced else []
    if any(part.is_old for part in parts):
        told.append("hatched: by the last price there was")
    if told:
        axes.annotate(
            "\n".join(told), (1, 1.01), xycoords="axes fraction", ha="right", va="bottom", color=DOWN, fontsize=9
        )


def _candle(axes: Any, row: Candle, length: timedelta) -> None:
    middle, width = date2num(row.opened_at + length / 2), date2num(row.opened_at + length) - date2num(row.opened_at)
    opened, close = float(row.open), float(row.close)
    color = UP if close >= opened else DOWN
    axes.plot([middle, middle], [float(row.low), float(row.high)], color=color, linewidth=0.9, zorder=2)
    body = Rectangle(
        (middle - 0.36 * width, min(opened, close)),
        0.72 * width,
        abs(close - opened) or float(row.high - row.low) * 0.01,
        facecolor=color if row.is_closed else "white",
        edgecolor=color,
        linewidth=0.9,
        zorder=3,
    )
    axes.add_patch(body)


def _price(value: float, _place: object = None) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.6g}"
