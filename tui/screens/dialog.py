"""What the dialogs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget

if TYPE_CHECKING:
    from logreg_tui.tui.app.app import LogRegApp


class Dialog(ModalScreen[ScreenResultType]):
    """A modal screen that escape closes; ctrl+c quits from here as from everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        # A modal screen hides the app's bindings, all but those with priority.
        Binding("ctrl+c", "app.help_quit", show=False),
    ]

    app: LogRegApp

    def on_mount(self) -> None:
        """Make scroll bars visible in every terminal."""
        for box in self.query(".dialog").results(Widget):
            self.app.adapt_scroll_bar(box)

    def action_cancel(self) -> None:
        """Close without a result."""
        self.dismiss(None)
