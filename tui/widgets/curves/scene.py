"""The contents of a frame, worked out: the runs and how they are drawn, the axes, and notes on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from logreg_tui.core.analysis.curves import presses_flat
from logreg_tui.core.analysis.drawn_metrics import ACCURACY, LARGEST, LOSS
from logreg_tui.core.analysis.earlier_runs import EarlierRun
from logreg_tui.core.heads import SIGMOID, loss_floor
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.widgets.curves import window as curve_window
from logreg_tui.tui.widgets.curves.axes import (
    Axis,
    Plot,
    accuracy_axis,
    epoch_axis,
    loss_axis,
    seconds_axis,
    span_axis,
)
from logreg_tui.tui.widgets.curves.legend import Values, best_runs, newest_values
from logreg_tui.tui.widgets.curves.seeds import SeedMean
from logreg_tui.tui.widgets.curves.series import (
    Series,
    ceiling,
    earlier_series,
    hidden_points,
    series_of,
    settled_low,
    value_range,
    within,
)
from logreg_tui.tui.widgets.curves.window import ALL, EPOCHS, SECONDS, Window

FULL_RUNS = 6
"""As many runs are drawn in full; of more, the selected one and the best are, and the others thin."""
THIN_RUNS = 40
"""As many runs are drawn at most, evenly spread over their numbers, beside those in full: of more curves
none could be followed."""
X_NAMES = {EPOCHS: "Epochs", SECONDS: "Seconds"}


@dataclass(frozen=True, slots=True)
class View:
    """The choices of a user who looks at a history, and the size of the chart."""

    width: int
    height: int
    selected: int | None = None
    log_x: bool = False
    log_y: bool | None = None
    """True if losses stand on a log axis; None is to let a log axis stand where a linear one presses a
    curve flat."""
    losses: Mapping[int, Values] | None = None
    """The legend's values of the metric, by run; None is the newest row of each."""
    best: Sequence[int] | None = None
    """The best runs; None is to find them out."""
    metric: str = LOSS
    clock: str = EPOCHS
    window: Window = ALL
    smoothing: float = 0.0
    cursor: int | None = None
    """The epoch of the selected run that is read off."""
    earlier: Sequence[EarlierRun] = ()
    runs: Sequence[RunHistory] | None = None
    """The runs to draw, several seeds as one perhaps; None is all."""
    left: int = 0
    """Columns that the labels of the y axis take at least."""
    is_second: bool = False
    """True if it stands under another chart, which has what they share."""


