"""Lines put together from styled pieces of text, for the widgets that send only what changed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.text import escape_control_chars
from logreg_tui.tui.theme import plain

Part = tuple[str, Style | None]


def strip_of(parts: Iterable[Part], *, ascii_only: bool = False) -> Strip:
    """Return a line of these pieces; `ascii_only` replaces what a plain terminal cannot show by `?`."""
    shown = ((escape_control_chars(text), style) for text, style in parts)
    return Strip([Segment(plain(text) if ascii_only else text, style) for text, style in shown if text])


def width_of(parts: Iterable[Part]) -> int:
    """Return the number of cells of these pieces."""
    return strip_of(parts).cell_length
