"""The comparison of runs: its rows, their order, the difference of two of them, and means over seeds."""

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
    """Numbers of test samples that two runs classify right, on the parameters of their rows."""

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
    """95 %, percentage points; None if there is none to give."""
    method: str
    """PAIRED or UNPAIRED (both after Newcombe 1998, see `intervals`), else the reason for no interval."""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One run, or several that differ in their seed alone."""

    runs: tuple[ComparedRun, ...]
    difference: Difference | None = None
    """To the pinned row; None for that row itself and if nothing is pinned."""

    @property
    def first(self) -> ComparedRun:
        """The run that stands for the settings."""
        return self.runs[0]

    @property
    def keys(self) -> tuple[RunKey, ...]:
        """The runs of the row."""
        return tuple(run.key for run in self.runs)

    def value(self, name: str) -> Any:  # noqa: ANN401  numbers and texts
        """Return a column's value, the mean for several runs; None if it is missing or they have no mean."""
        if name in _OF_DIFFERENCE:
            return None if self.difference is None else _OF_DIFFERENCE[name](self.difference)
        if len(self.runs) == 1:
            return self.first.value(name)
        values = [run.value(name) for run in self.runs]
        if values.count(values[0]) == len(values):
            return values[0]
        return _mean(values) if name in AVERAGED and None not in values else None

    def deviation(self, name: str) -> float | None:
        """Return the standard deviation over n seeds, sqrt(sum((x - mean)^2) / (n - 1)), None without one."""
        if len(self.runs) == 1 or name not in AVERAGED:
            return None
        values = [run.value(name) for run in self.runs]
        if None in values:
            return None
        mean = _mean(values)
        # Not by squares: those of what somebody wrote into a file may be too large for a float, which raises.
        return math.hypot(*(value - mean for value in values)) / math.sqrt(len(values) - 1)


def _mean(values: Sequence[float]) -> float:
    # From the first value on: equal values have exactly that mean.
    return values[0] + sum(value - values[0] for value in values) / len(values)


AVERAGED = frozenset((
    "epochs", "train_loss", "test_loss", "gap", "l2_penalty", "train_accuracy", "test_accuracy",
    "best_test_accuracy", "seconds", "epochs_per_s",
))  # fmt: skip
"""Columns of which several seeds have a mean."""

_OF_DIFFERENCE = {
    "difference_pp": lambda difference: difference.points,
    "interval_low_pp": lambda difference: difference.interval and difference.interval.low,
    "interval_high_pp": lambda difference: difference.interval and difference.interval.high,
    "interval_method": lambda difference: difference.method,
}


