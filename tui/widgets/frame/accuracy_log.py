"""The accuracy log: one line per report point and run, scrolled by hand or following its end.

Draws its own scroll bar: a widget of Textual that scrolls sends all its lines with every new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType

from logreg_tui.core.training.events import RowLogged
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.theme import Glyphs, thumb_span
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.palette import run_color
from logreg_tui.tui.widgets.spans import Part, strip_of

WIDE = 40
"""Cells from which there is room for long epochs and a fourth decimal."""
PAGE_OVERLAP = 1
WHEEL_LINES = 3


class AccuracyLog(LineView, can_focus=True):
    """Shows a window of the reports under a fixed header; any number of them costs the same."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_lines(-1)", "Scroll up", show=False),
        Binding("down", "scroll_lines(1)", "Scroll down", show=False),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False),
        Binding("home", "scroll_to_start", "First line", show=False),
        Binding("end", "scroll_to_end", "Last line, and follow", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--header", "log--bar"}

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._glyphs = glyphs
        self._reports: Sequence[RowLogged] = ()
        self._top: int | None = None
        """First line shown; None follows the end."""

    @property
    def is_following(self) -> bool:
        """Whether the newest line is kept in view."""
        return self._top is None

    def show(self, reports: Sequence[RowLogged]) -> None:
        """Show these reports; the sequence may grow, call again then."""
        self._reports = reports
        self._paint()

    def _page(self) -> int:
        return max(1, self.content_size.height - 1)

    def _last_top(self) -> int:
        return max(0, len(self._reports) - self._page())

    def _go_to(self, top: int) -> None:
        last = self._last_top()
        self._top = None if top >= last else max(0, top)
        self._paint()

    def _paint(self) -> None:
        last = self._last_top()
        top = last if self._top is None else min(self._top, last)
        page = self._page()
        bar = self._bar(page, top)
        rows = [self._line(row) for row in self._reports[top : top + page]]
        header = self._header()
        style = self.get_component_rich_style("log--header")
        rows += [[(" " * len(header), None)]] * (page - len(rows))
        gap = " " * (self.content_size.width - len(header) - 1)
        lines = [[*row, (gap, None), mark] for row, mark in zip(rows, bar, strict=True)]
        self.show_lines([strip_of([(header, style)]), *map(strip_of, lines)])

    def _bar(self, page: int, top: int) -> list[Part]:
        style = self.get_component_rich_style("log--bar")
        if len(self._reports) <= page:
            return [("", None)] * page
        start, end = thumb_span(page, len(self._reports), page, top)
        return [(self._glyphs.thumb if start <= y < end else self._glyphs.track, style) for y in range(page)]

    def _widths(self) -> tuple[int, int]:
        """Return the width of an epoch and the decimals of an accuracy."""
        return (9, 4) if self.content_size.width >= WIDE else (7, 3)

    def _header(self) -> str:
        epoch, decimals = self._widths()
        share = decimals + 2
        return f"{'epoch':>{epoch}} run objective {'train':>{share}} {'test':>{share}}"

    def _line(self, row: RowLogged) -> list[Part]:
        epoch, decimals = self._widths()
        red, green, blue = run_color(row.run, self.app.current_theme.dark)
        color = Style(color=f"rgb({red},{green},{blue})", bold=True)
        shares = f"{row.train_accuracy:.{decimals}f} {row.test_accuracy:.{decimals}f}"
        values = f" {figures.loss(row.objective):>9} {shares}"
        return [(f"{row.epoch:>{epoch},} ", None), (f"{row.run:>3}", color), (values, None)]

    def action_scroll_lines(self, lines: int) -> None:
        """Scroll by lines."""
        top = self._last_top() if self._top is None else self._top
        self._go_to(top + lines)

    def action_scroll_pages(self, pages: int) -> None:
        """Scroll by pages."""
        self.action_scroll_lines(pages * max(1, self._page() - PAGE_OVERLAP))

    def action_scroll_to_start(self) -> None:
        """Go to the first line."""
        self._go_to(0)

    def action_scroll_to_end(self) -> None:
        """Go to the last line and stay there as lines are added."""
        self._go_to(self._last_top())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll with the wheel."""
        event.stop()
        self.action_scroll_lines(-WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll with the wheel."""
        event.stop()
        self.action_scroll_lines(WHEEL_LINES)

    def on_click(self, event: events.Click) -> None:
        """Jump to the place clicked in the scroll bar."""
        offset = event.get_content_offset_capture(self)
        if offset.x >= self.content_size.width - 1 and offset.y >= 1:
            self._go_to(round(self._last_top() * (offset.y - 1) / max(1, self._page() - 1)))
