"""The footer, whose less important keys give way in a narrow terminal."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

SECONDARY = ("step", "other_head")
TERTIARY = ("zoom_panel", "detach")
ROOMY = 120
"""Columns from which there is room for wide gaps between the keys."""
PAUSED_NAMES = {"toggle_pause": "Go on"}
"""Names of keys that do something else while training is paused."""


class KeyFooter(Footer):
    """Textual's footer with a class on the keys that a narrow terminal leaves out."""

    is_paused = False
    """True if the training waits to go on; takes effect when the bindings are refreshed."""

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < ROOMY, "-tight")

    def compose(self) -> ComposeResult:
        for child in super().compose():
            if isinstance(child, FooterKey):
                child.set_class(child.action in SECONDARY, "-secondary")
                child.set_class(child.action in TERTIARY, "-tertiary")
                if self.is_paused:
                    child.description = PAUSED_NAMES.get(child.action, child.description)
            yield child
