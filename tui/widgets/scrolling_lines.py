"""More lines than fit, scrolled by keys, wheel and a click in the bar, under a header that stays.

Textual's ScrollView would repaint all of its lines with every one that is added, and its scroll bar is
a colour, which NO_COLOR and `--ascii` do without; this one is a column of characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip

from logreg_tui.tui.theme import thumb_span
from logreg_tui.tui.widgets.line_view import LineView

PAGE_OVERLAP = 1
WHEEL_LINES = 3


class ScrollingLines(LineView, can_focus=True):
    """A window on a subclass's lines; it asks for those in view, so that any number costs the same."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_lines(-1)", "Scroll up", show=False),
        Binding("down,j", "scroll_lines(1)", "Scroll down", show=False),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False),
        Binding("home", "scroll_to_start", "First line", show=False),
        Binding("end", "scroll_to_end", "Last line", show=False),
    ]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("up down", "Scroll by a line"),
        ("pageup", "Scroll back by a page"),
        ("pagedown", "Scroll on by a page"),
        ("home end", "To the first line, to the last"),
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {"scrolling--bar"}
    DEFAULT_CSS = "ScrollingLines > .scrolling--bar { color: $text-muted; }"
    FOLLOWS_END: ClassVar[bool] = False
    """True if the window starts at the end, and moves on with it as long as it is there."""

    _top: int | None = 0
    """First line in view; None follows the end."""

    @property
    def is_following(self) -> bool:
        """True if the newest line is kept in view."""
        return self._top is None

    def header(self) -> Sequence[Strip]:
        """Return the lines above those that scroll, none by default."""
        return ()

    def line_count(self) -> int:
        """Return the number of lines that scroll."""
        raise NotImplementedError

    def line(self, index: int) -> Strip:
        """Return one of the lines that scroll, `index` counted from 0."""
        raise NotImplementedError

    @property
    def top(self) -> int:
        """The first of the lines in view."""
        last = self._last_top()
        return last if self._top is None else min(self._top, last)

    @property
    def overflows(self) -> bool:
        """True if there are more lines than fit: a scroll bar takes the last column."""
        return self.line_count() > self._page()

    def redraw(self) -> None:
        """Show the lines in view as they are now."""
        page, count, top = self._page(), self.line_count(), self.top
        lines = [self.line(index) for index in range(top, min(top + page, count))]
        if self.overflows:
            start, end = thumb_span(page, count, page, top)
            style = self.get_component_rich_style("scrolling--bar")
            glyphs, room = self.glyphs, self.content_size.width - 1
            thumb, track = (Strip([Segment(text, style)]) for text in (glyphs.thumb, glyphs.track))
            lines = [
                Strip.join([line.adjust_cell_length(room), thumb if start <= y < end else track])
                for y, line in enumerate(lines)
            ]
        self.show_lines([*self.header(), *lines])

    def scroll_to_line(self, top: int) -> None:
        """Put a line at the top of the window, or show the last page."""
        last = self._last_top()
        self._top = None if self.FOLLOWS_END and top >= last else max(0, min(top, last))
        self.redraw()

    def _page(self) -> int:
        """Return the number of lines in view."""
        return max(1, self.content_size.height - len(self.header()))

    def _last_top(self) -> int:
        return max(0, self.line_count() - self._page())

    def action_scroll_lines(self, lines: int) -> None:
        self.scroll_to_line(self.top + lines)

    def action_scroll_pages(self, pages: int) -> None:
        """Scroll by pages, of which a line stays in view."""
        self.action_scroll_lines(pages * max(1, self._page() - PAGE_OVERLAP))

    def action_scroll_to_start(self) -> None:
        self.scroll_to_line(0)

    def action_scroll_to_end(self) -> None:
        self.scroll_to_line(self._last_top())

    def turn_wheel(self, direction: int) -> None:
        self.action_scroll_lines(WHEEL_LINES * direction)

    def on_click(self, event: events.Click) -> None:
        """Jump to the place clicked in the scroll bar."""
        offset, header = event.get_content_offset_capture(self), len(self.header())
        if offset.x >= self.content_size.width - 1 and offset.y >= header:
            self.scroll_to_line(round(self._last_top() * (offset.y - header) / max(1, self._page() - 1)))


def first_in_view(first: int, cursor: int, page: int, count: int) -> int:
    """Return the first of `page` lines in view, moved as little from `first` as brings the cursor into view.

    There are `count` lines; if fewer than a page they all are in view.
    """
    return max(0, min(max(first, cursor - page + 1), cursor, count - page))
