"""SpeedMeter: epochs per second of the last seconds."""

from __future__ import annotations

import pytest

from logreg_tui.tui.speed import SpeedMeter


def test_speed_is_that_of_the_last_seconds() -> None:
    meter = SpeedMeter()
    assert meter.rate is None
    for second in range(20):
        meter.add(second, second * (10 if second < 10 else 100))
    assert meter.rate == pytest.approx(100)
    meter.clear()
    assert meter.rate is None


def test_speed_of_epochs_slower_than_the_window_is_known() -> None:
    meter = SpeedMeter()
    for second in range(61):
        meter.add(second, second // 20)
    assert meter.rate == pytest.approx(1 / 20)
