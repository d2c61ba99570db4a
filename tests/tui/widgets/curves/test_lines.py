"""Curves as dots of braille on the cells of the plot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from rich.style import Style

from logreg_tui.tui.widgets.cells import Cells, ink
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.curves.axes import Axis, Plot
from logreg_tui.tui.widgets.curves.lines import CurveLine, compose, curve_marks, draw_curves, line_dots
from logreg_tui.tui.widgets.curves.marks import draw_level
from logreg_tui.tui.widgets.curves.series import Series

STYLE = ChartStyle()
X_AXIS, Y_AXIS = Axis(0, 100, False, ()), Axis(0, 10, False, ())


def plot(columns: int = 41, rows: int = 11, is_fine: bool = True) -> Plot:
    return Plot(4, 0, columns, rows, X_AXIS, Y_AXIS, 100, is_fine=is_fine)


def series(values: Sequence[float], number: int = 1, *, is_thin: bool = True) -> Series:
    """Return a series whose test curve has these values over the width of the plot."""
    column = np.array(values, dtype=float)
    x = np.linspace(0, 100, len(column)) if len(column) else column
    return Series(number, x, np.full(len(column), np.nan), column, is_thin=is_thin)


def laid(
    *all_series: Series, on: Plot | None = None, style: ChartStyle = STYLE, **more: float
) -> dict[tuple[int, int], tuple[str, Style | None]]:
    """Return character and style of every cell of the widget with a part of a curve, by column and line."""
    on = on or plot()
    cells = Cells(on.right, on.bottom + 2)
    covered = draw_curves(cells, all_series, on, style, **more)
    found = {}
    for y, strip in enumerate(cells.strips()):
        texts = [(character, segment.style) for segment in strip for character in segment.text]
        found |= {(x, y): cell for x, cell in enumerate(texts) if cell[0] != " "}
    assert {(x, y) for y, x in np.argwhere(covered).tolist()} == set(found)
    return found


def line(x: list[float], y: list[float], *, is_dotted: bool = False) -> CurveLine:
    return CurveLine(np.array(x), np.array(y), ink(None), "1", is_dotted=is_dotted)


def dots(x: list[float], y: list[float], columns: int, rows: int) -> set[tuple[int, int]]:
    """Return column and row of the dots of a line, row 0 at the bottom."""
    across, down = line_dots(line(x, y), columns, rows)
    return set(zip(across.tolist(), (rows - 1 - down).tolist(), strict=True))


def test_a_line_has_a_dot_in_every_column_and_row_it_crosses() -> None:
    assert dots([0, 1], [0, 1], 5, 5) == {(at, at) for at in range(5)}
    assert {x for x, _ in dots([0, 1], [0, 0.4], 9, 5)} == set(range(9))
    assert {y for _, y in dots([0, 0.1], [1, 0], 9, 5)} == set(range(5))


def test_nan_interrupts_a_line() -> None:
    assert dots([0, np.nan, 1], [0, np.nan, 0], 5, 5) == {(0, 0), (4, 0)}


def test_what_leaves_the_plot_is_not_drawn() -> None:
    assert all(0 <= x < 5 and 0 <= y < 5 for x, y in dots([-0.5, 1.5], [-1, 2], 5, 5))
    assert (24, 5) in laid(series([-1e9, 5, 1e9]))


@pytest.mark.parametrize("points", [[], [np.nan]])
def test_no_points_are_no_dots(points: list[float]) -> None:
    assert dots(points, points, 5, 5) == set()


@pytest.mark.parametrize("values", [[], [np.nan], [np.nan, np.nan], [np.inf, -np.inf]])
def test_what_is_not_finite_is_not_drawn(values: list[float]) -> None:
    assert laid(series(values)) == {}


def test_a_curve_runs_through_every_column_and_row_it_crosses() -> None:
    cells = laid(series([0, 10]))
    assert {x for x, _ in cells} == set(range(4, 45))
    assert {y for _, y in cells} == set(range(11))


def test_lines_in_one_cell_share_their_dots_and_the_last_one_is_on_top() -> None:
    on = plot(4, 2)
    patterns, owners = compose([line([0, 1], [0, 0]), line([0, 1 / 7], [1 / 7, 1 / 7])], on)
    assert patterns.tolist() == [[0] * 4, [0b11100100, 0b11000000, 0b11000000, 0b11000000]]
    assert owners[1].tolist() == [1, 0, 0, 0]


def test_a_cell_without_dots_shows_the_line_on_top() -> None:
    patterns, owners = compose([line([0, 1], [0, 0]), line([0, 0], [0, 0])], plot(4, 2, is_fine=False))
    assert patterns.tolist() == [[0] * 4, [1] * 4]
    assert owners[1].tolist() == [1, 0, 0, 0]


def test_a_dotted_line_has_gaps() -> None:
    patterns, _ = compose([line([0, 1], [0, 0], is_dotted=True)], plot(7, 1, is_fine=False))
    assert patterns.tolist() == [[1, 0, 0, 1, 0, 0, 1]]


@pytest.mark.parametrize("is_fine", [True, False])
@pytest.mark.parametrize("value", [0.0, 1.3, 4.9, 5.0, 8.8, 10.0])
def test_curves_and_lines_of_the_same_value_have_the_same_height(value: float, is_fine: bool) -> None:
    on = plot(is_fine=is_fine)
    curve, ruled = laid(series([value, value]), on=on), Cells(on.right, on.bottom)
    draw_level(ruled, on, value, "-", ink(None))
    rows = [y for y, strip in enumerate(ruled.strips()) if strip.text.strip()]
    assert {y for _, y in curve} == {*rows} == {on.row(value)}
    if is_fine:
        across = {ord(character) - 0x2800 for character, _ in curve.values()}
        beneath = {ord(character) - 0x2800 for character in ruled.strips()[rows[0]].text.strip()}
        assert all(dot & bits == dot for dot in beneath for bits in across)
        assert max(bits.bit_count() for bits in across) == 2


def test_a_dim_curve_gives_way_in_whichever_order() -> None:
    full = Series(1, np.array([0.0, 100]), np.array([5.0, 5]), np.array([np.nan, np.nan]))
    alone = laid(full)
    for order in ([series([5.2, 5.2], 2), full], [full, series([5.2, 5.2], 2)]):
        assert laid(*order) == alone
    assert {style for _, style in laid(series([5, 5], 2)).values()} == {ink(STYLE.dim_color(2))}


def test_train_and_test_stay_apart_where_they_overlap() -> None:
    cells = laid(Series(1, np.array([0.0, 100]), np.array([5.0, 5]), np.array([5.0, 5])))
    styles = [style for _, style in cells.values()]
    assert {*styles} == {ink(STYLE.color(1, False)), ink(STYLE.color(1, True))}
    assert 0.35 < styles.count(ink(STYLE.color(1, True))) / len(styles) < 0.65


def test_a_dash_ends_between_the_dots_of_a_cell() -> None:
    slope = laid(series([1, 3], is_thin=False), style=ChartStyle(monochrome=True))
    halves = {bits & 0x47 == 0 for bits in (ord(character) - 0x2800 for character, _ in slope.values())}
    assert halves == {True, False}


def test_a_dim_curve_without_colours_is_dotted() -> None:
    mono = laid(series([5, 5]), style=ChartStyle(monochrome=True))
    plain = laid(series([5, 5]), style=ChartStyle(ascii_only=True), on=plot(is_fine=False))
    assert 24 <= len(mono) <= 30
    assert [character for character, _ in plain.values()] == ["a"] * 14


@pytest.mark.parametrize("on", [plot(), plot(is_fine=False), plot(1, 1), plot(77, 5)])
def test_places_and_columns_are_each_others_inverse(on: Plot) -> None:
    assert [on.cell(on.place(x), 0)[0] for x in range(on.left, on.right)] == list(range(on.left, on.right))


def test_marks_lie_on_their_curves() -> None:
    on, one = plot(), Series(2, np.array([0.0, 100]), np.array([2.0, 2]), np.array([7.0, 7]))
    marks = list(curve_marks(one, on))
    assert {(y, mark) for _, y, mark in marks} == {(on.row(2.0), "2"), (on.row(7.0), "b")}
    assert len({x for x, *_ in marks}) == len(marks)
