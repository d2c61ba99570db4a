"""Cells and texts of the chart."""

from __future__ import annotations

from logreg_tui.tui.widgets.cells import Cells, ink, plain_text


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


def test_control_characters_never_reach_the_screen() -> None:
    assert plain_text("a\x1b[31mb\x07\n\x9bc", ascii_only=False) == "a[31mbc"


def test_wide_and_combining_characters_become_question_marks() -> None:
    assert plain_text("漢e\u0301", ascii_only=False) == "?e?"


def test_ascii_text_keeps_its_meaning() -> None:
    assert plain_text("λ 0.001 → 0 é", ascii_only=True) == "l2 0.001 -> 0 ?"
