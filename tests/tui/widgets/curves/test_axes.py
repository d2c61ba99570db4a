"""Limits and ticks of the loss chart's axes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logreg_tui.tui.widgets.curves.axes import (
    accuracy_axis,
    epoch_axis,
    epoch_limit,
    loss_axis,
    seconds_axis,
    span_axis,
)
from logreg_tui.tui.widgets.curves.window import nice_step


@pytest.mark.parametrize(
    ("least", "step"), [(1, 1), (1.1, 2), (2, 2), (3, 5), (6, 10), (0.03, 0.05), (2e-9, 2e-9), (70, 100)]
)
def test_a_step_is_1_2_or_5_times_a_power_of_ten(least: float, step: float) -> None:
    assert math.isclose(nice_step(least), step)


@pytest.mark.parametrize(
    ("newest", "total", "limit"),
    [(0, 10_000, 100), (100, 10_000, 100), (110, 10_000, 200), (5010, 10_000, 10_000), (0, 30, 30),
     (2500, 3000, 3000), (4000, 3000, 4000), (0, 1, 1)],
)  # fmt: skip
def test_the_epoch_axis_grows_in_steps_up_to_the_total(newest: int, total: int, limit: int) -> None:
    assert epoch_limit(newest, total) == limit


@pytest.mark.parametrize(
    ("total", "ticks"),
    [(390, [0, 100, 200, 300, 390]), (3000, [0, 1000, 2000, 3000]), (200, [0, 40, 80, 120, 160, 200]),
     (7, [0, 1, 2, 3, 4, 5, 6, 7])],
)  # fmt: skip
def test_epoch_ticks_are_round_numbers_and_the_end(total: int, ticks: list[int]) -> None:
    assert [value for value, _ in epoch_axis(total, total, 10, False, 80).ticks] == ticks


def test_epoch_ticks_are_whole_numbers_with_thousands_separators() -> None:
    axis = epoch_axis(9000, 10_000, 10, False, 80)
    assert [text for _, text in axis.ticks] == ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]


def test_a_log_epoch_axis_begins_at_the_decade_of_the_first_row_and_leaves_out_epoch_0() -> None:
    axis = epoch_axis(1000, 1000, 10, True, 80)
    assert (axis.low, axis.high) == (10, 1000)
    assert np.isnan(axis.place(0))
    assert axis.place(100) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("low", "high", "limits"),
    [(1.4612, 2.31, (1.4, 2.4)), (20, 253, (0, 300)), (1.0, 1.0, (0.9, 1.1)), (0, 0, (-1, 1)),
     (1e-4, 9e-4, (1e-4, 9e-4)), (1.5, 3e38, (0, 3e38))],
)  # fmt: skip
def test_loss_limits_are_rounded_outward(low: float, high: float, limits: tuple[float, float]) -> None:
    axis = loss_axis(low, high, False, 20)
    assert (axis.low, axis.high) == pytest.approx(limits)


def test_a_few_more_losses_leave_the_limits_alone() -> None:
    assert loss_axis(1.561, 2.31, False, 20) == loss_axis(1.553, 2.31, False, 20)


def test_loss_ticks_are_as_precise_as_their_step() -> None:
    assert [text for _, text in loss_axis(1.4612, 2.31, False, 20).ticks] == [
        "1.4", "1.6", "1.8", "2.0", "2.2", "2.4",
    ]  # fmt: skip


@pytest.mark.parametrize(("low", "high"), [(1.5, 2000.0), (0.15, 1.4), (1e-30, 1e38), (2.0, 2.0)])
def test_a_log_loss_axis_holds_its_values_above_0(low: float, high: float) -> None:
    axis = loss_axis(low, high, True, 20)
    assert 0 < axis.low <= low <= high <= axis.high
    assert axis.ticks
    assert -1e-9 <= axis.place(low) <= axis.place(high) <= 1 + 1e-9


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e305])
def test_what_is_not_finite_has_no_place(value: float, is_log: bool) -> None:
    assert math.isnan(loss_axis(1, 2, is_log, 20).place(value))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_log_axis_has_no_place_for_0_and_below(value: float) -> None:
    assert math.isnan(loss_axis(1, 2, True, 20).place(value))


def test_a_window_of_epochs_has_whole_ticks_inside_it() -> None:
    axis = span_axis(1234, 1240, False, 80, is_whole=True)
    assert (axis.low, axis.high) == (1234, 1240)
    assert all(1234 <= value <= 1240 and value == int(value) for value, _ in axis.ticks)
    assert len(axis.ticks) >= 3


def test_seconds_have_decimals_where_they_need_them() -> None:
    assert [text for _, text in span_axis(15.5, 17.5, False, 80).ticks] == [
        "15.5",
        "16.0",
        "16.5",
        "17.0",
        "17.5",
    ]


def test_an_axis_of_seconds_has_room_while_training_and_fits_afterwards() -> None:
    assert seconds_axis(21, False, 0.1, False, 80).high == 50
    assert 21 <= seconds_axis(21, True, 0.1, False, 80).high <= 22
    assert seconds_axis(0, True, 1, True, 80).high > 0


@pytest.mark.parametrize("is_log", [False, True])
def test_a_place_leads_back_to_its_value(is_log: bool) -> None:
    axis = epoch_axis(1000, 1000, 10, is_log, 80)
    assert [axis.place(axis.value(place)) for place in (0, 0.3, 1)] == pytest.approx([0, 0.3, 1])


def test_an_axis_of_accuracies_ends_at_1() -> None:
    assert accuracy_axis(1.0, 1.0, False, 20).high == 1
    axis = accuracy_axis(0.9, 0.9312, False, 20)
    assert 0.89 < axis.low <= 0.9
    assert 0.9312 <= axis.high < 0.94


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("rows", range(2, 30))
@pytest.mark.parametrize(("low", "high"), [(1.4612, 2.31), (2.0, 104.0), (1.5, 5e9), (0.9, 0.93), (7.0, 7.0)])
def test_every_y_axis_has_two_ticks_or_more_evenly_apart(
    low: float, high: float, rows: int, is_log: bool
) -> None:
    ticks = [value for value, _ in loss_axis(low, high, is_log, rows).ticks]
    assert len(ticks) >= 2
    axis = loss_axis(low, high, is_log, rows)
    heights = [axis.place(tick) for tick in ticks]
    assert all(-1e-9 <= height <= 1 + 1e-9 for height in heights)
    steps = np.diff(heights)
    # 1, 2 and 5 are not quite evenly apart in logarithms, 1.4, 1.6, 1.8 neither.
    assert max(steps) < 2 * min(steps)


@pytest.mark.parametrize(("rows", "least"), [(9, 4), (15, 5)])
def test_an_axis_has_a_tick_for_every_few_rows(rows: int, least: int) -> None:
    assert len(accuracy_axis(0.6, 0.92, False, rows).ticks) >= least
    assert len(accuracy_axis(0.1, 0.92, False, rows).ticks) >= least
    assert len(loss_axis(1.46, 2.3, False, rows).ticks) >= least
