"""One frame of the chart: header, axes, grid and marks as cells, the curves by plotext.

Takes any history and any size; never raises because of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.strip import Strip

from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.number_format import shorten
from logreg_tui.tui.widgets.cells import Cells, ink
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.curves.cursor import draw_table, table_height
from logreg_tui.tui.widgets.curves.legend import draw_header, draw_notes, header_height, loss_text
from logreg_tui.tui.widgets.curves.lines import draw_curves
from logreg_tui.tui.widgets.curves.marks import Annotations
from logreg_tui.tui.widgets.curves.scene import Plot, Scene, View
from logreg_tui.tui.widgets.curves.series import EPOCHS, MEASURES

__all__ = ["Frame", "View", "draw_frame", "lay_out"]

WAITING = "waiting for the first row"
LEAST_WIDTH = 20
LEAST_HEIGHT = 5
EARLIER_NAME = 24
"""Columns of the name of an earlier experiment."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A drawn chart."""

    lines: list[Strip]
    plot: Plot | None
    """Where the plot is, if there is one."""


def draw_frame(history: History, view: View, style: ChartStyle) -> list[Strip]:
    """Return the chart as `view.height` lines, each `view.width` columns wide."""
    return lay_out(history, view, style).lines


def lay_out(history: History, view: View, style: ChartStyle) -> Frame:
    """Return the chart, `view.height` lines of `view.width` columns, and where its plot is."""
    cells = Cells(view.width, view.height)
    runs = [run for run in history.runs.values() if run.last is not None]
    plot = None
    if not runs:
        _put_centred(cells, WAITING, style)
    elif view.width < LEAST_WIDTH or view.height < LEAST_HEIGHT:
        _put_line(cells, runs, view, style)
    else:
        plot = _Frame(cells, Scene(history, view, runs), style).draw()
    return Frame(cells.strips(), plot)


