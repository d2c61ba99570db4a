"""Looks of the app beyond its style sheet: glyphs, and rendering without colour."""

from __future__ import annotations

from dataclasses import dataclass

from rich.color import Color as RichColor
from rich.segment import Segment, Segments
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.scrollbar import ScrollBarRender
from textual.widget import Widget

from logreg_tui.core.goals import NO_LONGER_BETTER, REACHED


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that a plain terminal may lack; each is one cell wide, `lambda_` and `dots` apart."""

    lambda_: str
    swatch: str
    swatch_hidden: str
    training: str
    paused: str
    finished: str
    ended: str
    diverged: str
    exploded: str
    radio_on: str
    check_on: str
    bar_full: str
    bar_empty: str
    thumb: str
    track: str
    dots: str

    @property
    def is_ascii(self) -> bool:
        """True if the terminal shows ASCII alone."""
        return self is ASCII

    @property
    def ranks(self) -> str:
        """The marks of a test accuracy: none, the best of its group, the best of all."""
        return " .*" if self.is_ascii else " ☆★"

    @property
    def l2(self) -> str:
        """The short name of lambda, beside the figures of a run."""
        return "l2" if self.is_ascii else self.lambda_

    def shown(self, text: str) -> str:
        """Return a text from outside as this terminal can show it."""
        return plain(text) if self.is_ascii else text

    def symbol(self, status: str) -> str:
        """Return the symbol of a run's state."""
        return str(getattr(self, _ALIKE.get(status, status)))


_ALIKE = {"stopped": "paused", "interrupted": "paused", REACHED: "finished", NO_LONGER_BETTER: "ended"}
"""States that have the symbol of another."""
UNICODE = Glyphs("λ", "▌", "╎", "▸", "‖", "✓", "■", "✗", "▲", "•", "x", "█", "░", "┃", "│", "…")
ASCII = Glyphs("lambda", "|", ".", ">", "=", "+", "#", "!", "~", "*", "x", "#", "-", "#", "|", "..")


def plain(text: str) -> str:
    """Return the text with `?` in place of every character beyond ASCII."""
    return text.encode("ascii", "replace").decode("ascii")


class WithoutColor(LineFilter):
    """Drops every colour and keeps bold, dim, underline and reverse, as NO_COLOR asks for.

    Textual's own filter turns colours into shades of grey, which are colours too.
    https://no-color.org
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in the terminal's own two colours."""
        return [
            Segment(text, style and style.without_color + Style.from_meta(style.meta), control)
            for text, style, control in segments
        ]


class PlainScrollBar(ScrollBarRender):
    """A scroll bar whose thumb is a character rather than a colour."""

    THUMB = "#"
    TRACK = "|"

    @classmethod
    def render_bar(
        cls,
        size: int = 25,
        virtual_size: float = 50,
        window_size: float = 20,
        position: float = 0,
        thickness: int = 1,
        vertical: bool = True,
        back_color: RichColor | None = None,
        bar_color: RichColor | None = None,
    ) -> Segments:
        """Return a vertical bar, one segment per line; see ScrollBarRender."""
        start, end = thumb_span(size, virtual_size, window_size, position)
        track, thumb = (Style(meta={"@mouse.down": name}) for name in ("scroll_up", "grab"))
        after = Style(meta={"@mouse.down": "scroll_down"})
        styles = [thumb if start <= y < end else track if y < start else after for y in range(size)]
        glyphs = [cls.THUMB if start <= y < end else cls.TRACK for y in range(size)]
        return Segments(
            [Segment(glyph * thickness, style) for glyph, style in zip(glyphs, styles, strict=True)],
            new_lines=vertical,
        )


class LineScrollBar(PlainScrollBar):
    """The same with line characters."""

    THUMB = UNICODE.thumb
    TRACK = UNICODE.track


def thumb_span(size: int, total: float, window: float, position: float) -> tuple[int, int]:
    """Return the first and one past the last cell of a scroll bar's thumb; (0, 0) if all is in view."""
    if total <= window or not size:
        return 0, 0
    length = max(1, round(size * window / total))
    start = round((size - length) * position / (total - window))
    return start, start + length


def adapt_scroll_bar(widget: Widget, glyphs: Glyphs) -> None:
    """Draw a widget's scroll bar with characters if colour or blocks are not to be used."""
    if glyphs.is_ascii or widget.app.no_color:
        renderer = PlainScrollBar if glyphs.is_ascii else LineScrollBar
        # An attribute of the instance, as Textual's documentation of `renderer` proposes.
        widget.vertical_scrollbar.renderer = renderer  # type: ignore[misc]
