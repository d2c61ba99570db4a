"""Decimation, gaps and dashes."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_tui.tui.widgets.curves.decimation import dashed, decimate, pieces, solid


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
