"""The line of tabs over the panels, with their keys and a mark on the one that is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.message import Message

from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.spans import Span

ROOMY = 60
"""Cells from which there is room between the tabs."""


class TabLine(LineView):
    """Shows one line; a click on a tab chooses it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabs--shown", "tabs--other"}

    @dataclass
    class Chosen(Message):
        """The user clicked on a tab."""

        index: int

    def __init__(self, titles: Sequence[str], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._titles = titles
        self._shown = 0

    def show(self, index: int) -> None:
        """Show tab number `index`, from 0, as the one that is open."""
        self._shown = index
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def _texts(self) -> list[str]:
        pad = " " if self.size.width >= ROOMY else ""
        return [f"{pad}{index} {title}{pad}" for index, title in enumerate(self._titles, 1)]

    def redraw(self) -> None:
        """Draw the tabs."""
        spans: list[Span] = []
        for index, text in enumerate(self._texts()):
            name = "shown" if index == self._shown else "other"
            spans += [(text, self.get_component_rich_style(f"tabs--{name}")), (" ", None)]
        self.show_lines([self.strip(spans)])

    def on_click(self, event: events.Click) -> None:
        left = 0
        for index, text in enumerate(self._texts()):
            if left <= event.x < left + len(text):
                self.post_message(self.Chosen(index))
            left += len(text) + 1
