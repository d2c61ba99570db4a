"""The points of a chart's curves: rows over epochs or seconds, smoothed, decimated, cut into dashes.

A line is cut into buckets of equal width whose edges never move while the axis stays, so that a new
row changes the end of the line only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from logreg_tui.core.analysis.drawn_metrics import CEILING, LARGEST, METRIC_COLUMNS, SMALLEST
from logreg_tui.core.analysis.earlier_runs import EarlierRun
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.widgets.curves.axes import x_at
from logreg_tui.tui.widgets.curves.seeds import SeedMean
from logreg_tui.tui.widgets.curves.window import x_values

LARGEST_RATIO = 1e10
"""Between the weights inside one block of a moving average, for the sake of rounding."""
DASH = 2
"""Columns of a dash, and of the gap after it."""
MARGIN = 0.25
"""Columns by which a dash ends inside its own, so that its last dot is not in the gap."""

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Places x and y from 0 to 1, and the number of the unbroken piece each belongs to; shape (points,) each."""

SETTLED = 0.05
"""Share of the x axis whose accuracies do not count for the y axis ..."""
LEAST_SETTLED = 20
"""... where each run has so many rows behind it ..."""
CROWDED = 0.4
"""... which would be pressed into less than this share of the plot."""


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
    """True if only its test curve is drawn, dim."""
    may_leave: bool = False
    """True if it may leave the axis at the top."""
    deviation: np.ndarray | None = None
    """By how much the test curves of several seeds deviate from their mean, which this is."""

    @property
    def drawn(self) -> tuple[np.ndarray, ...]:
        """The columns that are drawn."""
        return (self.test,) if self.is_thin else (self.train, self.test)


def series_of(run: RunHistory, metric: str, clock: str, is_thin: bool = False) -> Series:
    """Return the series of a run; seconds count from its first row."""
    epochs, elapsed, train, test = run.columns.read("epoch", "elapsed_s", *METRIC_COLUMNS[metric])
    x = x_values(epochs, elapsed, clock)
    breaks = tuple(x_at(mark.epoch, epochs, x) for mark in run.marks if mark.breaks_line)
    test_column = METRIC_COLUMNS[metric][1]
    deviation = run.deviations.read(test_column)[0] if isinstance(run, SeedMean) else None
    return Series(run.number, x, train, test, breaks, is_thin, run.status == "diverged", deviation)


def earlier_series(run: EarlierRun, metric: str, clock: str) -> Series:
    """Return the series of a run of another experiment."""
    train, test = (getattr(run, column) for column in METRIC_COLUMNS[metric])
    x = x_values(run.epoch, run.elapsed_s, clock)
    return Series(0, x, train, test, is_thin=True, may_leave=True)


def within(x: np.ndarray, low: float, high: float, beyond: int = 0) -> slice:
    """Return the rows from low to high, and `beyond` more on both sides; x ascends."""
    first, last = np.searchsorted(x, low, "left"), np.searchsorted(x, high, "right")
    return slice(max(0, int(first) - beyond), int(last) + beyond)


def ceiling(series: Iterable[Series]) -> float:
    """Return the largest loss that counts of a series that may leave the axis."""
    firsts = [float(column[0]) for one in series if not one.may_leave for column in one.drawn if len(column)]
    finite = [first for first in firsts if math.isfinite(first) and first > 0]
    return CEILING * max(finite) if finite else math.inf


def settled_low(series: Iterable[Series], end: float) -> float | None:
    """Return the smallest value behind the first rows of all series, as SETTLED of `end` counts them.

    None if a series has too few rows there, or if the first ones take no room that others need.
    """
    every: list[float] = []
    late: list[float] = []
    for one in series:
        begin = int(one.x.searchsorted(SETTLED * end))
        for column in one.drawn:
            if len(column) - begin < LEAST_SETTLED:
                return None
            every += [float(np.min(column)), float(np.max(column))]
            late += [float(np.min(column[begin:])), float(np.max(column[begin:]))]
    if not late or not max(late) - min(late) < CROWDED * (max(every) - min(every)):
        return None
    return min(late)


def value_range(
    series: Iterable[Series], low: float, high: float, is_log: bool, most: float = math.inf
) -> tuple[float, float] | None:
    """Return the smallest and the largest value that can be drawn from x = low to high.

    What may leave the axis counts up to `most`; on a log axis, which shows any loss, only if it is of an
    earlier experiment.
    """
    least = SMALLEST if is_log else -LARGEST
    found: list[float] = []
    for one in series:
        rows = within(one.x, low, high)
        for column in one.drawn:
            values = column[rows]
            leaves = one.may_leave and not (is_log and one.number)
            good = values[(values >= least) & (values <= (min(most, LARGEST) if leaves else LARGEST))]
            if len(good):
                found += [float(np.min(good)), float(np.max(good))]
    return (min(found), max(found)) if found else None


def hidden_points(series: Iterable[Series], low: float, high: float, log_x: bool, log_y: bool) -> int:
    """Return the number of points from x = low to high that a logarithmic axis has no place for."""
    count = 0
    for one in series:
        rows = within(one.x, low, high)
        for column in one.drawn:
            finite = np.isfinite(column[rows])
            lost = finite & ((log_x & (one.x[rows] <= 0)) | (log_y & (column[rows] < SMALLEST)))
            count += int(np.count_nonzero(lost))
    return count


