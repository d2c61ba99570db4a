"""The footer, whose less important keys give way in a narrow terminal."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

SECONDARY = ("step", "other_head", "detach")


class KeyFooter(Footer):
    """Textual's footer with a class on the keys that a narrow terminal leaves out."""

    def compose(self) -> ComposeResult:
        for child in super().compose():
            if isinstance(child, FooterKey):
                child.set_class(child.action in SECONDARY, "-secondary")
            yield child
