"""The curves of a chart as plotext sets them: train solid, test dashed, the selected run on top.

plotext keeps one figure for the whole process: call from the UI thread only. It is given one
character per cell; what that costs does not depend on how many rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark
from logreg_tui.tui.widgets.curves.axes import Axis
from logreg_tui.tui.widgets.curves.decimation import dashed, decimate, pieces, solid
from logreg_tui.tui.widgets.curves.dots import Canvas, Cell, Line, compose
from logreg_tui.tui.widgets.curves.series import Series, within
from logreg_tui.tui.widgets.curves.smoothing import smooth

if TYPE_CHECKING:
    import numpy as np

MARK_DISTANCE = 14
"""Columns between two marks on a curve."""
BEYOND = 1.0
"""By how many heights of the canvas a line may leave it: what lies further is drawn as if there."""
EARLIER_MARK = "'"

Points = tuple["np.ndarray", "np.ndarray", "np.ndarray"]
"""Places x and y from 0 to 1, and the number of the unbroken piece each belongs to."""


def draw_curves(
    series: Sequence[Series],
    canvas: Canvas,
    style: ChartStyle,
    x_axis: Axis,
    y_axis: Axis,
    *,
    smoothing: float = 0.0,
    runs: int = 1,
) -> str:
    """Return the canvas with all curves, its lines joined by newlines, colours as SGR codes.

    The last series is drawn over the others; `runs` says among how many they must be told apart.
    """
    lines: list[Line] = []
    marks: list[Cell] = []
    for one in series:
        if one.is_thin:
            lines.append(_thin_line(one, canvas, style, x_axis, y_axis))
            continue
        x = x_axis.places(one.x)
        for is_test, values in zip((False, True), one.drawn, strict=True):
            curve = _Curve(one, is_test, x, values, canvas, style, x_axis, y_axis)
            lines += curve.lines(smoothing)
            if style.marks_curves(runs) and canvas.is_fine:
                marks += curve.marks()
    lines.sort(key=lambda line: not line.is_dim)
    # One per place: of several plotext draws whichever its sets of characters bring last.
    placed = {(cell.column, cell.row): cell for cell in (*compose(lines, canvas), *marks)}
    return _set_cells(list(placed.values()), canvas)


def _set_cells(cells: Sequence[Cell], canvas: Canvas) -> str:
    import plotext as plt

    # Nothing lies right of the newest point, and plotext's time goes with the area.
    width = min(max(2, *(cell.column + 1 for cell in cells), 2), canvas.columns)
    plt.clear_figure()
    # Without it plotext asks for the size of a terminal that Textual owns.
    plt.limit_size(False, False)
    plt.plotsize(width, canvas.rows)
    plt.theme("clear")
    plt.frame(False)
    plt.xfrequency(0)
    plt.yfrequency(0)
    plt.xlim(0, width - 1)
    plt.ylim(0, max(1, canvas.rows - 1))
    cells = [cell for cell in cells if cell.column < width]
    if cells:
        plt.scatter(
            [cell.column for cell in cells],
            [canvas.rows - 1 - cell.row for cell in cells],
            marker=[cell.character for cell in cells],
            color=[cell.color or "default" for cell in cells],
        )
    return str(plt.build())


def _thin_line(series: Series, canvas: Canvas, style: ChartStyle, x_axis: Axis, y_axis: Axis) -> Line:
    """Return the test curve, dim and through the first row of each column of dots: there may be many."""
    import numpy as np

    shown = within(series.x, x_axis.low, x_axis.high, beyond=1)
    xs, x = series.x[shown], x_axis.places(series.x[shown])
    column = np.floor(np.nan_to_num(x, nan=-1.0) * canvas.dot_columns)
    kept = np.flatnonzero(np.diff(column, prepend=-np.inf))
    if len(x) and (not len(kept) or kept[-1] != len(x) - 1):
        kept = np.append(kept, len(x) - 1)
    y = np.clip(y_axis.places(series.test[shown][kept]), -BEYOND, 1 + BEYOND)
    piece = pieces(xs[kept], x[kept], y, series.breaks)
    x, y, piece = _cut(x[kept], y, piece)
    drawn = piece >= 0
    points = solid(x[drawn], y[drawn], piece[drawn])
    # Without colours dots say that a curve is dim; grey ones that it is of another experiment.
    is_dotted = not series.number or style.monochrome or style.ascii_only
    mark = curve_mark(series.number, True) if series.number else EARLIER_MARK
    return Line(*points, style.dim_color(series.number), mark, is_dim=True, is_dotted=is_dotted)


class _Curve:
    """One curve of a series that is drawn in full."""

    def __init__(
        self,
        series: Series,
        is_test: bool,
        x: np.ndarray,
        values: np.ndarray,
        canvas: Canvas,
        style: ChartStyle,
        x_axis: Axis,
        y_axis: Axis,
    ) -> None:
        self._series, self._is_test, self._canvas, self._style = series, is_test, canvas, style
        self._x, self._values = x, values
        self._piece = pieces(series.x, x, y_axis.places(values), series.breaks)
        self._shown = within(series.x, x_axis.low, x_axis.high, beyond=1)
        self._y_axis = y_axis

    def lines(self, smoothing: float) -> list[Line]:
        """Return the curve, or with smoothing the curve dim and the smoothed one."""
        if not smoothing:
            return [self._line(self._values, is_raw=False)] if len(self._values) else []
        smoothed = smooth(self._values, self._piece, smoothing)
        return [self._line(self._values, is_raw=True), self._line(smoothed, is_raw=False)]

    def _line(self, values: np.ndarray, is_raw: bool) -> Line:
        x, y, piece = self._points(values)
        if self._is_test:
            x, y = dashed(x, y, piece, self._canvas.columns, self._canvas.rows)
        else:
            x, y = solid(x, y, piece)
        number = self._series.number
        color = self._style.dim_color(number) if is_raw else self._style.color(number, self._is_test)
        mark = curve_mark(number, self._is_test)
        return Line(x, y, color, mark, is_raw, is_raw and (self._style.monochrome or self._style.ascii_only))

    def _points(self, values: np.ndarray) -> Points:
        import numpy as np

        shown = self._shown
        y = np.clip(self._y_axis.places(values[shown]), -BEYOND, 1 + BEYOND)
        points = _cut(self._x[shown], y, self._piece[shown])
        return decimate(*points, self._canvas.columns)

    def marks(self) -> list[Cell]:
        """Return the curve's character at columns that differ from curve to curve."""
        import numpy as np

        x, y, piece = self._points(self._values)
        if not len(x):
            return []
        own = piece == piece[-1]
        x, y = x[own], y[own]
        first = (2 * self._series.number + self._is_test) * 5 % MARK_DISTANCE
        at = (np.arange(first, self._canvas.columns, MARK_DISTANCE) + 0.5) / self._canvas.columns
        at = at[(at >= x[0]) & (at <= x[-1])]
        at = at if len(at) else x[-1:]
        mark = curve_mark(self._series.number, self._is_test)
        return [
            Cell(self._canvas.column(place), self._canvas.row(height), mark, None)
            for place, height in zip(at.tolist(), np.interp(at, x, y).tolist(), strict=True)
            if 0 <= height <= 1
        ]


def _cut(x: np.ndarray, y: np.ndarray, piece: np.ndarray) -> Points:
    """Let lines that cross an end of the x axis end there: at most the outermost points lie beyond."""
    x, y, piece = x.copy(), y.copy(), piece.copy()
    for outer, inner, edge in ((0, 1, 0.0), (-1, -2, 1.0)):
        if not len(x) or 0 <= x[outer] <= 1 or piece[outer] < 0:
            continue
        if len(x) > 1 and piece[inner] == piece[outer] and (x[inner] - edge) * (x[outer] - edge) <= 0:
            share = (edge - x[outer]) / (x[inner] - x[outer])
            x[outer], y[outer] = edge, y[outer] + (y[inner] - y[outer]) * share
        else:
            piece[outer] = -1
    return x, y, piece
