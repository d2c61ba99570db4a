"""Lines as dots, and dots as characters."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_tui.tui.widgets.curves.dots import Canvas, Cell, Line, compose, line_dots

RED, BLUE = (255, 0, 0), (0, 0, 255)
FINE, COARSE = Canvas(4, 2, True), Canvas(4, 2, False)


def line(x: list[float], y: list[float], color: tuple[int, int, int] = RED, **more: bool) -> Line:
    return Line(np.array(x), np.array(y), color, "1", **more)


def dots(x: list[float], y: list[float], columns: int, rows: int) -> set[tuple[int, int]]:
    found = line_dots(np.array(x), np.array(y), columns, rows)
    return set(zip(*(part.tolist() for part in found), strict=True))


def test_a_line_has_a_dot_in_every_column_and_row_it_crosses() -> None:
    assert dots([0, 1], [0, 1], 5, 5) == {(at, at) for at in range(5)}
    assert {x for x, _ in dots([0, 1], [0, 0.4], 9, 5)} == set(range(9))
    assert {y for _, y in dots([0, 0.1], [1, 0], 9, 5)} == set(range(5))


def test_nan_interrupts_a_line() -> None:
    assert dots([0, np.nan, 1], [0, np.nan, 0], 5, 5) == {(0, 0), (4, 0)}


def test_what_leaves_the_canvas_is_not_drawn() -> None:
    assert all(0 <= x < 5 and 0 <= y < 5 for x, y in dots([-0.5, 1.5], [-1, 2], 5, 5))


@pytest.mark.parametrize("points", [[], [np.nan]])
def test_no_points_are_no_dots(points: list[float]) -> None:
    assert dots(points, points, 5, 5) == set()


def test_eight_dots_share_a_character() -> None:
    assert compose([line([0, 1], [0, 0])], FINE) == [Cell(at, 1, "⣀", RED) for at in range(4)]


def test_the_last_line_gives_a_cell_its_colour_and_both_their_dots() -> None:
    cells = compose([line([0, 1], [0, 0]), line([0, 1 / 7], [1 / 7, 1 / 7], BLUE)], FINE)
    assert cells[0] == Cell(0, 1, "⣤", BLUE)
    assert cells[1].color == RED


def test_a_dim_line_gives_way() -> None:
    cells = compose([line([0, 1], [0, 0], BLUE, is_dim=True), line([0, 1 / 7], [1 / 7, 1 / 7])], FINE)
    assert cells[0] == Cell(0, 1, "⠤", RED)
    assert cells[1] == Cell(1, 1, "⣀", BLUE)


def test_a_coarse_canvas_shows_the_lines_character() -> None:
    assert compose([line([0, 1], [1, 1])], COARSE) == [Cell(at, 0, "1", RED) for at in range(4)]


def test_a_dotted_line_has_gaps() -> None:
    cells = compose([line([0, 1], [0, 0], is_dotted=True)], COARSE)
    assert [cell.column for cell in cells] == [0, 3]


@pytest.mark.parametrize("canvas", [FINE, COARSE, Canvas(1, 1, True), Canvas(77, 5, True)])
def test_places_and_columns_are_each_others_inverse(canvas: Canvas) -> None:
    assert [canvas.column(canvas.place(at)) for at in range(canvas.columns)] == list(range(canvas.columns))
