"""A tab of the main screen: what the painter asks of it, and help with work that takes long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message
from textual.widget import Widget

if TYPE_CHECKING:
    from logreg_tui.core.training.history import History


class Panel(Widget):
    """One view of the experiment in place of the loss chart; only the one that is shown is drawn."""

    TITLE: ClassVar[str]
    NEEDS_PARAMETERS: ClassVar[bool] = False
    """Whether the painter is to keep `history.parameters` of the selected run fresh."""
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Its own keys and what they do, for the help."""
    last_draw_s = 0.0
    """Seconds that the last drawing took on the UI thread: the painter rests in proportion."""

    @dataclass
    class Analysed(Message):
        """Work that was given to `analyse` is done."""

        result: object
        for_parameters: object
        """What it was done for: the ParametersSnapshot, so that late results can be told."""

    def draw(self, history: History, selected: int | None) -> None:
        """Show the history as it is now, run number `selected` being the one that is looked at."""
        raise NotImplementedError

    def signature(self, history: History, selected: int | None) -> object:
        """Return what `draw` depends on: while it compares equal, nothing is drawn again."""
        raise NotImplementedError

    def analyse(self, work: Callable[[], object], for_parameters: object) -> None:
        """Do something that takes long on another thread; `Analysed` brings its result.

        Of what is asked for while one is at work only the newest is done.
        """

        def run() -> None:
            self.post_message(self.Analysed(work(), for_parameters))

        self.run_worker(run, thread=True, exclusive=True, group="analysis", exit_on_error=False)
