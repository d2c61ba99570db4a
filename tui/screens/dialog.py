"""The base of the dialogs."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget
from textual.widgets import Button, Static

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


class ConfirmScreen(Dialog[bool | None]):
    """A question that enter or y answers with yes, escape or n with no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "confirm", "Yes", show=False),
        Binding("n", "cancel", "No", show=False),
    ]

    def __init__(self, title: str, text: str, verb: str, *, glyphs: Glyphs) -> None:
        super().__init__(glyphs=glyphs)
        self._title, self._text, self._verb = title, text, verb

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = f"enter: {self._verb}, escape: cancel"
            yield Static(self._text, markup=False)
            with Horizontal(classes="buttons"):
                yield Button(self._verb.capitalize(), variant="primary", compact=True, id="submit")
                yield Button("Cancel", compact=True, id="cancel")

    @on(Button.Pressed, "#submit")
    def action_confirm(self) -> None:
        self.dismiss(True)
