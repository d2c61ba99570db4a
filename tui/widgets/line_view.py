"""A widget that is given its lines and paints only those that changed.

Textual does not compare frames: `refresh()` paints the whole widget again. Which cells of a line
are sent to the terminal is decided behind it, in `tui/app/driver.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from logreg_tui.tui.theme import UNICODE, Glyphs
from logreg_tui.tui.widgets.spans import Span, strip_of


class LineView(Widget):
    """Shows strips, one per line, on its own background; lines that are missing are blank."""

    # Textual would copy the name of the widget: it does not know the lines.
    ALLOW_SELECT = False

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.glyphs = glyphs
        self._lines: list[Strip] = []
        self._line_style = Style.null()
        """The widget's own style at its last paint."""

    def on_mount(self) -> None:
        """Draw again whenever the theme has changed: the lines have the colours of the one before."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.restyle())

    def restyle(self) -> None:
        """Draw what is shown in the colours of the theme."""
        self.redraw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Draw again once the styles are those of now: in `on_blur` they still are the ones before."""
        super().watch_has_focus(has_focus)
        self.redraw()

    def redraw(self) -> None:
        """Draw what is shown once more; nothing by default, for lines that the screen draws."""

    def show_lines(self, lines: Sequence[Strip]) -> None:
        """Show these lines; what equals the lines shown before is not painted again."""
        old, self._lines = self._lines, list(lines)
        width, height = self.content_size
        changed = [y for y in range(height) if _line(old, y) != _line(self._lines, y)]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def strip(self, spans: Iterable[Span]) -> Strip:
        """Return a line of these pieces as this terminal can show it."""
        return strip_of(spans, ascii_only=self.glyphs.is_ascii)

    def turn_wheel(self, direction: int) -> None:
        """Answer a notch of the mouse wheel, up (-1) or down (1); nothing by default."""

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.turn_wheel(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.turn_wheel(1)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render the lines of a paint, all in the style that the widget has now."""
        # Computed once: it walks through all ancestors, which for every line costs most of a paint.
        self._line_style = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return one line of the content, as wide as the widget, in the widget's own style."""
        line = _line(self._lines, y).apply_style(self._line_style)
        return line.adjust_cell_length(self.size.width, self._line_style)


def _line(lines: Sequence[Strip], y: int) -> Strip:
    return lines[y] if y < len(lines) else Strip.blank(0)
