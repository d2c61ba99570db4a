"""The curves as dots of braille on the cells of the plot: joined lines, dim ones below.

The two curves of a run lie side by side where they would share dots, and take turns at the colour of cells
that both pass through. Without colours the test curve is dashed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.style import Style

from logreg_tui.tui.widgets.cells import Cells, ink
from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark
from logreg_tui.tui.widgets.curves.axes import Plot, nearest_dot
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

MARK_DISTANCE = 14
"""Columns between two marks on a curve."""
BEYOND = 1.0
"""By how many heights of the plot a line may leave it: what lies further is drawn as if there."""
TURN = 3
"""Columns of a shared line in the colour of one of the curves, before that of the other."""
EVERY = 3
"""One of this many columns of dots shows a dot of a dotted line."""
EARLIER_MARK = "'"
BAND_MARK = ":"
STROKE_DISTANCE = 3
"""Columns of dots between two strokes of a band."""
FIRST_BRAILLE = 0x2800
BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of a dot in a character, by its row and column in the cell."""


@dataclass(frozen=True, slots=True, eq=False)
class CurveLine:
    """A line to draw: places from 0 to 1, NaN in its gaps; shape (points,) each."""

    x: np.ndarray
    y: np.ndarray
    style: Style
    character: str
    """The character of cells without dots."""
    is_dim: bool = False
    """True if it lies under all lines that are not, and gives way to them."""
    is_dotted: bool = False
    keeps_apart: bool = False
    """True if it gives way to the line before it: the other curve of its run."""


def draw_curves(
    cells: Cells, series: Sequence[Series], plot: Plot, style: ChartStyle, *, smoothing: float = 0.0
) -> np.ndarray:
    """Lay the curves over the cells, the last series on top.

    Returns the cells that they cover: True there, shape (height, width) of the cells.
    """
    lines = [line for one in series for line in _curve_lines(one, plot, style, smoothing)]
    covered = np.zeros((cells.height, cells.width), bool)
    for is_dim in (True, False):
        layer = [line for line in lines if line.is_dim == is_dim]
        patterns, owners = compose(layer, plot)
        y, x = np.nonzero(patterns)
        covered[y + plot.top, x + plot.left] = True
        at = zip(x.tolist(), y.tolist(), patterns[y, x].tolist(), owners[y, x].tolist(), strict=True)
        for column, row, pattern, owner in at:
            line = layer[owner]
            character = chr(FIRST_BRAILLE + pattern) if plot.is_fine else line.character
            cells.put(plot.left + column, plot.top + row, character, line.style)
    return covered


