"""The plot as plotext draws it: axes, ticks and curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.curves.axes import Axis, Plot
from logreg_tui.tui.widgets.curves.lines import curve_marks, draw_plot
from logreg_tui.tui.widgets.curves.series import Series

STYLE = ChartStyle()
X_AXIS, Y_AXIS = Axis(0, 100, False, ()), Axis(0, 10, False, ((0, "0"), (10, "10")))


def plot(columns: int = 41, rows: int = 11, is_fine: bool = True) -> Plot:
    return Plot(4, 0, columns, rows, X_AXIS, Y_AXIS, 100, is_fine=is_fine)


def series(values: Sequence[float], number: int = 1, *, is_thin: bool = True) -> Series:
    """Return a series whose test curve has these values over the width of the plot."""
    column = np.array(values, dtype=float)
    x = np.linspace(0, 100, len(column)) if len(column) else column
    return Series(number, x, np.full(len(column), np.nan), column, is_thin=is_thin)


def drawn(*all_series: Series, on: Plot | None = None, style: ChartStyle = STYLE, **more: float) -> list[str]:
    """Return the lines without the codes of their colours."""
    text = draw_plot(all_series, on or plot(), style, [], **more)
    return re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n")


def curve(lines: Sequence[str]) -> set[tuple[int, int]]:
    """Return column and line of every cell that holds a part of a curve."""
    return {(x, y) for y, line in enumerate(lines) for x, character in enumerate(line) if character >= "⠀"}


def test_the_axes_stand_around_the_plot_with_their_ticks() -> None:
    text = draw_plot([], plot(), STYLE, [4, 24])
    lines = text.replace("\x1b[0m", "").split("\n")
    assert lines[0].startswith("10 ┤")
    assert lines[10].startswith(" 0 ┤")
    assert lines[11] == "   └┬" + "─" * 19 + "┬" + "─" * 20
    assert lines[12].strip() == ""


def test_without_a_tick_the_plot_begins_where_it_is_said_to() -> None:
    on = replace(plot(), y_axis=Axis(0, 10, False, ((20, "20"),)))
    assert [line.replace("\x1b[0m", "") for line in draw_plot([], on, STYLE, [4]).split("\n")[:11]] == [
        "   │" + " " * 41
    ] * 11


def test_a_curve_runs_through_every_column_and_row_it_crosses() -> None:
    cells = curve(drawn(series([0, 10])))
    assert {x for x, _ in cells} == set(range(4, 45))
    assert {y for _, y in cells} == set(range(11))


@pytest.mark.parametrize("is_fine", [True, False])
@pytest.mark.parametrize("value", [0.0, 1.3, 4.9, 5.0, 8.8, 10.0])
def test_curves_lie_in_the_cells_that_the_plot_names(value: float, is_fine: bool) -> None:
    on = plot(is_fine=is_fine)
    lines = drawn(series([value, value]), on=on)
    y = on.row(value)
    assert y is not None
    assert len(lines[y][4:].replace(" ", "")) == 41
    assert all(set(line[4:]) <= set(" ─") for at, line in enumerate(lines) if at != y)


@pytest.mark.parametrize("values", [[], [np.nan], [np.nan, np.nan], [np.inf, -np.inf]])
def test_what_is_not_finite_is_not_drawn(values: list[float]) -> None:
    assert curve(drawn(series(values))) == set()


def test_nan_interrupts_a_curve() -> None:
    columns = {x for x, _ in curve(drawn(series([5, 5, np.nan, 5, 5])))}
    assert min(columns) == 4
    assert max(columns) == 44
    assert not columns & set(range(16, 33))


def test_what_leaves_the_plot_at_the_top_or_the_bottom_is_not_drawn() -> None:
    lines = drawn(series([-1e9, 5, 1e9]))
    assert {len(line) for line in lines[:11]} == {45}
    assert (24, 5) in curve(lines)


def test_the_last_series_is_on_top_and_dim_ones_are_below() -> None:
    full = Series(1, np.array([0.0, 100]), np.array([5.0, 5]), np.array([np.nan, np.nan]))
    for order in ([series([5, 5], 2), full], [full, series([5, 5], 2)]):
        text = draw_plot(order, plot(), STYLE, [])
        assert str(STYLE.color(1, False))[1:-1].replace(", ", ";") in text
        assert str(STYLE.dim_color(2))[1:-1].replace(", ", ";") not in text


def test_a_test_curve_has_gaps_where_the_train_curve_is_to_be_seen() -> None:
    both = Series(1, np.array([0.0, 100]), np.array([5.0, 5]), np.array([5.0, 5]))
    (line,) = [
        line for line in draw_plot([both], plot(), STYLE, []).split("\n") if "⠤" in line or "⠒" in line
    ]
    for is_test in (False, True):
        assert str(STYLE.color(1, is_test))[1:-1].replace(", ", ";") in line


def test_a_dim_curve_without_colours_is_dotted() -> None:
    mono = curve(drawn(series([5, 5]), style=ChartStyle(monochrome=True)))
    lines = drawn(series([5, 5]), style=ChartStyle(ascii_only=True), on=plot(is_fine=False))
    assert 24 <= len(mono) <= 30
    assert 12 <= lines[5].count("a") <= 16


def test_ascii_axes_are_ascii() -> None:
    text = draw_plot([series([0, 10])], plot(is_fine=False), ChartStyle(ascii_only=True), [4])
    assert all(character == "\n" or " " <= character <= "~" or character == "\x1b" for character in text)


@pytest.mark.parametrize("on", [plot(), plot(is_fine=False), plot(1, 1), plot(77, 5)])
def test_places_and_columns_are_each_others_inverse(on: Plot) -> None:
    assert [on.cell(on.place(x), 0)[0] for x in range(on.left, on.right)] == list(range(on.left, on.right))


def test_marks_lie_on_their_curves() -> None:
    on, one = plot(), Series(2, np.array([0.0, 100]), np.array([2.0, 2]), np.array([7.0, 7]))
    marks = list(curve_marks(one, on))
    assert {(y, mark) for _, y, mark in marks} == {(on.row(2.0), "2"), (on.row(7.0), "b")}
    assert len({x for x, *_ in marks}) == len(marks)
