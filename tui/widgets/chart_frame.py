"""One frame of the loss chart: header, axes, grid and marks as cells, the curves by plotext.

Takes any history and any size; never raises because of the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.floor import loss_floor
from logreg_tui.core.history import History, Mark, RunHistory
from logreg_tui.core.settings import SIGMOID
from logreg_tui.tui.widgets.chart_axes import LARGEST, SMALLEST, Axis, epoch_axis, loss_axis
from logreg_tui.tui.widgets.chart_cells import Cells, ink, plain_text
from logreg_tui.tui.widgets.chart_curves import Canvas, draw_curves
from logreg_tui.tui.widgets.chart_legend import Losses, draw_header, header_height, loss_text, newest_losses
from logreg_tui.tui.widgets.chart_look import Look

X_NAME = "Epochs"
WAITING = "waiting for the first row"
LEAST_WIDTH = 20
LEAST_HEIGHT = 5
MARKS = 12
"""Marks of a run that are drawn, the newest ones."""


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown of a history, and how large."""

    width: int
    height: int
    selected: int | None = None
    log_x: bool = False
    log_y: bool = False
    losses: Mapping[int, Losses] | None = None
    """What the legend says, by run; None is the newest row of each."""


def draw_frame(history: History, view: View, look: Look) -> list[Strip]:
    """Return the chart as `view.height` lines, each `view.width` columns wide."""
    cells = Cells(view.width, view.height)
    runs = [run for run in history.runs.values() if run.last is not None]
    if not runs:
        _put_centred(cells, WAITING, look)
    elif view.width < LEAST_WIDTH or view.height < LEAST_HEIGHT:
        _put_line(cells, runs, view, look)
    else:
        _Frame(cells, history, runs, view, look).draw()
    return cells.strips()


