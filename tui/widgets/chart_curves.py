"""The curves of all runs as plotext draws them: train solid, test dashed, the selected run on top.

plotext keeps one figure for the whole process: call from the UI thread only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.history import RunHistory
from logreg_tui.tui.widgets.chart_axes import Axis
from logreg_tui.tui.widgets.chart_data import dashed, decimate, pieces, solid, spaced, thin
from logreg_tui.tui.widgets.chart_look import Look, curve_mark

if TYPE_CHECKING:
    import numpy as np

BRAILLE = "braille"
LINE_RUNS = 6
"""With more runs only the last one is drawn with lines, the others with points: lines take plotext
several times as long, and nobody could follow so many."""
FEW_RUNS = 12
"""With more runs the points stand twice as far apart."""
MARK_DISTANCE = 14
"""Columns between two marks on a curve."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The area between the axes."""

    columns: int
    rows: int
    is_fine: bool
    """Whether a cell has two by four dots (braille), or is a dot itself (ASCII)."""

    @property
    def dots(self) -> int:
        """Rows of dots that a line can take."""
        return self.rows * (4 if self.is_fine else 1)

    def row(self, place: float) -> int:
        """Return the row, 0 at the top, of a place from 0 (bottom) to 1."""
        return self.rows - 1 - int(0.5 + place * (self.dots - 1)) * self.rows // self.dots

    def column(self, place: float) -> int:
        """Return the column of a place from 0 (left) to 1."""
        fine = 2 if self.is_fine else 1
        return int(0.5 + place * (self.columns * fine - 1)) // fine

    def right_end(self, columns: int) -> float:
        """Return the place of the last dot of the first `columns` columns."""
        fine = 2 if self.is_fine else 1
        return (columns * fine - 1) / max(1, self.columns * fine - 1)


def draw_curves(runs: Sequence[RunHistory], canvas: Canvas, look: Look, x_axis: Axis, y_axis: Axis) -> str:
    """Return the canvas with all curves, its lines joined by newlines, colours as SGR codes.

    The last run is drawn over the others.
    """
    import numpy as np
    import plotext as plt

    curves = [curve for run in runs for curve in _curves(run, canvas, x_axis, y_axis)]
    # Nothing lies right of the newest point, and plotext's time goes with the area.
    width = max((canvas.column(float(np.max(curve.x))) for curve in curves), default=0) + 1
    width = min(max(2, width), canvas.columns)
    plt.clear_figure()
    # Without it plotext asks for the size of a terminal that Textual owns.
    plt.limit_size(False, False)
    plt.plotsize(width, canvas.rows)
    plt.theme("clear")
    plt.frame(False)
    plt.xfrequency(0)
    plt.yfrequency(0)
    plt.xlim(0, canvas.right_end(width))
    plt.ylim(0, 1)
    for curve in curves:
        is_line = len(runs) <= LINE_RUNS or curve.number == runs[-1].number
        _draw_curve(curve, canvas, look, None if is_line else _spacing(curve, len(runs)))
    if look.marks_curves(len(runs)) and canvas.is_fine:
        for curve in curves:
            _draw_marks(curve, canvas)
    return str(plt.build())


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one curve that has any: places from 0 to 1, and the piece each belongs to."""

    number: int
    is_test: bool
    x: np.ndarray
    y: np.ndarray
    piece: np.ndarray


def _curves(run: RunHistory, canvas: Canvas, x_axis: Axis, y_axis: Axis) -> list[Curve]:
    epochs, *losses = run.columns.read("epoch", "train_loss", "test_loss")
    breaks = [mark.epoch for mark in run.marks if mark.breaks_line]
    x = x_axis.places(epochs)
    curves = []
    for is_test, values in zip((False, True), losses, strict=True):
        y = y_axis.places(values)
        points = decimate(x, y, pieces(epochs, x, y, breaks), canvas.columns)
        curves.append(Curve(run.number, is_test, *points))
    return [curve for curve in curves if len(curve.x)]


def _spacing(curve: Curve, runs: int) -> int:
    """Return the columns from one point to the next of a curve without lines."""
    return (3 if curve.is_test else 1) * (2 if runs > FEW_RUNS else 1)


def _draw_curve(curve: Curve, canvas: Canvas, look: Look, spacing: int | None) -> None:
    import plotext as plt

    color = look.color(curve.number, curve.is_test) or "default"
    marker = BRAILLE if canvas.is_fine else curve_mark(curve.number, curve.is_test)
    points = thin(curve.x, curve.y, curve.piece, canvas.dots)
    if spacing is not None and len(curve.x) > canvas.columns // 2:
        x, y = spaced(curve.x, curve.y, canvas.columns, canvas.dots, spacing)
        plt.scatter(x.tolist(), y.tolist(), marker=marker, color=color)
        return
    x, y = dashed(*points, canvas.columns, canvas.rows) if curve.is_test else solid(*points)
    plt.plot(x.tolist(), y.tolist(), marker=marker, color=color)


def _draw_marks(curve: Curve, canvas: Canvas) -> None:
    """Put the curve's character on it, at columns that differ from curve to curve."""
    import numpy as np
    import plotext as plt

    own = curve.piece == curve.piece[-1]
    x, y = curve.x[own], curve.y[own]
    first = (2 * curve.number + curve.is_test) * 5 % MARK_DISTANCE
    at = (np.arange(first, canvas.columns, MARK_DISTANCE) + 0.5) / canvas.columns
    at = at[(at >= x[0]) & (at <= x[-1])]
    at = at if len(at) else x[-1:]
    mark = curve_mark(curve.number, curve.is_test)
    plt.scatter(at.tolist(), np.interp(at, x, y).tolist(), marker=mark, color="default")
