"""The painting of the main screen: as little and as seldom as shows the truth.

The screen calls `tick` on a timer and `paint` when a key or an event must show at once.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from textual.screen import Screen

from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.core.training.requests import ShowParameters
from logreg_tui.tui.number_format import duration, shown_path, three_digits
from logreg_tui.tui.pending_requests import PendingRequests
from logreg_tui.tui.speed import SpeedMeter
from logreg_tui.tui.widgets.curves.mini import MiniView
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.frame.accuracy_log import AccuracyLog
from logreg_tui.tui.widgets.frame.header import HeaderLine, Progress
from logreg_tui.tui.widgets.frame.status import StatusLine
from logreg_tui.tui.widgets.panel import Panel
from logreg_tui.tui.widgets.run_names import run_names
from logreg_tui.tui.widgets.runs.card import RunCard

CHART_REST = 30
"""The chart rests this many times the duration of its last drawing: training loses about 3 %."""
FIGURES_REST_S = 3.0
"""Seconds between two updates of the figures: losses that change four times a second cannot be read."""
PARAMETERS_REST_S = 1.0
"""Seconds between two looks at the parameters."""
LINES_REST_S = 1.0
"""Seconds between two updates of the epoch counter: faster, nobody could read it, and SSH has to carry it."""
MOVING = ("training", "stepping", "resuming", "pausing")
"""States of the screen in which rows may come."""


class Painter:
    """Draws whatever differs from what is on the screen."""

    def __init__(
        self, screen: Screen[None], history: History, pending: PendingRequests, clock: Callable[[], float]
    ) -> None:
        self.view = history
        """The live history, or a copy that stands still while the screen is frozen."""
        self.note = ""
        """The step of the preparation, shown while there is no run."""
        self.filtered_out: frozenset[int] = frozenset()
        """The runs that the accuracy log leaves out."""
        self._live = history
        self._screen = screen
        self._chart = screen.query_one(LossChart)
        self._log = screen.query_one(AccuracyLog)
        self._header = screen.query_one(HeaderLine)
        self._status = screen.query_one(StatusLine)
        self._mini = screen.query_one(MiniView)
        self._card = screen.query_one(RunCard)
        self.verdicts: Mapping[int, str] = {}
        """The kinds of the alarms that there are, by the number of the run."""
        self._pending = pending
        self._clock = clock
        self._asked_at = -math.inf
        self._panel: Panel = self._chart
        self._panel_shown: object = None
        self._meter = SpeedMeter()
        self._rate: float | None = None
        self._left_s: float | None = None
        self._figures_at = -math.inf
        self._chart_at = -math.inf
        self._lines_at = -math.inf
        self._chart_rows = -1
        self._legend_rows = -1
        self._legend_at = -math.inf
        self._chart_state_shown: tuple[object, ...] = ()

    @property
    def is_frozen(self) -> bool:
        """True if the view stands still."""
        return self.view is not self._live

    def freeze(self, is_frozen: bool) -> None:
        """Make the view stand still, or follow the training again."""
        self.view = still_view(self._live) if is_frozen else self._live

    def show_panel(self, name: str, selected: int | None) -> None:
        """Draw another tab from now on."""
        self._panel = self._screen.query_one(f"#{name}", Panel)
        self._panel_shown = None
        self._chart_state_shown = ()
        self._asked_at = -math.inf
        self._keep_parameters(selected)
        self._paint_panel(selected)

    def tick(self, state: str, selected: int | None) -> None:
        """Draw the changes since the last time, each part as often as it may."""
        if self._live.is_moving:
            self._meter.add(self._clock(), self._live.step)
        else:
            self._meter.clear()
        if self.is_frozen:
            return
        now = self._clock()
        if now - self._figures_at >= FIGURES_REST_S:
            self._update_figures(selected, now)
        if now - self._lines_at >= LINES_REST_S:
            self._paint_lines(state, selected)
        self._keep_parameters(selected)
        if now - self._chart_at >= max(self._panel.rest_s, CHART_REST * self._panel.last_draw_s):
            self._paint_panel(selected, keeps_legend=now - self._legend_at < FIGURES_REST_S)

    def paint(self, state: str, selected: int | None) -> None:
        """Draw everything that differs, now."""
        self._update_figures(selected, self._clock())
        self._paint_lines(state, selected)
        # While it moves, new rows alone are left to the next tick: a key must not wait for a drawing.
        if state not in MOVING or self._chart_state(selected) != self._chart_state_shown:
            self._paint_panel(selected)

    def _run(self, selected: int | None) -> RunHistory | None:
        return self.view.runs.get(selected) if selected is not None else None

    def _update_figures(self, selected: int | None, now: float) -> None:
        run = self._run(selected)
        self._figures_at = now
        hidden, reports = self.filtered_out, self.view.shown_reports
        names = run_names(list(self.view.runs.values()), self._log.glyphs.l2)
        self._log.show([row for row in reports if row.run not in hidden] if hidden else reports, names)
        if not self.is_frozen:
            rate = self._meter.rate
            self._rate = None if rate is None else three_digits(rate)
        if run is None or self.view.experiment is None:
            return
        epochs_left = run.epochs - run.epoch_at(self.view.step)
        self._left_s = epochs_left / self._rate if self._rate and run.is_training else None
        path = shown_path(f"{self.view.experiment.directory}/metrics.csv")
        self._status.show_rows(self.view.rows, path)
        self._card.show(self.view, run, self.verdicts.get(run.number, ""))

    def _paint_lines(self, state: str, selected: int | None) -> None:
        self._lines_at = self._clock()
        run = self._run(selected)
        if run is None:
            self._header.show_progress(Progress(self.note))
            self._chart.show_note(self._chart.glyphs.shown(self.note))
            self._mini.show(self.view, selected, self.note or state)
            return
        moves = state in MOVING
        rate = f"{self._rate:g}/s {duration(self._left_s).strip()}" if moves and self._rate else ""
        self._mini.show(self.view, selected, state, rate)
        self._header.show_progress(
            Progress(
                epoch=run.epoch_at(self.view.step),
                epochs=run.epochs,
                rate=self._rate if moves else None,
                left_s=self._left_s if moves else None,
            )
        )

    def _keep_parameters(self, selected: int | None) -> None:
        """Ask for the selected run's parameters if the panel shows them and they have changed."""
        run, now = self._run(selected), self._clock()
        if not self._panel.NEEDS_PARAMETERS or run is None or now - self._asked_at < PARAMETERS_REST_S:
            return
        shown = self._live.parameters.get(run.number)
        present = (run.epoch_at(self._live.step), run.settings.head)
        if shown is None or (shown.epoch, shown.head) != present:
            self._asked_at = now
            self._pending.send(ShowParameters(run.number))

    def _paint_panel(self, selected: int | None, *, keeps_legend: bool = False) -> None:
        if self._panel is self._chart:
            # Before there is an experiment plotext is still being loaded on the other thread.
            if self.view.experiment is not None:
                self._paint_chart(selected, keeps_legend=keeps_legend)
            return
        signature = self._panel.signature(self.view, selected)
        if signature != self._panel_shown:
            self._panel.draw(self.view, selected)
            self._panel_shown, self._chart_at = signature, self._clock()
            self._chart_state_shown = self._chart_state(selected)

    def _paint_chart(self, selected: int | None, *, keeps_legend: bool) -> None:
        rows, state = self.view.rows, self._chart_state(selected)
        keeps_legend = keeps_legend and state == self._chart_state_shown
        shown = self._chart_rows if keeps_legend else min(self._chart_rows, self._legend_rows)
        if rows != shown or state != self._chart_state_shown:
            self._chart.draw(self.view, selected, keeps_legend=keeps_legend)
            self._chart_rows, self._chart_state_shown, self._chart_at = rows, state, self._clock()
            if not keeps_legend:
                self._legend_rows, self._legend_at = rows, self._chart_at

    def _chart_state(self, selected: int | None) -> tuple[object, ...]:
        """Return all that the chart shows apart from the rows."""
        return (self.view, selected, *(len(run.marks) for run in self.view.runs.values()))


def still_view(history: History) -> History:
    """Return a History that no longer changes; it shares the rows, so that it costs next to nothing."""
    view = copy.copy(history)
    view.reports, view.shown_reports = list(history.reports), list(history.shown_reports)
    # A copy of the columns keeps its own count; rows that the original appends later lie beyond it.
    view.runs = {number: replace(run, columns=copy.copy(run.columns)) for number, run in history.runs.items()}
    return view
