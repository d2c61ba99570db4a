"""What the panels share: how they may look, and what they say while there is nothing to show."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from textual.strip import Strip
from textual.widget import Widget

from logreg_tui.tui.widgets.chart_style import Look
from logreg_tui.tui.widgets.palette import BLACK, WHITE
from logreg_tui.tui.widgets.spans import strip_of

if TYPE_CHECKING:
    from logreg_tui.core.training.history import History


def look_of(widget: Widget, ascii_only: bool) -> Look:
    """Return what the terminal and the theme allow a widget."""
    dark = widget.app.current_theme.dark
    color = widget.background_colors[1]
    # A theme that leaves the background to the terminal says nothing about its colour.
    background = color.rgb if color.ansi is None and color.a == 1 else (BLACK if dark else WHITE)
    return Look(dark, widget.app.no_color, ascii_only, background)


def waiting_for(history: History, selected: int | None, watching: bool) -> str:
    """Return what the parameters of the selected run wait for."""
    if history.experiment is None or selected is None:
        return "Waiting for the training to begin."
    if watching:
        return f"Reading run {selected} from the newest checkpoint: the first time takes some seconds."
    return f"Waiting for the parameters of run {selected}."


def text_lines(text: str, width: int, look: Look) -> list[Strip]:
    """Return a text as lines of so many cells."""
    return [strip_of([(line, look.muted)]) for line in textwrap.wrap(text, max(1, width))]