def pieces(epochs: np.ndarray, x: np.ndarray, y: np.ndarray, breaks: Sequence[float]) -> np.ndarray:
    """Return the number of the unbroken piece that each row belongs to, -1 for rows that are not drawn.

    A line is broken at a place that is not finite, and after each epoch in `breaks`; all of shape (rows,).
    """
    good = np.isfinite(x) & np.isfinite(y)
    number = np.cumsum(~good) + np.searchsorted(np.sort(np.asarray(breaks, dtype=float)), epochs, side="left")
    return np.where(good, number, -1)


def decimate(x: np.ndarray, y: np.ndarray, piece: np.ndarray, columns: int) -> Points:
    """Keep the lowest and the highest point of each of `columns` buckets and each piece.

    x, y, piece: shape (rows,), places from 0 to 1. Returns the same three, shorter.
    """
    drawn = np.flatnonzero(piece >= 0)
    x, y, piece = x[drawn], y[drawn], piece[drawn]
    if len(x) == 0:
        return x, y, piece
    is_start = (np.diff(np.floor(x * columns), prepend=-1.0) != 0) | (np.diff(piece, prepend=-1) != 0)
    starts, group = np.flatnonzero(is_start), np.cumsum(is_start) - 1
    kept = np.union1d(
        _first_of_each(group, y == np.minimum.reduceat(y, starts)[group]),
        _first_of_each(group, y == np.maximum.reduceat(y, starts)[group]),
    )
    return x[kept], y[kept], piece[kept]


def _first_of_each(group: np.ndarray, hit: np.ndarray) -> np.ndarray:
    at = np.flatnonzero(hit)
    first: np.ndarray = at[np.diff(group[at], prepend=-1) != 0]
    return first


def solid(x: np.ndarray, y: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points with a NaN between two pieces: no segment joins them."""
    ends = np.flatnonzero(np.diff(piece)) + 1
    return (np.insert(x, ends, np.nan), np.insert(y, ends, np.nan)) if len(ends) else (x, y)


def dashed(
    x: np.ndarray, y: np.ndarray, piece: np.ndarray, columns: int, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points cut into dashes of equal length on the screen, a NaN after each.

    A dash stays in place while the line before it does.
    """
    cut = [_dashes(x[own], y[own], columns, rows) for own in (piece == number for number in np.unique(piece))]
    points = np.concatenate([np.empty((2, 0)), *cut], axis=1)
    return points[0], points[1]


def _dashes(x: np.ndarray, y: np.ndarray, columns: int, rows: int) -> np.ndarray:
    # A row is as high as two columns are wide. Of a jump only a part counts, or noise becomes dust.
    lengths = np.hypot(np.diff(x) * columns, np.minimum(np.abs(np.diff(y)) * rows * 2, DASH))
    way = np.concatenate(([0.0], np.cumsum(lengths)))
    starts = np.arange(0, way[-1], 2 * DASH) + MARGIN
    edges = np.concatenate((starts, starts + DASH - 2 * MARGIN))
    knots = np.union1d(way, edges[edges < way[-1]])
    middle = (knots[1:] + knots[:-1]) / 2 % (2 * DASH)
    shown = (middle > MARGIN) & (middle < DASH - MARGIN)
    before, after = np.concatenate(([False], shown)), np.concatenate((shown, [False]))
    kept = before | after if len(knots) > 1 else np.array([True])
    # The end of a dash is followed by a gap, as is the last point of the piece.
    ends = np.flatnonzero((before & ~after)[kept]) + 1
    points = np.stack((np.interp(knots[kept], way, x), np.interp(knots[kept], way, y)))
    return np.append(np.insert(points, ends, np.nan, axis=1), [[np.nan], [np.nan]], axis=1)


def smooth(values: np.ndarray, piece: np.ndarray, weight: float) -> np.ndarray:
    """Return an exponential moving average over the rows, without its bias, as TensorBoard does it.

    s[t] = sum(w^(t-i) y[i]) / sum(w^(t-i)) over i <= t, begun anew with each piece; NaN for rows that
    belong to none (-1). The first row is itself, and a new row moves no earlier one.
    values, piece: shape (rows,).
    """
    result = np.full(len(values), np.nan)
    drawn = np.flatnonzero(piece >= 0)
    starts = np.flatnonzero(np.diff(piece[drawn], prepend=-1))
    for rows in np.split(drawn, starts[1:]):
        result[rows] = _average(values[rows], weight)
    return result


def _average(values: np.ndarray, weight: float) -> np.ndarray:
    """Return the average of one piece, computed block by block."""
    if weight <= 0 or len(values) < 2:
        return values
    block = max(1, int(-np.log(LARGEST_RATIO) / np.log(weight)))
    count = -(-len(values) // block)
    padded = np.zeros(count * block)
    padded[: len(values)] = values
    powers = weight ** np.arange(block)
    sums = np.cumsum(padded.reshape(count, block) / powers, axis=1) * powers
    carried = 0.0
    for row in sums:
        row += carried * weight * powers
        carried = row[-1]
    steps = np.arange(1, len(values) + 1)
    average: np.ndarray = sums.reshape(-1)[: len(values)] * (1 - weight) / -np.expm1(steps * np.log(weight))
    return average
