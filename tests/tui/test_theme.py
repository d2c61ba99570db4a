"""Looks beyond the style sheet: the thumb of a scroll bar."""

from __future__ import annotations

import pytest

from logreg_tui.tui.theme import thumb_span


@pytest.mark.parametrize(
    ("size", "total", "window", "position", "span"),
    [(10, 5, 10, 0, (0, 0)), (10, 100, 10, 0, (0, 1)), (10, 100, 10, 90, (9, 10)), (10, 20, 10, 5, (2, 7))],
)
def test_a_thumb_is_where_the_window_is(
    size: int, total: int, window: int, position: int, span: tuple[int, int]
) -> None:
    assert thumb_span(size, total, window, position) == span
