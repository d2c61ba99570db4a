"""What is drawn of runs: ranges, what a log axis hides, and which runs are the best."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_chart import decay, history

from logreg_tui.tui.widgets.curves.series import (
    ACCURACY,
    LOSS,
    SECONDS,
    Series,
    best_runs,
    ceiling,
    hidden_points,
    newest,
    series_of,
    value_range,
)


def series(*values: float, **more: bool) -> Series:
    column = np.array(values)
    return Series(1, np.arange(len(values)) * 10.0, column, column, **more)


def test_seconds_count_from_the_first_row_of_the_run() -> None:
    run = history([decay(5)]).runs[1]
    run.columns._table[1, :5] += 100
    assert series_of(run, LOSS, SECONDS).x.tolist() == [0, 1, 2, 3, 4]


def test_the_range_is_that_of_the_window() -> None:
    assert value_range([series(9, 1, 2, 3, 8)], 10, 30, False) == (1, 3)
    assert value_range([series(9, 1)], 50, 60, False) is None


@pytest.mark.parametrize(("is_log", "expected"), [(False, (-1, 5)), (True, (2, 5))])
def test_values_that_cannot_be_drawn_have_no_part_in_the_range(
    is_log: bool, expected: tuple[float, float]
) -> None:
    assert value_range([series(math.nan, 5, 2, -1, math.inf)], 0, 99, is_log) == expected


def test_a_diverged_run_does_not_press_the_others_flat() -> None:
    healthy, diverged = series(2, 1.5, 1), series(2, 50, 1e6, may_leave=True)
    assert ceiling([healthy, diverged]) == 8
    assert value_range([healthy, diverged], 0, 99, False, 8) == (1, 2)


def test_points_that_a_log_axis_hides_are_counted() -> None:
    one = series(0, 1, -2, math.nan)
    assert hidden_points([one], 0, 99, False, False) == 0
    assert hidden_points([one], 0, 99, True, False) == 2
    assert hidden_points([one], 0, 99, False, True) == 4
    assert hidden_points([one], 0, 99, True, True) == 4
    assert hidden_points([series(0, 1, is_thin=True)], 0, 99, True, False) == 1


def test_the_best_runs_are_those_with_the_best_test_values() -> None:
    data = history([[value] for value in (1.9, 1.5, 1.7, 1.6)])
    runs = list(data.runs.values())
    assert best_runs(runs, newest(runs), LOSS) == (2, 4, 3)
    accuracies = {number: (0.0, value) for number, value in enumerate((0.1, 0.9, 0.3, 0.8), start=1)}
    assert best_runs(runs, accuracies, ACCURACY) == (2, 4, 3)


def test_a_run_that_is_hardly_better_takes_no_ones_place() -> None:
    runs = list(history([[1.0]] * 5).runs.values())
    values = {number: (0.0, 1.5 - 0.001 * number) for number in range(1, 6)}
    assert set(best_runs(runs, values, LOSS, before=(1, 2, 3))) == {1, 2, 3}
    assert 5 in best_runs(runs, {**values, 5: (0.0, 1.4)}, LOSS, before=(1, 2, 3))


def test_diverged_runs_and_runs_without_a_value_are_not_among_the_best() -> None:
    data = history([[1.0], [2.0], [3.0]])
    data.runs[1].status = "diverged"
    assert best_runs(list(data.runs.values()), {1: (0, 1), 2: (0, math.nan)}, LOSS) == ()
