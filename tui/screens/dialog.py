"""The base of the dialogs."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget
from textual.widgets import Button

from logreg_tui.tui.screens.steady import SteadyScreen
from logreg_tui.tui.theme import Glyphs, adapt_scroll_bar


class Dialog(ModalScreen[ScreenResultType], SteadyScreen[ScreenResultType]):
    """A modal screen that escape and a button `cancel` close; ctrl+c quits from here as from everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        # A modal screen hides the app's bindings, all but those with priority.
        Binding("ctrl+c", "app.help_quit", show=False),
    ]

    def __init__(self, *, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs

    def on_mount(self) -> None:
        for box in self.query(".dialog").results(Widget):
            adapt_scroll_bar(box, self.glyphs)

    def action_cancel(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#cancel")
    def cancel(self) -> None:
        self.action_cancel()
