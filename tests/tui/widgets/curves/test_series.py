"""The points of curves: ranges, what a log axis hides, the best runs, smoothing, decimation, gaps, dashes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.records import history_of, row
from test_chart import history

from logreg_tui.core.analysis.drawn_metrics import ACCURACY, LOSS
from logreg_tui.tui.widgets.curves.legend import best_runs, newest_values
from logreg_tui.tui.widgets.curves.panel import WEIGHTS
from logreg_tui.tui.widgets.curves.series import (
    Series,
    ceiling,
    dashed,
    decimate,
    hidden_points,
    pieces,
    series_of,
    settled_low,
    smooth,
    solid,
    value_range,
)
from logreg_tui.tui.widgets.curves.window import SECONDS


def series(*values: float, **more: bool) -> Series:
    column = np.array(values)
    return Series(1, np.arange(len(values)) * 10.0, column, column, **more)


def test_seconds_count_from_the_first_row_of_the_run() -> None:
    run = history_of(*(row(1, 10 * at, elapsed_s=100 + at) for at in range(5))).runs[1]
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
    assert best_runs(runs, newest_values(runs), LOSS) == (2, 4, 3)
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


def by_hand(values: np.ndarray, weight: float) -> list[float]:
    """As TensorBoard does it, in vz_line_chart2/line-chart.ts, resmoothDataset."""
    result, last = [], 0.0
    for count, value in enumerate(values, start=1):
        last = last * weight + (1 - weight) * value
        result.append(last / (1 - weight**count))
    return result


@pytest.mark.parametrize("weight", WEIGHTS[1:])
@pytest.mark.parametrize("count", [1, 2, 45, 46, 3000])
def test_the_average_is_tensorboards(weight: float, count: int) -> None:
    values = np.random.default_rng(count).normal(2, 1, count)
    assert smooth(values, np.zeros(count, int), weight) == pytest.approx(by_hand(values, weight), rel=1e-9)


def test_the_average_of_a_constant_stays_what_it_is() -> None:
    assert smooth(np.full(500, 1.5), np.zeros(500, int), 0.9) == pytest.approx(np.full(500, 1.5))


def test_a_new_row_moves_no_earlier_average() -> None:
    values = np.random.default_rng(0).random(400)
    before = smooth(values[:399], np.zeros(399, int), 0.9)
    assert smooth(values, np.zeros(400, int), 0.9)[:399] == pytest.approx(before, abs=1e-12)


def test_an_average_begins_anew_with_each_piece_and_leaves_gaps() -> None:
    values = np.array([1.0, 1.0, np.nan, 5.0, 5.0, 7.0])
    smoothed = smooth(values, np.array([0, 0, -1, 1, 1, 2]), 0.9)
    assert smoothed == pytest.approx([1, 1, np.nan, 5, 5, 7], nan_ok=True)


def test_no_rows_have_no_average() -> None:
    assert len(smooth(np.array([]), np.array([], int), 0.9)) == 0


def line(y: np.ndarray, breaks: list[int] | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    epochs = np.arange(len(y), dtype=float)
    x = epochs / max(1, len(y) - 1)
    return x, y, pieces(epochs, x, y, breaks or [])


def test_peaks_survive_decimation() -> None:
    y = np.full(10_000, 0.5)
    y[1234], y[8765] = 1.0, 0.0
    _, kept, _ = decimate(*line(y), 50)
    assert {0.0, 1.0} <= set(kept)


def test_at_most_two_points_remain_per_bucket() -> None:
    y = np.random.default_rng(0).random(10_000)
    x, _, _ = decimate(*line(y), 50)
    assert max(np.bincount((x * 50).astype(int))) <= 2


def test_a_new_row_changes_the_last_bucket_only() -> None:
    x, y = np.arange(500) / 1000, np.random.default_rng(1).random(500)
    piece = np.zeros(500, int)
    before = np.stack(decimate(x[:495], y[:495], piece[:495], 40))
    after = np.stack(decimate(x, y, piece, 40))
    edge = np.floor(x[494] * 40) / 40
    assert np.array_equal(before[:, before[0] < edge], after[:, after[0] < edge])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_points_are_kept(count: int) -> None:
    x, y, piece = decimate(*line(np.linspace(0, 1, count)), 50)
    assert len(x) == len(y) == len(piece) == count


def test_a_line_of_nan_has_no_points() -> None:
    points = decimate(*line(np.full(9, np.nan)), 50)
    assert [len(part) for part in points] == [0, 0, 0]
    assert [len(part) for part in solid(*points)] == [0, 0]
    assert [len(part) for part in dashed(*points, 50, 20)] == [0, 0]


def test_nan_splits_a_line() -> None:
    y = np.array([0.1, 0.2, np.nan, 0.4, 0.5])
    x, _ = solid(*decimate(*line(y), 100))
    assert np.isnan(x).tolist() == [False, False, True, False, False]


def test_no_segment_joins_the_points_before_and_after_a_break() -> None:
    x, y = solid(*decimate(*line(np.linspace(0, 1, 11), breaks=[5]), 100))
    assert np.flatnonzero(np.isnan(x)).tolist() == [6]
    assert y[5] == pytest.approx(0.5)


def test_dashes_leave_gaps_of_about_their_own_length() -> None:
    x, y = dashed(*line(np.full(200, 0.5)), 100, 20)
    ends = np.flatnonzero(np.isnan(x))
    assert len(ends) == pytest.approx(25, abs=2)
    assert np.array_equal(np.isnan(x), np.isnan(y))


def test_a_dash_is_drawn_between_two_points_that_are_far_apart() -> None:
    x, _ = dashed(*line(np.array([0.0, 1.0])), 100, 20)
    assert np.isnan(x).sum() > 1


def test_single_points_are_drawn_too() -> None:
    x, _ = dashed(*line(np.array([0.5])), 100, 20)
    assert x[0] == 0.0


def test_accuracies_that_settled_are_not_pressed_flat_by_the_first_rows() -> None:
    climbing = series(0.05, 0.4, *np.linspace(0.8, 0.9, 60).tolist())
    low = settled_low([climbing], 610)
    assert low is not None
    assert 0.8 <= low < 0.81


@pytest.mark.parametrize(
    "values", [(0.05, *[0.9] * 10), tuple(np.linspace(0, 1, 60).tolist())], ids=["few rows", "no crowd"]
)
def test_an_axis_that_can_be_read_shows_the_first_rows_too(values: tuple[float, ...]) -> None:
    assert settled_low([series(*values)], 10 * (len(values) - 1)) is None
