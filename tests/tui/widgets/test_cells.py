"""Cells, SGR codes and texts of the chart."""

from __future__ import annotations

from rich.style import Style

from logreg_tui.tui.widgets.cells import Cells, ink, plain_text, read_sgr


def texts(cells: Cells) -> list[str]:
    return [strip.text for strip in cells.strips()]


def test_text_outside_is_dropped() -> None:
    cells = Cells(4, 2)
    cells.put(-2, 0, "abcd", ink(None))
    cells.put(3, 1, "xyz", ink(None))
    cells.put(0, 7, "no", ink(None))
    cells.put(9, 0, "no", ink(None))
    assert texts(cells) == ["cd  ", "   x"]


def test_every_strip_is_as_wide_as_the_cells() -> None:
    assert [strip.cell_length for strip in Cells(7, 2).strips()] == [7, 7]


def test_sgr_lines_are_laid_over_what_is_there() -> None:
    cells = Cells(6, 2)
    cells.put(0, 0, "......", ink(None))
    covered = cells.put_sgr(1, 0, "\x1b[38;2;1;2;3m* *\x1b[0m\n \x1b[38;2;9;9;9m#\x1b[0m", ink(None))
    assert texts(cells) == [".*.*..", "  #   "]
    assert covered == {(1, 0), (3, 0), (2, 1)}
    assert [segment.style for segment in cells.strips()[0]][1] == ink((1, 2, 3))


def test_only_rgb_foregrounds_count() -> None:
    plain = ink((7, 8, 9))
    parts = read_sgr("a\x1b[48;2;1;1;1mb\x1b[38;5;4mc\x1b[38;2;1;2;3md\x1b[0me", plain)
    assert parts == [("a", plain), ("b", plain), ("c", plain), ("d", ink((1, 2, 3))), ("e", plain)]
    assert all(isinstance(style, Style) and style.bgcolor is None for _, style in parts)


def test_control_characters_never_reach_the_screen() -> None:
    assert plain_text("a\x1b[31mb\x07\n\x9bc", ascii_only=False) == "a[31mbc"


def test_wide_and_combining_characters_become_question_marks() -> None:
    assert plain_text("漢e\u0301", ascii_only=False) == "?e?"


def test_ascii_text_keeps_its_meaning() -> None:
    assert plain_text("λ 0.001 → 0 é", ascii_only=True) == "l2 0.001 -> 0 ?"
