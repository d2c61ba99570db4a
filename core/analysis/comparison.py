"""The rows of the comparison: their order, what lies between two of them, and means over seeds."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from logreg_tui.core.analysis.compared_runs import ComparedRun, Origin, RunKey
from logreg_tui.core.analysis.intervals import Interval, paired_difference, unpaired_difference

PAIRED = "paired"
UNPAIRED = "unpaired"
NO_COMMON_TEST_SET = "other test set"
MEANS = "mean of seeds"

UNDERWAY = ("training", "paused")
"""States of runs that may still gain epochs here and now."""


class ContingencyTable(NamedTuple):
    """On how many test samples two runs are right, both measured on the parameters of their rows."""

    both: int
    only_first: int
    only_second: int
    neither: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Final test accuracy minus that of the pinned run."""

    points: float
    """Percentage points."""
    interval: Interval | None
    """95 %, percentage points; None where there is none to give."""
    method: str
    """PAIRED or UNPAIRED (both after Newcombe 1998, see `intervals.py`), else why there is no interval."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: one run, or several that differ in their seed alone."""

    runs: tuple[ComparedRun, ...]
    difference: Difference | None = None
    """To the pinned row; None for that row itself and where nothing is pinned."""

    @property
    def first(self) -> ComparedRun:
        """The run that stands for the settings."""
        return self.runs[0]

    @property
    def keys(self) -> tuple[RunKey, ...]:
        """The runs of the row."""
        return tuple(run.key for run in self.runs)

    def value(self, name: str) -> Any:  # noqa: ANN401  numbers and texts
        """Return a column's value, the mean for several runs; None where it is missing or not one."""
        if name in _OF_DIFFERENCE:
            return None if self.difference is None else _OF_DIFFERENCE[name](self.difference)
        if len(self.runs) == 1:
            return getattr(self.first, name)
        values = [getattr(run, name) for run in self.runs]
        if values.count(values[0]) == len(values):
            return values[0]
        return _mean(values) if name in AVERAGED and None not in values else None

    def deviation(self, name: str) -> float | None:
        """Return the standard deviation (n - 1) over the seeds, None where there is none."""
        if len(self.runs) == 1 or name not in AVERAGED:
            return None
        values = [getattr(run, name) for run in self.runs]
        return None if None in values else _deviation(values)


def _mean(values: Sequence[float]) -> float:
    # From the first value on: equal values have exactly that mean.
    return values[0] + sum(value - values[0] for value in values) / len(values)


def _deviation(values: Sequence[float]) -> float:
    mean = _mean(values)
    # Squares of what somebody wrote into a file may be too large for a float, which raises.
    return math.hypot(*(value - mean for value in values)) / math.sqrt(len(values) - 1)


AVERAGED = frozenset(
    (
        "epochs",
        "train_loss",
        "test_loss",
        "gap",
        "l2_penalty",
        "train_accuracy",
        "test_accuracy",
        "best_test_accuracy",
        "seconds",
        "epochs_per_s",
    )
)
"""Columns of which several seeds have a mean."""

_OF_DIFFERENCE = {
    "difference_pp": lambda difference: difference.points,
    "interval_low_pp": lambda difference: difference.interval and difference.interval.low,
    "interval_high_pp": lambda difference: difference.interval and difference.interval.high,
    "interval_method": lambda difference: difference.method,
}


def rows_of(runs: Iterable[ComparedRun], *, folds_seeds: bool = False) -> list[Row]:
    """Return a row for each run; with `folds_seeds` runs that differ in their seed alone share one."""
    if not folds_seeds:
        return [Row((run,)) for run in runs]
    groups: dict[Hashable, list[ComparedRun]] = {}
    seeds: dict[Hashable, int] = {}
    for run in runs:
        alike = _all_but_the_seed(run)
        # A seed that comes again is a repetition, not another draw: it goes into a row of its own.
        turn = seeds[alike, run.seed] = seeds.get((alike, run.seed), -1) + 1
        groups.setdefault((alike, turn), []).append(run)
    return [Row(tuple(group)) for group in groups.values()]


def _all_but_the_seed(run: ComparedRun) -> Hashable:
    # Seeds that train side by side log one after the other: their epochs differ for a moment.
    epochs = None if run.state in UNDERWAY else run.epochs
    state = "diverged" if run.state == "diverged" else ""
    settings = replace(run.settings, seed=0)
    return run.origin.data, run.pixels, settings, run.changes, epochs, state


def find_row(rows: Iterable[Row], key: RunKey | None) -> Row | None:
    """Return the row that a run stands in."""
    return next((row for row in rows if key in row.keys), None)


def with_differences(
    rows: Sequence[Row], pinned: RunKey, pairs: Mapping[RunKey, ContingencyTable]
) -> list[Row]:
    """Return the rows with their differences to the row that the pinned run stands in.

    `pairs` holds, for runs of which it is known, how their right answers and the pinned run's
    overlap, the pinned run being the second.
    """
    reference = find_row(rows, pinned)
    if reference is None:
        return list(rows)
    return [
        row if row is reference else replace(row, difference=_difference(row, reference, pairs))
        for row in rows
    ]


def _difference(row: Row, reference: Row, pairs: Mapping[RunKey, ContingencyTable]) -> Difference | None:
    accuracy, other = row.value("test_accuracy"), reference.value("test_accuracy")
    if accuracy is None or other is None:
        return None
    points = 100 * (accuracy - other)
    if len(row.runs) > 1 or len(reference.runs) > 1:
        return Difference(points, None, MEANS)
    if not share_a_test_set(row.first.origin, reference.first.origin):
        return Difference(points, None, NO_COMMON_TEST_SET)
    known = pairs.get(row.first.key)
    interval = paired_difference(*known) if known else _unpaired(row.first, reference.first)
    return Difference(points, Interval(*(100 * end for end in interval)), PAIRED if known else UNPAIRED)


def share_a_test_set(one: Origin, other: Origin) -> bool:
    """Whether two experiments are tested on the same samples."""
    return one.data == other.data and one.test_samples == other.test_samples


def _unpaired(run: ComparedRun, other: ComparedRun) -> Interval:
    samples = run.origin.test_samples
    assert run.correct is not None
    assert other.correct is not None
    return unpaired_difference(run.correct, samples, other.correct, samples)


def sort_rows(rows: Iterable[Row], name: str, *, descending: bool) -> list[Row]:
    """Return the rows in the order of a column; rows without a value come last, either way.

    Rows that are equal in it stay in the order they have.
    """
    rows = list(rows)
    values = [_sort_value(row, name) for row in rows]
    present = [at for at, value in enumerate(values) if value is not None]
    missing = [at for at, value in enumerate(values) if value is None]
    order = sorted(present, key=lambda at: values[at], reverse=descending)
    return [rows[at] for at in order + missing]


def _sort_value(row: Row, name: str) -> Any:  # noqa: ANN401
    if name == "run":
        return row.first.experiment, row.first.run
    if name == "seed":
        return row.first.seed
    value = row.value(name)
    return None if isinstance(value, float) and math.isnan(value) else value