@dataclass(frozen=True, slots=True)
class Order:
    """The column that rows stand in the order of."""

    column: str = "run"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows in their order, with their differences to the row that the pinned run stands in."""

    rows: Sequence[ComparisonRow] = ()
    pinned: RunKey | None = None
    order: Order | None = None
    """None keeps that of the runs."""

    @property
    def reference(self) -> ComparisonRow | None:
        """The row that the pinned run stands in."""
        return find_row(self.rows, self.pinned)

    @property
    def has_means(self) -> bool:
        """True if a row is of several seeds."""
        return any(len(row.runs) > 1 for row in self.rows)

    @property
    def has_experiments(self) -> bool:
        """True if the runs are of several experiments."""
        return len({run.origin.directory for row in self.rows for run in row.runs}) > 1

    @property
    def methods(self) -> set[str]:
        """The methods of the differences."""
        return {row.difference.method for row in self.rows if row.difference is not None}


def compare(
    runs: Iterable[ComparedRun],
    pinned: RunKey | None,
    pairs: Mapping[RunKey, ContingencyTable],
    *,
    order: Order | None = None,
    folds_seeds: bool = False,
) -> Comparison:
    """Return runs side by side; `folds_seeds` is as in `rows_of`, `pairs` as in `with_differences`."""
    rows = with_differences(rows_of(runs, folds_seeds=folds_seeds), pinned, pairs)
    if order is not None:
        rows = sort_rows(rows, order.column, descending=order.descending)
    return Comparison(rows, pinned, order)


def rows_of(
    runs: Iterable[ComparedRun], *, folds_seeds: bool = False, ignores_state: bool = False
) -> list[ComparisonRow]:
    """Return a row for each run; with `folds_seeds` runs that differ in their seed alone share one.

    With `ignores_state` they do so also if they ended at other epochs or some have diverged.
    """
    if not folds_seeds:
        return [ComparisonRow((run,)) for run in runs]
    groups: dict[Hashable, list[ComparedRun]] = {}
    seeds: dict[Hashable, int] = {}
    for run in runs:
        alike = _all_but_the_seed(run, ignores_state=ignores_state)
        # A seed that comes again is a repetition, not another draw: it goes into a row of its own.
        turn = seeds[alike, run.settings.seed] = seeds.get((alike, run.settings.seed), -1) + 1
        groups.setdefault((alike, turn), []).append(run)
    return [ComparisonRow(tuple(group)) for group in groups.values()]


def _all_but_the_seed(run: ComparedRun, *, ignores_state: bool) -> Hashable:
    # Seeds that train side by side log one after the other: their epochs differ for a moment.
    epochs = None if run.state in UNDERWAY else run.epochs
    state = "diverged" if run.state == "diverged" else ""
    settings = replace(run.settings, seed=0)
    if ignores_state:
        return run.origin.data, run.origin.pixels, settings, run.changes
    return run.origin.data, run.origin.pixels, settings, run.changes, epochs, state


def find_row(rows: Iterable[ComparisonRow], key: RunKey | None) -> ComparisonRow | None:
    """Return the row that a run stands in."""
    return next((row for row in rows if key in row.keys), None)


def with_differences(
    rows: Sequence[ComparisonRow], pinned: RunKey | None, pairs: Mapping[RunKey, ContingencyTable]
) -> list[ComparisonRow]:
    """Return the rows with their differences to the row that the pinned run stands in.

    `pairs` has contingency tables of runs, as far as they are known, and of the pinned one as the second.
    """
    reference = find_row(rows, pinned)
    if reference is None:
        return list(rows)
    return [
        row if row is reference else replace(row, difference=_difference(row, reference, pairs))
        for row in rows
    ]


def _difference(
    row: ComparisonRow, reference: ComparisonRow, pairs: Mapping[RunKey, ContingencyTable]
) -> Difference | None:
    accuracy, other = row.value("test_accuracy"), reference.value("test_accuracy")
    if accuracy is None or other is None:
        return None
    points = 100 * (accuracy - other)
    if len(row.runs) > 1 or len(reference.runs) > 1:
        return Difference(points, None, MEANS)
    run, pinned = row.first, reference.first
    if not share_a_test_set(run.origin, pinned.origin):
        return Difference(points, None, NO_COMMON_TEST_SET)
    if run.key in pairs:
        interval, method = paired_difference(*pairs[run.key]), PAIRED
    else:
        assert run.correct is not None
        assert pinned.correct is not None
        samples = run.origin.test_samples
        interval, method = unpaired_difference(run.correct, samples, pinned.correct, samples), UNPAIRED
    return Difference(points, Interval(*(100 * end for end in interval)), method)


def share_a_test_set(one: Origin, other: Origin) -> bool:
    """Return whether two experiments are tested on the same samples."""
    return one.data == other.data and one.test_samples == other.test_samples


def sort_rows(rows: Iterable[ComparisonRow], name: str, *, descending: bool) -> list[ComparisonRow]:
    """Return the rows in the order of a column; rows without a value come last, either way.

    Rows that are equal in it stay in the order they have.
    """
    rows = list(rows)
    values = [_sort_value(row, name) for row in rows]
    present = [at for at, value in enumerate(values) if value is not None]
    missing = [at for at, value in enumerate(values) if value is None]
    order = sorted(present, key=lambda at: values[at], reverse=descending)
    return [rows[at] for at in order + missing]


def _sort_value(row: ComparisonRow, name: str) -> Any:  # noqa: ANN401
    if name == "run":
        return row.first.origin.experiment, row.first.run
    if name == "seed":
        return row.first.settings.seed
    value = row.value(name)
    return None if isinstance(value, float) and math.isnan(value) else value