def compose(lines: Sequence[CurveLine], plot: Plot) -> tuple[np.ndarray, np.ndarray]:
    """Return the dots in each cell of the plot, and the index of the line on top there, the last one.

    Both have the shape (rows, columns). The dots of all lines in a cell are or-ed, 0 is none; in cells
    without dots 1 is a line.
    """
    wide, high = plot.dots
    dots = np.zeros((plot.rows * high, plot.columns * wide), bool)
    owners = np.zeros((plot.rows, plot.columns), int)
    before = np.zeros_like(dots)
    turn = np.arange(plot.columns) // TURN % 2 == 0
    for number, line in enumerate(lines):
        x, y = line_dots(line, dots.shape[1], dots.shape[0])
        if line.keeps_apart:
            x, y = moved_aside(x, y, before)
            is_shared = np.zeros(owners.shape, bool)
            is_shared[tuple(np.nonzero(before) // np.array([[high], [wide]]))] = True
            own = ~is_shared[y // high, x // wide] | turn[x // wide]
            owners[y[own] // high, x[own] // wide] = number
        else:
            owners[y // high, x // wide] = number
        dots[y, x] = True
        before = np.zeros_like(dots)
        before[y, x] = True
    patterns = np.zeros(owners.shape, np.uint8)
    for row in range(high):
        for column in range(wide):
            patterns |= dots[row::high, column::wide] * np.uint8(BRAILLE[row][column])
    return patterns, owners


def moved_aside(x: np.ndarray, y: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the dots of a line, those that lie on another line moved to a free dot next to it, if any.

    x, y: shape (dots,), row 0 at the top; before: shape (rows, columns), True on the other line.
    """
    x, y = x.copy(), y.copy()
    rows, columns = before.shape
    for right, down in ((0, -1), (0, 1), (1, 0), (-1, 0)):
        there_x, there_y = np.clip(x + right, 0, columns - 1), np.clip(y + down, 0, rows - 1)
        moves = before[y, x] & ~before[there_y, there_x]
        x[moves], y[moves] = there_x[moves], there_y[moves]
    return x, y


def line_dots(line: CurveLine, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return column and row of every dot of a line, row 0 at the top; shape (dots,) each.

    Two points dc columns and dr rows apart are joined by max(|dc|, |dr|) dots.
    """
    good = np.isfinite(line.x) & np.isfinite(line.y)
    column = nearest_dot(np.where(good, line.x, 0), columns)
    row = rows - 1 - nearest_dot(np.where(good, line.y, 0), rows)
    joined = np.flatnonzero(good[:-1] & good[1:])
    right, down = column[joined + 1] - column[joined], row[joined + 1] - row[joined]
    steps = np.maximum(np.abs(right), np.abs(down))
    segment = np.repeat(np.arange(len(joined)), steps)
    share = (np.arange(len(segment)) - (np.cumsum(steps) - steps)[segment]) / steps[segment]
    start = joined[segment]
    x = np.concatenate((column[good], column[start] + np.floor(0.5 + right[segment] * share).astype(int)))
    y = np.concatenate((row[good], row[start] + np.floor(0.5 + down[segment] * share).astype(int)))
    shown = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    if line.is_dotted:
        shown &= x % EVERY == 0
    return x[shown], y[shown]


def _curve_lines(one: Series, plot: Plot, style: ChartStyle, smoothing: float) -> Iterator[CurveLine]:
    """Yield the lines of a series: with smoothing each curve dim, then the smoothed one."""
    shown = within(one.x, plot.x_axis.low, plot.x_axis.high, beyond=1)
    xs, x = one.x[shown], plot.x_axis.places(one.x[shown])
    if one.is_thin:
        rows = _first_of_columns(x, plot)
        points = _points(xs[rows], x[rows], one.test[shown][rows], one.breaks, plot)
        yield _line(points, one.number, plot, style, is_test=True, is_dim=True, is_dashed=False)
        return
    if one.deviation is not None:
        yield _band(one.number, x, one.test[shown], one.deviation[shown], plot, style)
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


def _band(
    number: int, x: np.ndarray, mean: np.ndarray, deviation: np.ndarray, plot: Plot, style: ChartStyle
) -> CurveLine:
    """Return the band mean +- deviation as upright strokes; all of shape (rows,)."""
    dots = plot.columns * plot.dots[0]
    strokes = (np.arange(0, dots, STROKE_DISTANCE) + 0.5) / dots
    good = np.isfinite(x) & np.isfinite(mean) & np.isfinite(deviation)
    strokes = strokes[(strokes >= x[good].min()) & (strokes <= x[good].max())] if good.any() else strokes[:0]
    with np.errstate(all="ignore"):
        edges = [plot.y_axis.places(mean[good] + sign * deviation[good]) for sign in (-1, 1)]
    # Below what a log axis shows.
    low, high = (np.nan_to_num(np.clip(edge, -BEYOND, 1 + BEYOND), nan=-BEYOND) for edge in edges)
    ends = [np.interp(strokes, x[good], edge) for edge in (low, high)] if len(strokes) else [strokes, strokes]
    xs = np.stack((strokes, strokes, strokes), axis=1).reshape(-1)
    ys = np.stack((*ends, np.full(len(strokes), np.nan)), axis=1).reshape(-1)
    return CurveLine(xs, ys, ink(style.dim_color(number)), BAND_MARK, is_dim=True)


def _first_of_columns(x: np.ndarray, plot: Plot) -> np.ndarray:
    """Return the first row in each column of dots, and the last row: there may be many thin curves."""
    dots = plot.columns * plot.dots[0]
    kept = np.diff(np.floor(x * dots), prepend=-np.inf) != 0
    kept[-1:] = True
    return np.flatnonzero(kept)


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
    is_dashed: bool = True,
) -> CurveLine:
    drawn = points[2] >= 0
    x, y, piece = (column[drawn] for column in points)
    if is_test and is_dashed and style.marks_lines:
        x, y = dashed(x, y, piece, plot.columns, plot.rows)
    else:
        x, y = solid(x, y, piece)
    color = style.dim_color(number) if is_dim else style.color(number, is_test)
    character = curve_mark(number, is_test) if number else EARLIER_MARK
    # Without colours dots say that a curve is dim; grey ones that it is of another experiment.
    is_dotted = is_dim and (not number or style.monochrome or style.ascii_only)
    keeps_apart = is_test and not is_dim and not style.marks_lines
    return CurveLine(x, y, ink(color), character, is_dim, is_dotted, keeps_apart)


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
