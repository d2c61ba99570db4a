"""Axes of the chart: limits that rarely move, round ticks, places from 0 to 1, and the cells of the plot.

plotext's own log axis fails on a second build and at 0, so everything is scaled here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from logreg_tui.core.analysis.drawn_metrics import LARGEST, SMALLEST
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.widgets.curves.window import EPOCHS, nice_step, x_values

FIRST_LIMIT = 100
"""Epochs on the axis at first; it grows in steps of 1, 2, 5 up to the total."""
LEAST_TICK_ROWS, LINEAR_TICK_ROWS = 1.5, 1.75
"""Rows between two ticks of a log axis, of a linear one; at least."""
MOST_TICKS = 8
NAME_ROOM = 10
"""Columns between two tick labels in which the name of the x axis fits."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An interval of values, linear or logarithmic, with ticks, the more important ones first."""

    low: float
    high: float
    is_log: bool
    ticks: tuple[tuple[float, str], ...]

    def places(self, values: np.ndarray) -> np.ndarray:
        """Return the place of each value from 0 (low) to 1 (high), NaN if it cannot be drawn.

        place = (f(value) - f(low)) / (f(high) - f(low)), f being log10 on a log axis, else the identity;
        values and places have the same shape.
        """
        low, high = (math.log10(self.low), math.log10(self.high)) if self.is_log else (self.low, self.high)
        least = SMALLEST if self.is_log else -LARGEST
        good = np.isfinite(values) & (values >= least) & (values <= LARGEST)
        kept = np.where(good, values, 1.0)
        return np.where(good, ((np.log10(kept) if self.is_log else kept) - low) / (high - low), np.nan)

    def place(self, value: float) -> float:
        """Return the place of one value; NaN if it cannot be drawn."""
        return float(self.places(np.array([value]))[0])

    def value(self, place: float) -> float:
        """Return the value at a place, also beyond the ends of the axis."""
        if not self.is_log:
            return self.low + (self.high - self.low) * place
        low, high = math.log10(self.low), math.log10(self.high)
        return float(10.0 ** max(-300.0, min(300.0, low + (high - low) * place)))


