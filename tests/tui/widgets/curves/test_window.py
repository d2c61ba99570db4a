"""The window on the x axis: shares, zooming, panning."""

from __future__ import annotations

import math

import pytest

from logreg_tui.tui.widgets.curves.axes import Axis, span_axis
from logreg_tui.tui.widgets.curves.window import (
    ALL,
    Window,
    holding,
    limits,
    name,
    narrower,
    panned,
    wider,
    zoomed,
)

LINEAR = Axis(0, 1000, False, ())
ROWS = [10.0 * at for at in range(101)]


def interval(window: Window) -> tuple[float, float]:
    assert window.limits is not None
    return window.limits


def test_shares_are_gone_through_and_end() -> None:
    window, names = ALL, [name(ALL, "epochs")]
    for _ in range(4):
        window = narrower(window)
        names.append(name(window, "epochs"))
    assert names == ["all", "last half", "last tenth", "last hundredth", "last hundredth"]
    for _ in range(4):
        window = wider(window)
    assert window == ALL


@pytest.mark.parametrize(("share", "low", "high"), [(0.5, 500, 1000), (0.1, 900, 1000), (0.01, 970, 1000)])
def test_a_share_is_counted_from_the_newest_row_and_shows_at_least_a_few(
    share: float, low: float, high: float
) -> None:
    assert limits(Window(share), ROWS) == (low, high)


def test_a_share_moves_in_steps_so_that_most_rows_change_nothing() -> None:
    seen = {limits(Window(0.5), [10.0 * at for at in range(count)]) for count in range(401, 601)}
    assert len(seen) < 12
    for count in range(401, 601):
        low, high = limits(Window(0.5), [10.0 * at for at in range(count)]) or (0, 0)
        newest = 10 * (count - 1)
        assert low <= newest / 2 <= low + newest / 5
        assert newest <= high <= 1.2 * newest


@pytest.mark.parametrize("rows", [[], [0.0], [0.0, 0.0]])
def test_too_few_rows_have_no_window(rows: list[float]) -> None:
    assert limits(Window(0.5), rows) is None


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("place", [0.0, 0.3, 1.0])
def test_what_is_under_the_pointer_stays_there(is_log: bool, place: float) -> None:
    axis = Axis(10, 1000, is_log, ())
    low, high = interval(zoomed(axis, place, 0.5, 1000))
    assert Axis(low, high, is_log, ()).place(axis.value(place)) == pytest.approx(place)
    assert axis.place(high) - axis.place(low) == pytest.approx(0.5)


def test_zooming_out_ends_with_everything() -> None:
    assert zoomed(Axis(400, 900, False, ()), 0.5, 4, 1000) == ALL


def test_zooming_in_has_an_end() -> None:
    window = ALL
    for _ in range(200):
        window = zoomed(span_axis(*(window.limits or (0, 1000)), False, 80), 0.4, 0.5, 1000)
    low, high = interval(window)
    assert 0.1 <= high - low < 1


def test_panning_moves_and_stops_at_the_ends() -> None:
    axis = Axis(200, 400, False, ())
    assert interval(panned(axis, 0.5, 1000)) == (300, 500)
    assert interval(panned(axis, -5, 1000)) == (0, 200)
    assert interval(panned(axis, 50, 1000)) == (800, 1000)


def test_a_window_follows_what_must_be_visible() -> None:
    axis, window = Axis(200, 400, False, ()), Window(limits=(200, 400))
    assert holding(window, axis, 300, 1000) == window
    assert interval(holding(window, axis, 450, 1000)) == pytest.approx((250, 450))
    assert interval(holding(window, axis, 100, 1000)) == pytest.approx((100, 300))
    assert holding(window, axis, math.nan, 1000) == window
    assert holding(ALL, axis, 450, 1000) == ALL
