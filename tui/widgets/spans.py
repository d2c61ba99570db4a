"""Lines put together from styled pieces of text, and blocks of lines side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.text import escape_control_chars
from logreg_tui.tui.theme import plain
from logreg_tui.tui.widgets.palette import Rgb

Span = tuple[str, Style | None]


def strip_of(parts: Iterable[Span], *, ascii_only: bool = False) -> Strip:
    """Return a line of these pieces; `ascii_only` replaces what a plain terminal cannot show by `?`."""
    shown = ((escape_control_chars(text), style) for text, style in parts)
    return Strip([Segment(plain(text) if ascii_only else text, style) for text, style in shown if text])


def width_of(parts: Iterable[Span]) -> int:
    """Return the number of cells of these pieces."""
    return strip_of(parts).cell_length


def beside(blocks: Sequence[Sequence[Strip]], gap: int) -> list[Strip]:
    """Return blocks of lines, each of one width, next to each other; short ones end in blank lines."""
    blank, height = Strip.blank(gap), max(map(len, blocks))
    filled = [[*block, *[Strip.blank(block[0].cell_length)] * (height - len(block))] for block in blocks]
    rows = zip(*filled, strict=True)
    return [Strip.join([piece for strip in row for piece in (blank, strip)][1:]) for row in rows]


@lru_cache(maxsize=4096)
def paint(foreground: Rgb | None, background: Rgb | None, bold: bool = False) -> Style:
    """Return the style of text in these colours; None is the widget's own."""
    colors = (None if color is None else Color.from_rgb(*color) for color in (foreground, background))
    style = Style.from_color(*colors)
    return style + Style(bold=True) if bold else style
