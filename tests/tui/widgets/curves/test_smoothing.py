"""The moving average."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_tui.tui.widgets.curves.smoothing import WEIGHTS, smooth


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


def test_a_constant_stays_what_it_is() -> None:
    assert smooth(np.full(500, 1.5), np.zeros(500, int), 0.9) == pytest.approx(np.full(500, 1.5))


def test_a_new_row_moves_no_earlier_one() -> None:
    values = np.random.default_rng(0).random(400)
    before = smooth(values[:399], np.zeros(399, int), 0.9)
    assert smooth(values, np.zeros(400, int), 0.9)[:399] == pytest.approx(before, abs=1e-12)


def test_it_begins_anew_with_each_piece_and_leaves_gaps() -> None:
    values = np.array([1.0, 1.0, np.nan, 5.0, 5.0, 7.0])
    smoothed = smooth(values, np.array([0, 0, -1, 1, 1, 2]), 0.9)
    assert smoothed == pytest.approx([1, 1, np.nan, 5, 5, 7], nan_ok=True)


def test_nothing_stays_nothing() -> None:
    assert len(smooth(np.array([]), np.array([], int), 0.9)) == 0
