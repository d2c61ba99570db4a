"""The plot as plotext draws it: the axes with their ticks, train curves solid, test curves dashed.

plotext keeps one figure for the whole process: call from the UI thread only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import plotext as plt

from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark
from logreg_tui.tui.widgets.curves.axes import Plot
from logreg_tui.tui.widgets.curves.series import (
    Points,
    Series,
    dashed,
    decimate,
    pieces,
    smooth,
    solid,
    within,
)
from logreg_tui.tui.widgets.palette import Rgb

MARK_DISTANCE = 14
"""Columns between two marks on a curve."""
BEYOND = 1.0
"""By how many heights of the plot a line may leave it: what lies further is drawn as if there."""
DOTS, COARSE_DOTS = (0.1, 1.4), (0.1, 2.9)
"""Columns of a dot of a dotted line, and of the gap after it: each third dot of braille, or character."""
EARLIER_MARK = "'"
ASCII_AXES = str.maketrans("│┤└─┬", "|++-+")


@dataclass(frozen=True, slots=True, eq=False)
class CurveLine:
    """A line to draw: places from 0 to 1, NaN in its gaps; shape (points,) each."""

    x: np.ndarray
    y: np.ndarray
    color: Rgb | None
    character: str
    """The character of cells without dots."""
    is_dim: bool
    """True if it lies under all lines that are not."""


def draw_plot(
    series: Sequence[Series],
    plot: Plot,
    style: ChartStyle,
    x_ticks: Sequence[int],
    *,
    smoothing: float = 0.0,
) -> str:
    """Return axes and curves, the last series on top: lines joined by newlines, colours as SGR codes.

    `x_ticks` are columns of the widget; the line for their labels is left blank. The axes have no colour.
    """
    lines = [line for one in series for line in _curve_lines(one, plot, style, smoothing)]
    plt.clear_figure()
    # Without it plotext asks for the size of a terminal that Textual owns.
    plt.limit_size(False, False)
    plt.plotsize(plot.right, plot.rows + 1 + bool(x_ticks))
    plt.theme("clear")
    plt.xaxes(True, False)
    plt.yaxes(True, False)
    # In cells from the lower left one, so that ticks stand where the curves are.
    width, height = max(1, plot.columns - 1), max(1, plot.rows - 1)
    plt.xlim(0, width)
    plt.ylim(0, height)
    plt.xticks([x - plot.left for x in x_ticks], [" "] * len(x_ticks))
    y_ticks = [(plot.row(value), text) for value, text in plot.y_axis.ticks]
    shown = [(plot.bottom - 1 - y, f"{text:>{plot.left - 2}} ") for y, text in y_ticks if y is not None]
    # One outside if there is none: the room of their labels decides where the plot begins.
    shown = shown or [(-1, " " * (plot.left - 1))]
    plt.yticks([y for y, _ in shown], [text for _, text in shown])
    # plotext draws no axis for a figure without data.
    plt.scatter([-1], [-1])
    for line in sorted(lines, key=lambda line: not line.is_dim):
        plt.plot(
            (line.x * width).tolist(),
            (line.y * height).tolist(),
            marker="braille" if plot.is_fine else line.character,
            color=line.color or "default",
        )
    text = str(plt.build())
    return text.translate(ASCII_AXES) if style.ascii_only else text


def _curve_lines(one: Series, plot: Plot, style: ChartStyle, smoothing: float) -> Iterator[CurveLine]:
    """Yield the lines of a series: with smoothing each curve dim, then the smoothed one."""
    shown = within(one.x, plot.x_axis.low, plot.x_axis.high, beyond=1)
    xs, x = one.x[shown], plot.x_axis.places(one.x[shown])
    if one.is_thin:
        rows = _first_of_columns(x, plot)
        points = _points(xs[rows], x[rows], one.test[shown][rows], one.breaks, plot)
        yield _line(points, one.number, plot, style, is_test=True, is_dim=True, is_thin=True)
        return
    for is_test, values in zip((False, True), one.drawn, strict=True):
        if smoothing:
            points = _points(xs, x, values[shown], one.breaks, plot)
            yield _line(
                decimate(*points, plot.columns), one.number, plot, style, is_test=is_test, is_dim=True
            )
            # Over all rows: what lies left of the window counts too.
            piece = pieces(one.x, plot.x_axis.places(one.x), plot.y_axis.places(values), one.breaks)
            values = smooth(values, piece, smoothing)
        points = decimate(*_points(xs, x, values[shown], one.breaks, plot), plot.columns)
        yield _line(points, one.number, plot, style, is_test=is_test)


def _first_of_columns(x: np.ndarray, plot: Plot) -> np.ndarray:
    """Return the first row in each column of dots, and the last row: there may be many thin curves."""
    dots = plot.columns * (2 if plot.is_fine else 1)
    kept = np.flatnonzero(np.diff(np.floor(np.nan_to_num(x, nan=-1.0) * dots), prepend=-np.inf))
    return np.union1d(kept, np.arange(len(x))[-1:])


def _points(xs: np.ndarray, x: np.ndarray, values: np.ndarray, breaks: Sequence[float], plot: Plot) -> Points:
    """Return the places of rows at epochs or seconds `xs`, which lie at places `x`; shape (rows,) each.

    A line that crosses an end of the x axis ends there: at most the outermost points lie beyond.
    """
    y = np.clip(plot.y_axis.places(values), -BEYOND, 1 + BEYOND)
    x, piece = x.copy(), pieces(xs, x, y, breaks)
    for outer, inner, edge in ((0, 1, 0.0), (-1, -2, 1.0)):
        if not len(x) or 0 <= x[outer] <= 1 or piece[outer] < 0:
            continue
        if len(x) > 1 and piece[inner] == piece[outer] and (x[inner] - edge) * (x[outer] - edge) <= 0:
            share = (edge - x[outer]) / (x[inner] - x[outer])
            x[outer], y[outer] = edge, y[outer] + (y[inner] - y[outer]) * share
        else:
            piece[outer] = -1
    return x, y, piece


def _line(
    points: Points,
    number: int,
    plot: Plot,
    style: ChartStyle,
    *,
    is_test: bool,
    is_dim: bool = False,
    is_thin: bool = False,
) -> CurveLine:
    drawn = points[2] >= 0
    x, y, piece = (column[drawn] for column in points)
    # Without colours dots say that a curve is dim; grey ones that it is of another experiment.
    if is_dim and (not number or style.monochrome or style.ascii_only):
        x, y = dashed(x, y, piece, plot.columns, plot.rows, *(DOTS if plot.is_fine else COARSE_DOTS))
    elif is_test and not is_thin:
        x, y = dashed(x, y, piece, plot.columns, plot.rows)
    else:
        x, y = solid(x, y, piece)
    color = style.dim_color(number) if is_dim else style.color(number, is_test)
    return CurveLine(x, y, color, curve_mark(number, is_test) if number else EARLIER_MARK, is_dim)


def curve_marks(one: Series, plot: Plot) -> Iterator[tuple[int, int, str]]:
    """Yield column, line and character of the marks that tell the curves of a series apart without colours.

    They stand at columns that differ from curve to curve.
    """
    shown = within(one.x, plot.x_axis.low, plot.x_axis.high, beyond=1)
    xs, x = one.x[shown], plot.x_axis.places(one.x[shown])
    for is_test, values in zip((False, True), one.drawn, strict=True):
        x_places, y, piece = decimate(*_points(xs, x, values[shown], one.breaks, plot), plot.columns)
        own = piece == piece[-1:]
        x_places, y = x_places[own], y[own]
        first = (2 * one.number + is_test) * 5 % MARK_DISTANCE
        at = (np.arange(first, plot.columns, MARK_DISTANCE) + 0.5) / plot.columns
        at = at[(at >= x_places[0]) & (at <= x_places[-1])] if len(own) else at[:0]
        for place in at if len(at) else x_places[-1:]:
            height = float(np.interp(place, x_places, y))
            if 0 <= height <= 1:
                yield *plot.cell(float(place), height), curve_mark(one.number, is_test)
