"""The line above the footer: a plateau, a hint, or nothing, and where the rows are."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.message import Message

from logreg_tui.tui import number_format as figures
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.spans import Span, width_of

LEAST_PATH_WIDTH = 32
"""Cells from which a path that is shortened still says something."""


class StatusLine(LineView):
    """One line: a run on a plateau or what to try next, and at the right the rows on disk."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"status--{name}" for name in ("hint", "stalls", "converged", "label", "value")
    }
    DEFAULT_CSS = "StatusLine > .status--hint { text-style: italic; }"
    _hint = ("", "hint")

    class Dismissed(Message):
        """The user clicked the text away."""

    _rows: tuple[int, str] | None = None

    def show_hint(self, text: str, kind: str = "hint") -> None:
        """Show a hint, or a plateau of kind `stalls` or `converged`; an empty text is none."""
        if (text, kind) != self._hint:
            self._hint = text, kind
            self.redraw()

    def show_rows(self, rows: int, path: str) -> None:
        """Show how many rows are in which file."""
        self._rows = (rows, path)
        self.redraw()

    def redraw(self) -> None:
        """Show the line at the width of now."""
        width = self.content_size.width
        text, kind = self._hint
        left: list[Span] = [(figures.shorten(text, width, self.glyphs.dots), self._style(kind))]
        right = self._row_spans(width - width_of(left) - 2)
        gap = max(0, width - width_of([*left, *right]))
        self.show_lines([self.strip([*left, (" " * gap, None), *right])])

    def _row_spans(self, room: int) -> list[Span]:
        if self._rows is None:
            return []
        rows, path = self._rows
        count: Span = (f"{rows:,} rows", self._style("value"))
        left = room - width_of([count]) - 4
        if left >= min(len(path), LEAST_PATH_WIDTH):
            return [count, (f" in {figures.shorten(path, left, self.glyphs.dots)}", self._style("label"))]
        return [count] if left >= -4 else []

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"status--{name}")

    def on_resize(self) -> None:
        self.redraw()

    def on_click(self) -> None:
        self.post_message(self.Dismissed())
