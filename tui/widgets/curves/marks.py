"""Annotations of a plot beside its curves: knobs turned, divergences, the floor, names, the cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich.style import Style

from logreg_tui.core.training.history import Mark, RunHistory
from logreg_tui.tui.widgets.cells import Cells, ink, plain_text
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.curves.axes import Plot
from logreg_tui.tui.widgets.curves.scene import Scene

MARKS = 12
"""Marks of a run that are drawn, the newest ones."""
LOUD = 4
"""If at most as many runs diverged, it is written out; else only the crosses are drawn."""
LEVELS = "⠁⠂⠄⡀"
"""The character of a line of dots, by the row of dots in a cell."""


def draw_level(cells: Cells, plot: Plot, value: float, plain: str, style: Style) -> None:
    """Draw a line at a value over the width of the plot: `plain` repeated, or a dot in place of each."""
    level = plot.level(value)
    if level is not None:
        y, dot = level
        line = LEVELS[dot].ljust(len(plain)) if plot.is_fine else plain
        cells.put(plot.left, y, (line * plot.columns)[: plot.columns], style)


class Annotations:
    """Texts on a plot that keep out of each other's way and mostly off the curves."""

    def __init__(self, cells: Cells, scene: Scene, plot: Plot, style: ChartStyle) -> None:
        self._cells, self._scene, self._plot, self._style = cells, scene, plot, style
        self.taken = np.zeros((cells.height, cells.width), bool)
        """True for cells that a text must not hide."""

    def draw_lines(self) -> None:
        """Draw the lines that lie under the curves."""
        if self._scene.floor is not None:
            draw_level(self._cells, self._plot, self._scene.floor, "-", self._style.floor)
        for run in self._scene.drawn:
            self._draw_mark_lines(run)
        if (x := self.cursor_column) is not None:
            self._put_column(x, self._plot.top, self._style.pick("│", "|"), self._style.shade(0.75))

    def draw_texts(self) -> None:
        """Write the texts that lie over the curves, the most important first."""
        self._draw_crosses()
        self._draw_mark_texts()
        self._draw_floor_text()
        self._draw_earlier_names()

    def _draw_floor_text(self) -> None:
        floor = self._scene.floor
        y = None if floor is None else self._plot.row(floor)
        if y is None:
            return
        for text in (f"{floor:.4f}: no sigmoid head gets below", f"{floor:.4f} sigmoid floor"):
            room = self._plot.columns - len(text) - 2
            if room >= 0:
                spots = [
                    (x + self._plot.left, row) for row in (y, y + 1, y - 1) for x in (room, room // 2, 0)
                ]
                inside = [spot for spot in spots if self._plot.top <= spot[1] < self._plot.bottom]
                self._put_text(f" {text} ", inside, self._style.floor)
                return

    def _put_text(self, text: str, spots: Sequence[tuple[int, int]], style: Style) -> None:
        """Write `text` at the first spot that hides least; nowhere if it would hide a third of itself."""

        def hidden(spot: tuple[int, int]) -> int:
            return int(np.count_nonzero(self.taken[spot[1], spot[0] : spot[0] + len(text)]))

        spot = min(spots, key=hidden, default=None)
        if spot is not None and hidden(spot) <= len(text) // 3:
            self._put_over(*spot, text, style)

    def _put_over(self, x: int, y: int, text: str, style: Style) -> None:
        self._cells.put(x, y, text, style)
        self.taken[y, x : x + len(text)] = True

    def _marks(self, run: RunHistory) -> list[tuple[int, Mark]]:
        """Return the newest marks of a run that lie on the canvas, with their columns, newest first."""
        columns = [
            (self._plot.column(self._plot.x_of_epoch(run, mark.epoch)), mark)
            for mark in run.marks[: -MARKS - 1 : -1]
        ]
        return [(column, mark) for column, mark in columns if column is not None]

    def _is_own(self, run: RunHistory) -> bool:
        return run is self._scene.selected or len(self._scene.runs) == 1

    def _draw_mark_lines(self, run: RunHistory) -> None:
        has_room = self._scene.is_full(run.number)
        for x, mark in self._marks(run):
            if mark.is_divergence and (has_room or self._diverged <= LOUD):
                self._put_column(x, self._plot.top, self._style.pick("╎", "!"), self._style.alarm)
            elif has_room:
                top = self._plot.top if self._is_own(run) else self._plot.bottom - 2
                self._put_column(x, top, self._style.pick("┆", ":"), self._style.mark_line(run.number))

    def _put_column(self, x: int, top: int, character: str, style: Style) -> None:
        self._cells.put_column(x, range(top, self._plot.bottom), character, style)

    @property
    def _diverged(self) -> int:
        return sum(run.status == "diverged" for run in self._scene.drawn)

    def _draw_crosses(self) -> None:
        """Cross out the end of every curve whose run diverged."""
        for one in self._scene.series:
            if not one.number or not one.may_leave:
                continue
            cell = self._scene.last_drawn(one, self._plot)
            if cell is not None:
                self._put_over(*cell, self._style.pick("✕", "X"), self._style.alarm)

    def _draw_mark_texts(self) -> None:
        for run in sorted(self._scene.drawn, key=lambda run: not self._is_own(run)):
            for x, mark in self._marks(run):
                if mark.is_divergence and (self._is_own(run) or self._diverged <= LOUD):
                    text = mark.text if self._is_own(run) else f"{run.number} diverged"
                    self._draw_mark_text(x, text, self._style.alarm)
                elif self._is_own(run):
                    self._draw_mark_text(x, mark.text, self._style.text(run.number))

    def _draw_mark_text(self, x: int, text: str, style: Style) -> None:
        text = plain_text(text, self._style.ascii_only)
        left, right = self._plot.left, self._plot.right
        if x + 1 + len(text) > right and x - len(text) < left:
            text = text.split(":")[0]
        starts = [start for start in (x + 1, x - len(text)) if left <= start <= right - len(text)]
        rows = range(self._plot.top, self._plot.bottom)
        self._put_text(text, [(start, row) for row in rows for start in starts], style)

    def _draw_earlier_names(self) -> None:
        """Write e1, e2 ... at the ends of the curves of earlier experiments."""
        for number in range(1, len(self._scene.view.earlier) + 1):
            cell = self._scene.last_drawn(self._scene.series[number - 1], self._plot)
            if cell is None:
                continue
            text, (x, y) = f"e{number}", cell
            spots = [(x + 1, y), *((x - back, row) for back in (2, 6, 10) for row in (y - 1, y + 1))]
            inside = [
                spot
                for spot in spots
                if self._plot.holds(*spot) and self._plot.holds(spot[0] + len(text) - 1, spot[1])
            ]
            self._put_text(text, inside, self._style.shade(0.6))

    @property
    def cursor_x(self) -> float | None:
        """Epochs or seconds at which values are read off."""
        view, run = self._scene.view, self._scene.selected
        if view.cursor is None or run is None:
            return None
        return self._plot.x_of_epoch(run, view.cursor)

    @property
    def cursor_column(self) -> int | None:
        """The column of the cursor; None if it is not on the plot."""
        x = self.cursor_x
        return None if x is None or math.isnan(x) else self._plot.column(x)

    def cursor_foot(self, text: str) -> range:
        """Return the columns of the number under the cursor."""
        x = self.cursor_column
        start = 0 if x is None else max(0, min(x - len(text) // 2, self._cells.width - len(text)))
        return range(start, start if x is None else start + len(text))

    def draw_cursor_foot(self, text: str) -> None:
        """Write the epochs or seconds of the cursor under the axis."""
        x = self.cursor_column
        if x is not None:
            bold = ink(None, bold=True)
            self._cells.put(x, self._plot.bottom, self._style.pick("┷", "^"), bold)
            self._cells.put(self.cursor_foot(text).start, self._plot.bottom + 1, text, bold)
