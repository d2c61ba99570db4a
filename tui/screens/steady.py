"""Screens that come to rest after any sequence of sizes, and close once."""

from __future__ import annotations

from textual import events
from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class SteadyScreen(Screen[ScreenResultType]):
    """A screen that is laid out for the size that the terminal has now, and for no earlier one.

    A screen of Textual tells itself each size for which it was laid out, as it tells its widgets. Two sizes
    on their way at once, with any message between them, would be laid out in turn for ever; and where a
    terminal reports no rows, the app and its driver assume different sizes from the start.
    """

    async def _on_resize(self, event: events.Resize) -> None:
        if event.size != self.app.size:
            event.prevent_default()

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close this screen and what lies over it; nothing if it has been closed.

        Textual's closes the screen on top, whichever it is: at the second of two quick keys the main one.
        """
        if self not in self.app.screen_stack:
            return AwaitComplete()
        top = self.app.screen
        if not top.is_mounted:
            # Its handlers on being mounted look for what it holds and for the screen below it.
            top.call_later(self._dismiss_later, result)
            return AwaitComplete()
        if top is not self:
            top.dismiss()
            return self.dismiss(result)
        return super().dismiss(result)

    def _dismiss_later(self, result: ScreenResultType | None) -> None:
        # Without a return value, which a screen may not wait for while it closes itself.
        self.dismiss(result)