@dataclass(slots=True)
class Scene:
    """Everything one frame is drawn from; lives for that frame only."""

    history: History
    view: View
    runs: list[RunHistory]
    """Those that have rows."""
    values: Mapping[int, Values] = field(init=False)
    best: Sequence[int] = field(init=False)
    drawn: list[RunHistory] = field(init=False)
    """The runs that have a curve."""
    selected: RunHistory | None = field(init=False)
    is_log_y: bool = field(init=False)
    series: list[Series] = field(init=False)
    """The topmost last."""

    def __post_init__(self) -> None:
        view = self.view
        self.selected = next((run for run in self.runs if run.number == view.selected), None)
        self.values = newest_values(self.runs, view.metric) if view.losses is None else view.losses
        self.best = best_runs(self.runs, self.values, view.metric) if view.best is None else view.best
        self.drawn = self._runs_to_draw()
        order = sorted(self.drawn, key=lambda run: (run is self.selected, self.is_full(run.number)))
        own = [series_of(run, view.metric, view.clock, is_thin=not self.is_full(run.number)) for run in order]
        self.series = [earlier_series(run, view.metric, view.clock) for run in view.earlier] + own
        # Accuracies would all crowd at the top of a log axis.
        self.is_log_y = view.metric == LOSS and (self._is_pressed_flat if view.log_y is None else view.log_y)

    def _runs_to_draw(self) -> list[RunHistory]:
        """Return the runs that have a curve; which ones does not depend on how good they are now."""
        last = len(self.runs) - 1
        if last < THIN_RUNS:
            return self.runs
        spread = {at * last // (THIN_RUNS - 1) for at in range(THIN_RUNS)}
        return [run for at, run in enumerate(self.runs) if at in spread or self.is_full(run.number)]

    @property
    def _is_pressed_flat(self) -> bool:
        values = (np.concatenate((one.train, one.test)) for one in self._own if not one.may_leave)
        return presses_flat(each[np.abs(each) <= LARGEST] for each in values)

    def is_full(self, number: int) -> bool:
        """Return True if a run is drawn with both curves in its colour."""
        return len(self.runs) <= FULL_RUNS or number == self.view.selected or number in self.best

    @property
    def floor(self) -> float | None:
        """The loss below which the selected run cannot get."""
        experiment, run = self.history.experiment, self.selected
        if run is None or experiment is None or run.settings.head != SIGMOID or self.view.metric != LOSS:
            return None
        return loss_floor(experiment.classes)

    @property
    def x_name(self) -> str:
        """The name of the x axis."""
        return X_NAMES[self.view.clock]

    def plot(self, top: int, *, is_fine: bool) -> Plot:
        """Return the plot below `top` lines, its axes fitted to what is shown."""
        rows = max(1, self.view.height - top - 2)
        # The labels of the y axis decide how many columns there are, and its range what they show.
        x_axis = self._x_axis(self.view.width)
        y_axis = self._y_axis(x_axis, rows)
        left = max(self.view.left, *(len(text) + 2 for _, text in y_axis.ticks))
        columns = max(1, self.view.width - left)
        return Plot(
            left, top, columns, rows, self._x_axis(columns), y_axis, self._end, self.view.clock, is_fine
        )

    @property
    def _own(self) -> list[Series]:
        return [one for one in self.series if one.number]

    @property
    def _end(self) -> float:
        return max(float(one.x[-1]) for one in self._own)

    def _x_axis(self, columns: int) -> Axis:
        view = self.view
        ends = curve_window.limits(view.window, self._longest)
        first = min((float(x) for one in self._own for x in one.x[:2] if x > 0), default=1.0)
        if ends is not None:
            return span_axis(*ends, view.log_x, columns, first=first, is_whole=view.clock == EPOCHS)
        if view.clock == EPOCHS:
            total = max(run.epochs for run in self.runs)
            return epoch_axis(int(self._end), total, int(first), view.log_x, columns)
        is_over = not any(run.is_training for run in self.runs)
        return seconds_axis(self._end, is_over, first, view.log_x, columns)

    @property
    def _longest(self) -> np.ndarray:
        return max((one.x for one in self._own), key=lambda x: float(x[-1]))

    def _y_axis(self, x_axis: Axis, rows: int) -> Axis:
        low, high = self._range(x_axis)
        fit = accuracy_axis if self.view.metric == ACCURACY else loss_axis
        return fit(low, high, self.is_log_y, rows)

    def _range(self, x_axis: Axis) -> Values:
        is_log = self.is_log_y
        most = ceiling(self._own) if self.view.metric == LOSS else math.inf
        found = value_range(self.series, x_axis.low, x_axis.high, is_log, most)
        if found is not None and self._low is not None:
            found = max(found[0], self._low), found[1]
        if found is None:
            return (1.0, 10.0) if is_log else (0.0, 1.0)
        if self.floor is not None and self.view.window.is_all and not is_log:
            return min(found[0], self.floor), max(found[1], self.floor)
        return found

    @property
    def _low(self) -> float | None:
        """The lowest accuracy shown, if the first rows are left out to make the others readable."""
        view = self.view
        if view.metric != ACCURACY or view.log_x or not view.window.is_all:
            return None
        return settled_low(self.series, self._end)

    def hidden(self, x_axis: Axis) -> int:
        """Return the number of points that a logarithmic axis hides."""
        limits = curve_window.limits(self.view.window, self._longest)
        low = 0.0 if limits is None else limits[0]
        return hidden_points(self.series, low, x_axis.high, x_axis.is_log, self.is_log_y)

    def notes(self, x_axis: Axis) -> list[tuple[str, str]]:
        """Return the notes on the picture, long and short."""
        view = self.view
        notes = []
        if not view.window.is_all:
            text = curve_window.name(view.window, view.clock)
            notes.append((text, text))
        if view.smoothing:
            notes.append((f"smoothed {view.smoothing:g}, raw paler", f"EMA {view.smoothing:g}"))
        if len(self.drawn) < len(self.runs):
            share = f"{len(self.drawn)} of {len(self.runs):,}"
            notes.append((f"{share} runs drawn", share))
        if any(isinstance(run, SeedMean) for run in self.drawn):
            notes.append(("mean of seeds, band: standard deviation of test", "mean, sd"))
        if self.is_log_y and view.log_y is None:
            notes.append(("log axis, or a curve would be flat", "log axis"))
        if self._low is not None:
            notes.append(("first rows below the axis", "start below"))
        hidden = self.hidden(x_axis) if x_axis.is_log or self.is_log_y else 0
        if hidden:
            points = "point" if hidden == 1 else "points"
            notes.append((f"{hidden:,} {points} hidden: log axis", f"{hidden:,} hidden: log"))
        return notes

    def last_drawn(self, one: Series, plot: Plot) -> tuple[int, int] | None:
        """Return the cell of the newest point of a test curve, or of its way out of the plot at the top."""
        rows = within(one.x, plot.x_axis.low, plot.x_axis.high)
        x, y = plot.x_axis.places(one.x[rows]), plot.y_axis.places(one.test[rows])
        finite = np.isfinite(x) & np.isfinite(y)
        x, y = x[finite], y[finite]
        inside = np.flatnonzero((y >= 0) & (y <= 1))
        if not len(inside):
            return None
        at = min(int(inside[-1]) + 1, len(y) - 1)
        at = at if y[at] > 1 else int(inside[-1])
        return plot.cell(float(x[at]), float(min(y[at], 1.0)))