def _put_centred(cells: Cells, text: str, style: ChartStyle) -> None:
    cells.put(max(0, (cells.width - len(text)) // 2), (cells.height - 1) // 2, text, style.muted)


def _put_line(cells: Cells, runs: Sequence[RunHistory], view: View, style: ChartStyle) -> None:
    run = next((run for run in runs if run.number == view.selected), runs[0])
    train, test = (getattr(run.last, name) for name in MEASURES[view.measure])
    text = f"{run.number} {loss_text(train)} {loss_text(test)}"
    cells.put(0, 0, text, ink(style.color(run.number, False)))


class _Frame:
    """Draws a scene; lives for one frame only."""

    def __init__(self, cells: Cells, scene: Scene, style: ChartStyle) -> None:
        self.cells, self.scene, self.style = cells, scene, style
        self.reads = scene.view.cursor is not None and scene.selected is not None
        runs, height = len(scene.runs), scene.view.height
        self.top = (
            self._table_top + table_height(runs, height)
            if self.reads
            else header_height(runs + len(scene.view.earlier), height)
        )
        self.plot = scene.plot(self.top, is_fine=not style.ascii_only)
        self.remarks = Annotations(cells, scene, self.plot, style)

    @property
    def _table_top(self) -> int:
        """The line of the titles of the cursor's table: there is one above it where there is room."""
        return 1 if self.scene.view.height >= 12 else 0

    def draw(self) -> Plot:
        scene, plot, cells = self.scene, self.plot, self.cells
        self._draw_table() if self.reads else self._draw_header()
        self._draw_y_axis()
        self._draw_x_axis()
        self.remarks.draw_lines()
        text = draw_curves(
            scene.series,
            plot.canvas,
            self.style,
            plot.x_axis,
            plot.y_axis,
            smoothing=scene.view.smoothing,
            runs=len(scene.runs),
        )
        self.remarks.taken |= cells.put_sgr(plot.left, plot.top, text)
        self.remarks.draw_texts()
        return plot

    def _draw_header(self) -> None:
        scene = self.scene
        earlier = [
            (shorten(run.name, EARLIER_NAME, ".."), float(one.test[-1]))
            for run, one in zip(scene.view.earlier, scene.series, strict=False)
        ]
        draw_header(
            self.cells,
            scene.runs,
            scene.values,
            scene.view.selected,
            self.style,
            self.top,
            measure=scene.view.measure,
            notes=scene.notes(self.plot.x_axis),
            best=scene.best,
            thin=[run.number for run in scene.runs if not scene.is_full(run.number)],
            earlier=earlier,
        )

    def _draw_table(self) -> None:
        scene, top = self.scene, self._table_top
        ranks = [scene.view.selected, *scene.best]
        order = {number: rank for rank, number in reversed([*enumerate(ranks)])}
        runs = sorted(scene.runs, key=lambda run: (order.get(run.number, len(ranks)), run.number))
        clock = scene.view.clock
        draw_table(self.cells, top, self.top - top, runs, self.remarks.cursor_x or 0.0, clock, self.style)
        if top:
            number = self._cursor_number
            title = f"At epoch {number}" if scene.view.clock == EPOCHS else f"At {number} s"
            self.cells.put(0, 0, title, ink(None, bold=True))
            draw_notes(self.cells, 0, len(title), scene.notes(self.plot.x_axis), self.style)

    @property
    def _cursor_number(self) -> str:
        x = self.remarks.cursor_x or 0.0
        return f"{x:,.0f}" if self.scene.view.clock == EPOCHS else f"{x:,.3f}"

    def _draw_y_axis(self) -> None:
        pick, style, plot = self.style.pick, self.style, self.plot
        rows = range(plot.top, plot.top + plot.canvas.rows)
        self.cells.put_column(plot.left - 1, rows, pick("│", "|"), style.axis)
        for value, text in plot.y_axis.ticks:
            y = plot.row(value)
            if y is not None:
                self.cells.put(0, y, text.rjust(plot.left - 2), style.muted)
                self.cells.put(plot.left - 1, y, pick("┤", "+"), style.axis)
                self._put_grid_line(y)

    def _put_grid_line(self, y: int) -> None:
        columns = self.plot.canvas.columns
        self.cells.put(self.plot.left, y, (self.style.pick("┈┈", ". ") * columns)[:columns], self.style.faint)

    def _draw_x_axis(self) -> None:
        pick, style, plot = self.style.pick, self.style, self.plot
        y = plot.top + plot.canvas.rows
        self.cells.put(plot.left - 1, y, pick("└", "+") + pick("─", "-") * plot.canvas.columns, style.axis)
        cursor = self.remarks.draw_cursor_foot(self._cursor_number)
        free = [x not in cursor for x in range(self.cells.width)]
        has_name = self._name_spot(free) is not None
        for value, text in plot.x_axis.ticks:
            x = plot.column(value)
            if x is None:
                continue
            start = max(0, min(x - len(text) // 2, self.cells.width - len(text)))
            after = [*free]
            after[start : start + len(text)] = [False] * len(text)
            has_room = self._name_spot(after) is not None or not has_name
            if all(free[max(0, start - 2) : start + len(text) + 2]) and has_room:
                self.cells.put(start, y + 1, text, style.muted)
                self.cells.put(x, y, pick("┬", "+"), style.axis)
                self._put_grid_column(x)
                free = after
        if not cursor or has_name:
            self.cells.put(self._name_spot(free) or 0, y + 1, self.scene.x_name, ink(None))

    def _put_grid_column(self, x: int) -> None:
        rows = range(self.plot.top, self.plot.top + self.plot.canvas.rows)
        self.cells.put_column(x, rows, self.style.pick("┊", "."), self.style.faint)

    def _name_spot(self, free: list[bool]) -> int | None:
        """Return where the name of the x axis fits between tick labels, nearest to the middle."""
        room = len(self.scene.x_name) + 2
        middle = self.plot.left + self.plot.canvas.columns // 2
        starts = [x for x in range(self.plot.left, len(free) - room + 1) if all(free[x : x + room])]
        return min((x + 1 for x in starts), key=lambda x: abs(x + room // 2 - middle), default=None)
