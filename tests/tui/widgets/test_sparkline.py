"""Small curves of one line."""

from __future__ import annotations

import numpy as np

from logreg_tui.tui.widgets.sparkline import PARTS, sparkline, trend


def test_a_trend_has_the_means_of_equal_parts() -> None:
    assert trend(np.array([1.0, 3.0])) == (1.0, 3.0)
    assert trend(np.repeat(np.arange(PARTS), 10)) == tuple(map(float, range(PARTS)))


def test_a_steep_start_leaves_the_rest_of_the_curve_its_shape() -> None:
    assert sparkline([0.1, 0.88, 0.89, 0.9, 0.91, 0.92], 6, False) == "▁▂▄▅▇█"
    assert sparkline([0.5, 0.5], 4, False) == "██  "
    assert sparkline([float("nan")], 3, True) == "   "
    assert sparkline([0.0, 0.0, 1.0, 1.0], 2, True) == ".#"
