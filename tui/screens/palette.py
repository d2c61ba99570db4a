"""The command palette of Textual, in the characters that the terminal has."""

from __future__ import annotations

from textual.command import CommandList, CommandPalette, ProviderSource, SearchIcon
from textual.errors import NoWidget
from textual.events import Click

from logreg_tui.tui.screens.steady import SteadyScreen
from logreg_tui.tui.theme import Glyphs, adapt_scroll_bar


class Palette(CommandPalette, SteadyScreen[None]):
    """A list of commands, found by typing; without providers those of the app and its screen."""

    def __init__(self, what: str, providers: ProviderSource | None = None, *, glyphs: Glyphs) -> None:
        """`what` is looked for in it, a plural."""
        super().__init__(providers, placeholder=f"Search for {what}{glyphs.dots}")
        self._glyphs = glyphs

    def on_mount(self) -> None:
        """Do without the emoji, which is not everywhere two columns wide."""
        self.query_one(SearchIcon).icon = ">"
        adapt_scroll_bar(self.query_one(CommandList), self._glyphs)

    def _action_command_list(self, action: str) -> None:
        # In a list that has no size yet, or none in so small a terminal, a page up or down raises KeyError.
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)

    def on_click(self, event: Click) -> None:
        try:
            self.get_widget_at(event.screen_x, event.screen_y)
        except NoWidget:
            # In a terminal that has become smaller since; Textual's own handler lets the error through.
            event.prevent_default()