@dataclass(frozen=True, slots=True)
class Plot:
    """The cells of the widget between the axes, and the values they stand for.

    A cell has two by four dots (braille), or is a dot itself (ASCII). Everything on the plot is placed by
    `nearest_dot`: curves, grid, ticks, the floor and marks.
    """

    left: int
    top: int
    columns: int
    rows: int
    x_axis: Axis
    y_axis: Axis
    end: float
    """The newest x of all runs."""
    clock: str = EPOCHS
    """The unit of x: EPOCHS or SECONDS."""
    is_fine: bool = True
    """True if cells have dots."""

    @property
    def right(self) -> int:
        """The first column behind the plot."""
        return self.left + self.columns

    @property
    def bottom(self) -> int:
        """The line of the x axis, below the plot."""
        return self.top + self.rows

    def holds(self, x: int, y: int) -> bool:
        """Return True if a cell of the widget is one of the plot's."""
        return self.left <= x < self.right and self.top <= y < self.bottom

    @property
    def dots(self) -> tuple[int, int]:
        """Columns and rows of dots in a cell."""
        return (2, 4) if self.is_fine else (1, 1)

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Return column and line of the widget at places from 0 (left, bottom) to 1."""
        wide, high = self.dots
        column = int(nearest_dot(x, self.columns * wide)) // wide
        return self.left + column, self.bottom - 1 - int(nearest_dot(y, self.rows * high)) // high

    def level(self, value: float) -> tuple[int, int] | None:
        """Return the line of the widget at a value and the row of dots in it, 0 on top; None if outside."""
        place, high = self.y_axis.place(value), self.dots[1]
        if not 0 <= place <= 1:
            return None
        up = int(nearest_dot(place, self.rows * high))
        return self.bottom - 1 - up // high, high - 1 - up % high

    def column(self, value: float) -> int | None:
        """Return the column of the widget at epochs or seconds; None if outside of the plot."""
        place = self.x_axis.place(value)
        return self.cell(place, 0)[0] if 0 <= place <= 1 else None

    def row(self, value: float) -> int | None:
        """Return the line of the widget at a value; None if outside of the plot."""
        level = self.level(value)
        return None if level is None else level[0]

    def place(self, column: int) -> float:
        """Return the place in the middle of a column of the widget; beyond 0 and 1 outside of the plot."""
        wide = self.dots[0]
        return ((column - self.left) * wide + (wide - 1) / 2) / max(1, self.columns * wide - 1)

    def x_value(self, column: int) -> float:
        """Return the epochs or seconds of a column of the widget."""
        return self.x_axis.value(self.place(column))

    def x_of_epoch(self, run: RunHistory, epoch: float) -> float:
        """Return the epochs or seconds of an epoch of a run."""
        epochs, elapsed = run.columns.read("epoch", "elapsed_s")
        return x_at(epoch, epochs, x_values(epochs, elapsed, self.clock))

    def epoch_at(self, run: RunHistory, column: int) -> float:
        """Return the epoch of a run at a column of the widget."""
        epochs, elapsed = run.columns.read("epoch", "elapsed_s")
        return x_at(self.x_value(column), x_values(epochs, elapsed, self.clock), epochs)


def x_at(epoch: float, epochs: np.ndarray, x: np.ndarray) -> float:
    """Return the place of an epoch among rows of these epochs at `x`, in the unit of `x`."""
    if x is epochs or not len(x):
        return float(epoch)
    return float(np.interp(epoch, epochs, x))


def nearest_dot(places: np.ndarray | float, dots: int) -> np.ndarray:
    """Return the dot of each place, from 0 (place 0) to `dots` - 1 (place 1); same shape as `places`."""
    return np.floor(0.5 + np.asarray(places) * (dots - 1)).astype(int)


def _nice_below(value: float) -> float:
    base = 10.0 ** math.floor(math.log10(value))
    return next((factor * base for factor in (5, 2) if factor * base <= value * (1 + 1e-9)), base)


def epoch_limit(newest: int, total: int) -> int:
    """Return the end of the epoch axis: a 1-2-5 step that holds `newest`, at last the total."""
    step = int(nice_step(max(FIRST_LIMIT, newest)))
    return max(newest, min(step, total), 1)


def epoch_axis(newest: int, total: int, first: int, is_log: bool, columns: int) -> Axis:
    """Return the x axis; `first` is the smallest positive epoch logged, where a log axis begins."""
    high = epoch_limit(newest, total)
    if is_log:
        low = 10 ** math.floor(math.log10(max(1, min(first, high))))
        high = max(high, 2 * low)
        return Axis(low, high, True, _label(_decade_ticks(low, high), _count_text))
    # Between two labels there is room for the name of the axis.
    room = max(1, columns // (len(_count_text(high)) + NAME_ROOM))
    # Fifths wherever they fit: when the axis grows, its grid stays where it was and is not sent again.
    step = high // 5 if _has_round_fifths(high) and 5 <= room < 10 else max(1, int(nice_step(high / room)))
    ticks = [*range(0, high + 1, step)]
    # The end is no round number of every training; it comes last, so it gives way to the others.
    return Axis(0, high, False, _label([*ticks, high] if high % step else ticks, _count_text))


def _has_round_fifths(high: int) -> bool:
    """Return True if a fifth is 1, 2, 4 or 5 times a power of ten."""
    return high % 5 == 0 and f"{high // 5}".rstrip("0") in {"1", "2", "4", "5"}


def seconds_axis(newest: float, is_over: bool, first: float, is_log: bool, columns: int) -> Axis:
    """Return an x axis of seconds; while training goes on, there is room for more of them."""
    high = nice_step(max(1.0, newest)) if not is_over else max(newest, 1e-3)
    if not is_over:
        return span_axis(0, high, is_log, columns, first=first)
    step = nice_step(high / 20)
    return span_axis(0, math.ceil(high / step - 1e-9) * step, is_log, columns, first=first)


def span_axis(
    low: float, high: float, is_log: bool, columns: int, *, first: float = 1.0, is_whole: bool = False
) -> Axis:
    """Return an x axis from low to high; a log axis that would begin at 0 begins at the decade of `first`.

    With `is_whole` its ticks are whole numbers.
    """
    if is_log and low <= 0:
        low = 10.0 ** math.floor(math.log10(max(SMALLEST, min(first, high))))
        high = max(high, 2 * low)
    if is_log and high / low >= 10:
        return Axis(
            low, high, True, _label(_decade_ticks(low, high), _count_text if low >= 1 else _loss_text)
        )
    label = max(len(_count_text(high)), 6)
    ticks = _linear_ticks(low, high, max(1, columns // (label + NAME_ROOM)), 1.0 if is_whole else 0.0)
    return Axis(low, high, is_log, ticks)


def accuracy_axis(low: float, high: float, is_log: bool, rows: int) -> Axis:
    """Return the y axis around shares of 1; it ends at 1."""
    axis = loss_axis(low, high, is_log, rows)
    if axis.high <= 1 or high > 1:
        return axis
    return Axis(axis.low, 1.0, axis.is_log, tuple(tick for tick in axis.ticks if tick[0] <= 1))


def loss_axis(low: float, high: float, is_log: bool, rows: int) -> Axis:
    """Return the y axis around finite values from `low` to `high`, rounded outward.

    Values of a log axis are above 0; under a factor of ten it has the limits of a linear one.
    """
    size = max(abs(low), abs(high))
    if high - low <= 1e-6 * size:
        margin = 0.1 * size or 1.0
        low, high = low - margin, high + margin
    if is_log and high / low >= 10:
        low, high = _nice_below(low), nice_step(high)
        return Axis(low, high, True, _label(_log_ticks(low, high, rows), _loss_text))
    step = nice_step((high - low) / 10)
    start, end = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    bottom = _nice_below(low) if is_log and start <= 0 else start * step
    return Axis(
        bottom,
        end * step,
        is_log,
        _linear_ticks(bottom, end * step, min(MOST_TICKS, (rows - 1) / LINEAR_TICK_ROWS)),
    )


def _linear_ticks(
    low: float, high: float, most: float, least_step: float = 0.0
) -> tuple[tuple[float, str], ...]:
    def within(step: float) -> tuple[int, int]:
        return math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)

    step = max(least_step, nice_step((high - low) / max(1, most)))
    # One tick says nothing about the others.
    while step > least_step and within(step)[0] >= within(step)[1]:
        step = nice_step(step / 2.6)
    first, last = within(step)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))

    def text(value: float) -> str:
        return f"{value:,.{digits}f}" if digits <= 5 and (high < 1e6 or least_step) else f"{value:.3g}"

    return _label((at * step for at in range(first, last + 1)), text)


def _decade_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**decade for factor in (1, 5, 2) for decade in decades]
    return [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]


def _log_ticks(low: float, high: float, rows: int) -> list[float]:
    """Return ticks of a y axis of so many rows: 1-2-5 in each decade, or decades alone, evenly apart."""
    decades = range(math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9) + 1)
    decade_rows = (rows - 1) / math.log10(high / low)
    sets = [(math.log10(2), [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)])]
    sets += [(step, [10.0**decade for decade in decades if decade % step == 0]) for step in (1, 2, 3, 5, 10)]
    for gap, ticks in sets:
        inside = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if gap * decade_rows >= LEAST_TICK_ROWS and len(inside) > 1:
            return inside
    return [low, high]


def _label(values: Iterable[float], text: Callable[[float], str]) -> tuple[tuple[float, str], ...]:
    return tuple((float(value), text(value)) for value in values)


def _count_text(value: float) -> str:
    return f"{value:,.0f}" if value < 1e7 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def _loss_text(value: float) -> str:
    return f"{value:,.0f}" if 1 <= value < 1e6 else f"{value:.3g}"
