"""What a chart draws of runs: columns over epochs or seconds, the part in a window, and their range."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.earlier_runs import EarlierRun
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.widgets.curves.axes import LARGEST, SMALLEST

if TYPE_CHECKING:
    import numpy as np

LOSS, ACCURACY = "loss", "accuracy"
MEASURES: Mapping[str, tuple[str, str]] = {
    LOSS: ("train_loss", "test_loss"),
    ACCURACY: ("train_accuracy", "test_accuracy"),
}
EPOCHS, SECONDS = "epochs", "seconds"
FULL_RUNS = 6
"""As many runs are drawn in full; of more, the selected one and the best are, and the others thin."""
BEST_RUNS = 3
HEAD_START = 0.005
"""Share of its value by which a run must be better than one of the best to take its place."""
CEILING = 4.0
"""Losses of a diverged run count up to this many times the largest first loss: beyond, they would
press everybody else's curve flat."""

Pair = tuple[float, float]
"""Of train and test."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The rows of one run, shape (rows,) each."""

    number: int
    x: np.ndarray
    train: np.ndarray
    test: np.ndarray
    breaks: tuple[float, ...] = ()
    """After which x the line is broken."""
    is_thin: bool = False
    """Whether only its test curve is drawn, dim."""
    may_leave: bool = False
    """Whether it may leave the axis at the top."""

    @property
    def drawn(self) -> tuple[np.ndarray, ...]:
        """The columns that are drawn."""
        return (self.test,) if self.is_thin else (self.train, self.test)


def series_of(run: RunHistory, measure: str, clock: str, is_thin: bool = False) -> Series:
    """Return what is drawn of a run; seconds count from its first row."""
    epochs, elapsed, train, test = run.columns.read("epoch", "elapsed_s", *MEASURES[measure])
    x = epochs if clock == EPOCHS else elapsed - elapsed[:1]
    breaks = tuple(x_at(mark.epoch, epochs, x) for mark in run.marks if mark.breaks_line)
    return Series(run.number, x, train, test, breaks, is_thin, run.status == "diverged")


def earlier_series(run: EarlierRun, measure: str, clock: str) -> Series:
    """Return what is drawn of a run of another experiment."""
    train, test = (getattr(run, column) for column in MEASURES[measure])
    x = run.epoch if clock == EPOCHS else run.elapsed_s - run.elapsed_s[:1]
    return Series(0, x, train, test, is_thin=True, may_leave=True)


def x_at(epoch: float, epochs: np.ndarray, x: np.ndarray) -> float:
    """Return where an epoch lies on an x axis on which rows of these epochs lie at `x`."""
    import numpy as np

    if x is epochs or not len(x):
        return float(epoch)
    return float(np.interp(epoch, epochs, x))


def within(x: np.ndarray, low: float, high: float, beyond: int = 0) -> slice:
    """Return the rows from low to high, and `beyond` more on both sides; x ascends."""
    import numpy as np

    first, last = np.searchsorted(x, low, "left"), np.searchsorted(x, high, "right")
    return slice(max(0, int(first) - beyond), int(last) + beyond)


def ceiling(series: Iterable[Series]) -> float:
    """Return up to where the losses of a series that may leave the axis count."""
    firsts = [float(column[0]) for one in series if not one.may_leave for column in one.drawn if len(column)]
    finite = [first for first in firsts if math.isfinite(first) and first > 0]
    return CEILING * max(finite) if finite else math.inf


def value_range(
    series: Iterable[Series], low: float, high: float, is_log: bool, most: float = math.inf
) -> Pair | None:
    """Return the smallest and the largest value that can be drawn from x = low to high."""
    import numpy as np

    least = SMALLEST if is_log else -LARGEST
    found: list[float] = []
    for one in series:
        rows = within(one.x, low, high)
        for column in one.drawn:
            values = column[rows]
            good = values[(values >= least) & (values <= (min(most, LARGEST) if one.may_leave else LARGEST))]
            if len(good):
                found += [float(np.min(good)), float(np.max(good))]
    return (min(found), max(found)) if found else None


def hidden_points(series: Iterable[Series], low: float, high: float, log_x: bool, log_y: bool) -> int:
    """Return how many points from x = low to high have no place because an axis is logarithmic."""
    import numpy as np

    count = 0
    for one in series:
        rows = within(one.x, low, high)
        for column in one.drawn:
            finite = np.isfinite(column[rows])
            lost = finite & ((log_x & (one.x[rows] <= 0)) | (log_y & (column[rows] < SMALLEST)))
            count += int(np.count_nonzero(lost))
    return count


def newest(runs: Iterable[RunHistory], measure: str = LOSS) -> dict[int, Pair]:
    """Return train and test value of each run's newest row, by the number of the run."""
    train, test = MEASURES[measure]
    return {run.number: (getattr(run.last, train), getattr(run.last, test)) for run in runs if run.last}


def best_runs(
    runs: Sequence[RunHistory], values: Mapping[int, Pair], measure: str, before: Sequence[int] = ()
) -> tuple[int, ...]:
    """Return the runs with the best test values, the best first; those of `before` have a head start."""
    sign = -1.0 if measure == ACCURACY else 1.0

    def rank(number: int) -> float:
        value = sign * values[number][1]
        return value - HEAD_START * abs(value) * (number in before)

    able = [
        run.number
        for run in runs
        if run.status != "diverged" and math.isfinite(values.get(run.number, (math.nan, math.nan))[1])
    ]
    return tuple(sorted(able, key=rank)[:BEST_RUNS])
