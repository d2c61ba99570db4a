"""The app as the main screen sees it, so that screens need not import the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from textual.message import Message

from logreg_tui.core.hardware import Sampler
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control
from logreg_tui.tui.graphics import Graphics
from logreg_tui.tui.preferences import Preferences
from logreg_tui.tui.theme import Glyphs


class ScreenContext(Protocol):
    """State and services of the app that the main screen uses."""

    history: History
    control: Control
    defaults: RunSettings
    """Settings of a new run while no run is selected."""
    glyphs: Glyphs
    graphics: Graphics
    is_watching: bool
    """True if another process trains: then there is nothing to ask for."""
    starts_paused: bool
    sampler: Sampler | None

    @property
    def preferences(self) -> Preferences:
        """The choices of view that were remembered."""

    def remember(self, **choices: object) -> None:
        """Keep choices of view, named as in Preferences."""

    def detach(self) -> None:
        """Leave, and let the training go on without a screen."""

    def start_training(self, post: Callable[[Message], bool]) -> None:
        """Start the training thread; `post` takes its messages."""
