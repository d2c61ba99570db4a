"""ScrollingLines: keys, bar and header; and the window that follows a cursor."""

from __future__ import annotations

import pytest
from helpers.app import strips_of
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.strip import Strip

from logreg_tui.tui.theme import ASCII
from logreg_tui.tui.widgets.scrolling_lines import ScrollingLines, first_in_view


class Numbers(ScrollingLines):
    DEFAULT_CSS = "Numbers { width: 10; height: 5; }"
    count = 20

    def header(self) -> list[Strip]:
        return [Strip([Segment("number")])]

    def line_count(self) -> int:
        return self.count

    def line(self, index: int) -> Strip:
        return Strip([Segment(str(index))])


class NumbersApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Numbers(glyphs=ASCII)

    def shown(self) -> list[str]:
        return [strip.text[:10].rstrip() for strip in strips_of(self)[:5]]


async def test_keys_and_clicks_scroll_what_is_under_the_header() -> None:
    app = NumbersApp()
    async with app.run_test(size=(20, 8)) as pilot:
        numbers = app.query_one(Numbers)
        numbers.redraw()
        for key, first in (("down", 1), ("j", 2), ("k", 1), ("pagedown", 4), ("end", 16), ("home", 0)):
            numbers.focus()
            await pilot.press(key)
            shown = app.shown()
            assert shown[0] == "number"
            assert [int(line.split()[0]) for line in shown[1:]] == list(range(first, first + 4))
        assert [line[-1] for line in shown[1:]] == ["#", "|", "|", "|"]
        await pilot.click(Numbers, offset=(9, 4))
        assert app.shown()[-1] == "19       #"
        numbers.count = 3
        numbers.redraw()
        await pilot.pause()
        assert app.shown() == ["number", "0", "1", "2", ""]


@pytest.mark.parametrize(
    ("first", "cursor", "page", "count", "expected"),
    [
        (0, 3, 5, 10, 0),
        (0, 7, 5, 10, 3),
        (6, 2, 5, 10, 2),
        (4, 6, 5, 10, 4),
        (8, 9, 10, 10, 0),
        (9, 9, 5, 10, 5),
        (3, 1, 5, 2, 0),
    ],
)
def test_a_window_moves_as_little_as_keeps_the_cursor_in_view(
    first: int, cursor: int, page: int, count: int, expected: int
) -> None:
    assert first_in_view(first, cursor, page, count) == expected
