"""One frame of the chart: axes by plotext, curves, grid, header and annotations on and around them.

Takes any history and any size; never raises because of the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import plotext as plt
from textual.strip import Strip

from logreg_tui.core.analysis.drawn_metrics import METRIC_COLUMNS
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.number_format import shorten
from logreg_tui.tui.widgets.cells import Cells, ink
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.curves.axes import Plot
from logreg_tui.tui.widgets.curves.cursor import draw_table, table_height
from logreg_tui.tui.widgets.curves.legend import Legend, draw_header, draw_notes, header_height, loss_text
from logreg_tui.tui.widgets.curves.lines import curve_marks, draw_curves
from logreg_tui.tui.widgets.curves.marks import Annotations, draw_level
from logreg_tui.tui.widgets.curves.scene import Scene, View
from logreg_tui.tui.widgets.curves.window import EPOCHS

__all__ = ["Frame", "View", "draw_frame"]

LEAST_WIDTH = 20
LEAST_HEIGHT = 5
EARLIER_NAME = 24
"""Columns of the name of an earlier experiment."""
ASCII_AXES = str.maketrans("│┤└─┬", "|++-+")


@dataclass(frozen=True, slots=True)
class Frame:
    """A drawn chart."""

    lines: list[Strip]
    plot: Plot | None
    """The cells of the plot, if there is one."""


def draw_frame(history: History, view: View, style: ChartStyle) -> Frame:
    """Return the chart, `view.height` lines of `view.width` columns, and the cells of its plot.

    Without a row there is neither.
    """
    cells = Cells(view.width, view.height)
    drawn = history.runs.values() if view.runs is None else view.runs
    runs = [run for run in drawn if run.last is not None]
    plot = None
    if runs and (view.width < LEAST_WIDTH or view.height < LEAST_HEIGHT):
        _put_line(cells, runs, view, style)
    elif runs:
        plot = _Frame(cells, Scene(history, view, runs), style).draw()
    return Frame(cells.strips(), plot)


def _put_line(cells: Cells, runs: Sequence[RunHistory], view: View, style: ChartStyle) -> None:
    run = next((run for run in runs if run.number == view.selected), runs[0])
    train, test = (getattr(run.last, name) for name in METRIC_COLUMNS[view.metric])
    text = f"{run.number} {loss_text(train)} {loss_text(test)}"
    cells.put(0, 0, text, ink(style.color(run.number, False)))


class _Frame:
    """Draws a scene; lives for one frame only."""

    def __init__(self, cells: Cells, scene: Scene, style: ChartStyle) -> None:
        self.cells, self.scene, self.style = cells, scene, style
        view = scene.view
        self.reads = view.cursor is not None and scene.selected is not None and not view.is_second
        runs, height = len(scene.runs), view.height
        self.top = (
            self._table_top + table_height(runs, height)
            if self.reads
            else header_height(runs + len(view.earlier), height, is_second=view.is_second)
        )
        self.plot = scene.plot(self.top, is_fine=not style.ascii_only)
        self.annotations = Annotations(cells, scene, self.plot, style)

    @property
    def _table_top(self) -> int:
        """The line of the titles of the cursor's table: there is one above it if there is room."""
        return 1 if self.scene.view.height >= 12 else 0

    def draw(self) -> Plot:
        scene, plot, style, cells = self.scene, self.plot, self.style, self.cells
        self._draw_table() if self.reads else self._draw_header()
        labels, name_at = self._x_labels()
        self._draw_axes(labels)
        self.annotations.draw_lines()
        smoothing = scene.view.smoothing
        self.annotations.taken |= draw_curves(cells, scene.series, plot, style, smoothing=smoothing)
        if style.marks_curves([run.number for run in scene.runs]) and plot.is_fine:
            for one in scene.series:
                for x, y, mark in [] if one.is_thin else curve_marks(one, plot):
                    cells.put(x, y, mark, ink(None))
        for x, label in labels.items():
            cells.put(self._label_start(x, label), plot.bottom + 1, label, style.muted)
        self.annotations.draw_cursor_foot(self._cursor_number)
        if name_at is not None:
            cells.put(name_at, plot.bottom + 1, scene.x_name, ink(None))
        self.annotations.draw_texts()
        return plot

    def _label_start(self, x: int, label: str) -> int:
        return max(0, min(x - len(label) // 2, self.cells.width - len(label)))

    def _x_labels(self) -> tuple[dict[int, str], int | None]:
        """Return the labels of the ticks by their columns, and the column of the name of the x axis.

        plotext would give the name a line of its own: ticks are left out that leave no room for it, nor
        for the number under the cursor.
        """
        cursor = self.annotations.cursor_foot(self._cursor_number)
        free = [x not in cursor for x in range(self.cells.width)]
        has_name = self._name_spot(free) is not None
        labels: dict[int, str] = {}
        for value, label in self.plot.x_axis.ticks:
            x = self.plot.column(value)
            if x is None:
                continue
            start, end = self._label_start(x, label), self._label_start(x, label) + len(label)
            after = free[:start] + [False] * len(label) + free[end:]
            if all(free[max(0, start - 2) : end + 2]) and (
                not has_name or self._name_spot(after) is not None
            ):
                labels[x], free = label, after
        return labels, self._name_spot(free) if cursor or has_name else self.plot.left

    def _name_spot(self, free: list[bool]) -> int | None:
        """Return the column of the name of the x axis between tick labels, nearest to the middle."""
        room = len(self.scene.x_name) + 2
        middle = self.plot.left + self.plot.columns // 2
        starts = [x for x in range(self.plot.left, len(free) - room + 1) if all(free[x : x + room])]
        return min((x + 1 for x in starts), key=lambda x: abs(x + room // 2 - middle), default=None)

    def _draw_axes(self, x_ticks: Iterable[int]) -> None:
        plot, style = self.plot, self.style
        levels = [(plot.row(value), text) for value, text in plot.y_axis.ticks]
        y_ticks = tuple((plot.bottom - 1 - y, text) for y, text in levels if y is not None)
        axes = draw_axes(plot.left, plot.columns, plot.rows, tuple(x - plot.left for x in x_ticks), y_ticks)
        for y, line in enumerate(axes, start=plot.top):
            line = line.translate(ASCII_AXES) if style.ascii_only else line
            self.cells.put(0, y, line[: plot.left - 1], style.muted)
            self.cells.put(plot.left - 1, y, line[plot.left - 1 :], style.axis)
        for value, _ in plot.y_axis.ticks:
            draw_level(self.cells, plot, value, ". ", style.faint)
        for x in x_ticks:
            self.cells.put_column(x, range(plot.top, plot.bottom), style.pick("┊", "."), style.faint)

    def _draw_header(self) -> None:
        scene = self.scene
        earlier = [
            (shorten(run.name, EARLIER_NAME, ".."), float(one.test[-1]))
            for run, one in zip(scene.view.earlier, scene.series, strict=False)
        ]
        thin = [run.number for run in scene.drawn if not scene.is_full(run.number)]
        undrawn = len(scene.runs) - len(scene.drawn)
        facts = scene.drawn, scene.values, scene.view.selected, self.style, scene.best, thin, earlier
        legend = Legend(*facts, undrawn)
        notes = scene.notes(self.plot.x_axis)
        draw_header(self.cells, legend, self.top, metric=scene.view.metric, notes=notes)

    def _draw_table(self) -> None:
        scene, top = self.scene, self._table_top
        ranks = [scene.view.selected, *scene.best]
        order = {number: rank for rank, number in reversed([*enumerate(ranks)])}
        runs = sorted(scene.runs, key=lambda run: (order.get(run.number, len(ranks)), run.number))
        clock = scene.view.clock
        draw_table(self.cells, top, self.top - top, runs, self.annotations.cursor_x or 0.0, clock, self.style)
        if top:
            number = self._cursor_number
            title = f"At epoch {number}" if scene.view.clock == EPOCHS else f"At {number} s"
            self.cells.put(0, 0, title, ink(None, bold=True))
            draw_notes(self.cells, len(title), scene.notes(self.plot.x_axis), self.style)

    @property
    def _cursor_number(self) -> str:
        x = self.annotations.cursor_x or 0.0
        return f"{x:,.0f}" if self.scene.view.clock == EPOCHS else f"{x:,.3f}"


@lru_cache(maxsize=16)
def draw_axes(
    left: int, columns: int, rows: int, x_ticks: tuple[int, ...], y_ticks: tuple[tuple[int, str], ...]
) -> tuple[str, ...]:
    """Return the axes of an empty plot as plotext draws them: `rows` lines and the x axis.

    The y axis with its labels takes `left` columns. Ticks are columns from the left of the plot, and lines
    from its bottom with their labels. plotext keeps one figure for the whole process and takes
    milliseconds: call from the UI thread only; most frames have the axes of the one before.
    """
    plt.clear_figure()
    # Without it plotext asks for the size of a terminal that Textual owns.
    plt.limit_size(False, False)
    plt.plotsize(left + columns, rows + 1 + bool(x_ticks))
    plt.theme("clear")
    plt.xaxes(True, False)
    plt.yaxes(True, False)
    # In cells from the lower left one, so that ticks stand where the curves are.
    plt.xlim(0, max(1, columns - 1))
    plt.ylim(0, max(1, rows - 1))
    plt.xticks(x_ticks, [" "] * len(x_ticks))
    # One outside if there is none: the room of their labels decides where the plot begins.
    shown = [(y, f"{text:>{left - 2}} ") for y, text in y_ticks] or [(-1, " " * (left - 1))]
    plt.yticks([y for y, _ in shown], [text for _, text in shown])
    # plotext draws no axis for a figure without data.
    plt.scatter([-1], [-1])
    return tuple(plt.uncolorize(plt.build()).split("\n")[: rows + 1])