def _put_centred(cells: Cells, text: str, look: Look) -> None:
    cells.put(max(0, (cells.width - len(text)) // 2), (cells.height - 1) // 2, text, look.muted)


def _put_line(cells: Cells, runs: Sequence[RunHistory], view: View, look: Look) -> None:
    run = next((run for run in runs if run.number == view.selected), runs[0])
    assert run.last is not None
    text = f"{run.number} {loss_text(run.last.train_loss)} {loss_text(run.last.test_loss)}"
    cells.put(0, 0, text, ink(look.color(run.number, False)))


def loss_range(runs: Sequence[RunHistory], is_log: bool, floor: float | None) -> tuple[float, float]:
    """Return the smallest and the largest loss that can be drawn; (0, 1) or (1, 10) where none can."""
    import numpy as np

    least = SMALLEST if is_log else -LARGEST
    values = [] if floor is None or is_log else [floor]
    for run in runs:
        for column in run.columns.read("train_loss", "test_loss"):
            good = column[(column >= least) & (column <= LARGEST)]
            if len(good):
                values += [float(np.min(good)), float(np.max(good))]
    return (min(values), max(values)) if values else ((1.0, 10.0) if is_log else (0.0, 1.0))


class _Frame:
    """Everything one frame is drawn from; lives for that frame only."""

    def __init__(
        self, cells: Cells, history: History, runs: list[RunHistory], view: View, look: Look
    ) -> None:
        self.cells = cells
        self.look = look
        self.runs = runs
        self.selected = next((run for run in runs if run.number == view.selected), None)
        self.view = view
        self.top = header_height(len(runs), view.height)
        self.floor = self._floor(history)
        rows = view.height - self.top - 2
        low, high = loss_range(runs, view.log_y, self.floor)
        self.y_axis = loss_axis(low, high, view.log_y, rows)
        self.left = max(len(text) for _, text in self.y_axis.ticks) + 2
        columns = max(1, view.width - self.left)
        self.x_axis = self._epoch_axis(columns)
        self.canvas = Canvas(columns, rows, not look.ascii_only)
        self.taken: set[tuple[int, int]] = set()
        """Cells that a remark must not hide."""

    def _floor(self, history: History) -> float | None:
        if self.selected is None or history.experiment is None or self.selected.settings.head != SIGMOID:
            return None
        return loss_floor(history.experiment.classes)

    def _epoch_axis(self, columns: int) -> Axis:
        epochs = [run.columns.read("epoch")[0] for run in self.runs]
        newest = max(int(column[-1]) for column in epochs)
        total = max(run.epochs for run in self.runs)
        first = min((int(e) for column in epochs for e in column[:2] if e > 0), default=1)
        return epoch_axis(newest, total, first, self.view.log_x, columns)

    def draw(self) -> None:
        ordered = sorted(self.runs, key=lambda run: run is self.selected)
        losses = newest_losses(self.runs) if self.view.losses is None else self.view.losses
        draw_header(self.cells, self.runs, losses, self.view.selected, self.look, self.top)
        self._draw_y_axis()
        self._draw_x_axis()
        self._draw_floor_line()
        for run in ordered:
            self._draw_mark_lines(run)
        text = draw_curves(ordered, self.canvas, self.look, self.x_axis, self.y_axis)
        self.taken = self.cells.put_sgr(self.left, self.top, text)
        self._draw_mark_texts()
        self._draw_floor_text()

    def _draw_y_axis(self) -> None:
        pick, look = self.look.pick, self.look
        rows = range(self.top, self.top + self.canvas.rows)
        self.cells.put_column(self.left - 1, rows, pick("│", "|"), look.axis)
        for value, text in self.y_axis.ticks:
            y = self.top + self.canvas.row(self.y_axis.place(value))
            self.cells.put(0, y, text.rjust(self.left - 2), look.muted)
            self.cells.put(self.left - 1, y, pick("┤", "+"), look.axis)
            self._put_grid_line(y)

    def _put_grid_line(self, y: int) -> None:
        self.cells.put(
            self.left,
            y,
            (self.look.pick("┈┈", ". ") * self.canvas.columns)[: self.canvas.columns],
            self.look.faint,
        )

    def _draw_x_axis(self) -> None:
        pick, look, y = self.look.pick, self.look, self.top + self.canvas.rows
        self.cells.put(self.left - 1, y, pick("└", "+") + pick("─", "-") * self.canvas.columns, look.axis)
        free = [True] * self.cells.width
        for value, text in self.x_axis.ticks:
            x = self.left + self.canvas.column(self.x_axis.place(value))
            start = max(0, min(x - len(text) // 2, self.cells.width - len(text)))
            after = [*free]
            after[start : start + len(text)] = [False] * len(text)
            if all(free[max(0, start - 2) : start + len(text) + 2]) and self._name_spot(after) is not None:
                self.cells.put(start, y + 1, text, look.muted)
                self.cells.put(x, y, pick("┬", "+"), look.axis)
                self._put_grid_column(x)
                free = after
        self.cells.put(self._name_spot(free) or 0, y + 1, X_NAME, ink(None))

    def _put_grid_column(self, x: int) -> None:
        self.cells.put_column(
            x, range(self.top, self.top + self.canvas.rows), self.look.pick("┊", "."), self.look.faint
        )

    def _name_spot(self, free: list[bool]) -> int | None:
        """Return where the name of the x axis fits between tick labels, nearest to the middle."""
        room = len(X_NAME) + 2
        middle = self.left + self.canvas.columns // 2
        starts = [x for x in range(self.left, len(free) - room + 1) if all(free[x : x + room])]
        return min((x + 1 for x in starts), key=lambda x: abs(x + room // 2 - middle), default=None)

    def _draw_floor_line(self) -> None:
        if self._floor_row() is not None:
            line = self.look.pick("╌", "-") * self.canvas.columns
            self.cells.put(self.left, self._floor_row() or 0, line, self.look.floor)

    def _floor_row(self) -> int | None:
        place = math.nan if self.floor is None else self.y_axis.place(self.floor)
        return self.top + self.canvas.row(place) if 0 <= place <= 1 else None

    def _draw_floor_text(self) -> None:
        y = self._floor_row()
        if y is None:
            return
        for text in (f"{self.floor:.4f}: no sigmoid head gets below", f"{self.floor:.4f} sigmoid floor"):
            room = self.canvas.columns - len(text) - 2
            if room >= 0:
                spots = [(x + self.left, row) for row in (y, y + 1, y - 1) for x in (room, room // 2, 0)]
                self._put_remark(
                    f" {text} ", [spot for spot in spots if self._is_inside(spot[1])], self.look.floor
                )
                return

    def _is_inside(self, y: int) -> bool:
        return self.top <= y < self.top + self.canvas.rows

    def _put_remark(self, text: str, spots: Sequence[tuple[int, int]], style: Style) -> None:
        """Write `text` at the first spot that hides least; nowhere if it would hide a third of itself."""

        def hidden(spot: tuple[int, int]) -> int:
            return sum((spot[0] + at, spot[1]) in self.taken for at in range(len(text)))

        spot = min(spots, key=hidden, default=None)
        if spot is not None and hidden(spot) <= len(text) // 3:
            self.cells.put(*spot, text, style)
            self.taken.update((spot[0] + at, spot[1]) for at in range(len(text)))

    def _marks(self, run: RunHistory) -> list[tuple[int, Mark]]:
        """Return the newest marks of a run that lie on the canvas, with their columns, newest first."""
        places = [(self.x_axis.place(mark.epoch), mark) for mark in run.marks[: -MARKS - 1 : -1]]
        return [(self.left + self.canvas.column(place), mark) for place, mark in places if 0 <= place <= 1]

    def _draw_mark_lines(self, run: RunHistory) -> None:
        line = self.look.pick("┆", ":")
        whole = run is self.selected or len(self.runs) == 1
        for x, mark in self._marks(run):
            is_long = whole or _is_divergence(mark)
            bottom = self.top + self.canvas.rows
            rows = range(self.top if is_long else bottom - 2, bottom)
            self.cells.put_column(x, rows, line, self.look.mark_line(run.number))

    def _draw_mark_texts(self) -> None:
        for run in self.runs:
            is_own = run is self.selected or len(self.runs) == 1
            for x, mark in self._marks(run):
                if is_own:
                    self._draw_mark_text(x, mark.text, run.number)
                elif _is_divergence(mark):
                    self._draw_mark_text(x, f"{run.number} diverged", run.number)

    def _draw_mark_text(self, x: int, text: str, number: int) -> None:
        text = plain_text(text, self.look.ascii_only)
        right_end = self.left + self.canvas.columns
        if x + 1 + len(text) > right_end and x - len(text) < self.left:
            text = text.split(":")[0]
        starts = [start for start in (x + 1, x - len(text)) if self.left <= start <= right_end - len(text)]
        spots = [(start, self.top + row) for row in range(self.canvas.rows) for start in starts]
        self._put_remark(text, spots, self.look.text(number))


def _is_divergence(mark: Mark) -> bool:
    return mark.text.startswith("diverged")
