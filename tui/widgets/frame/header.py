"""The first line: dataset, device, directory and state."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style

from logreg_tui.core.settings import PROGRAM
from logreg_tui.core.training.events import ExperimentStarted
from logreg_tui.tui.number_format import shorten, shown_path
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.spans import Span, width_of

DATASET_WIDTH = 24
DEVICE_WIDTH = 24
LEAST_PATH_WIDTH = 10
_GAP: Span = ("  ", None)

STATE_WORDS = {"idle": "finished", "finished": "ended", "stopped": "ended"}
_STATE_GLYPHS = {
    "training": "training",
    "stepping": "training",
    "resuming": "training",
    "paused": "paused",
    "pausing": "paused",
    "finished": "finished",
    "ended": "ended",
    "failed": "diverged",
    "blocked": "diverged",
}


def state_word(state: str) -> str:
    """Return the state in the words of the screen."""
    return STATE_WORDS.get(state, state)


class HeaderLine(LineView):
    """One line; pieces that do not fit are shortened, then left out, the state never."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"header--{name}" for name in ("program", "dim", "state", "alert", "failed")
    }

    def show(self, experiment: ExperimentStarted | None, state: str, frozen: bool) -> None:
        """Show the experiment, or the program's name alone, and the state."""
        right = self._state_spans(state, frozen)
        room = self.content_size.width - width_of(right) - 2
        left = self._left_spans(experiment, room)
        gap = max(2, room + 2 - width_of(left))
        self.show_lines([self.strip([*left, (" " * gap, None), *right])])

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"header--{name}")

    def _state_spans(self, state: str, frozen: bool) -> list[Span]:
        word = state_word(state)
        kind = "failed" if word == "failed" else "alert" if word in ("paused", "pausing") else "state"
        glyph = _STATE_GLYPHS.get(word)
        symbol = f"{self.glyphs.symbol(glyph)} " if glyph else ""
        ice: list[Span] = [(" frozen ", self._style("failed")), (" ", None)] if frozen else []
        return [*ice, (f"{symbol}{word}", self._style(kind))]

    def _left_spans(self, experiment: ExperimentStarted | None, room: int) -> list[Span]:
        name: Span = (PROGRAM, self._style("program"))
        if experiment is None:
            return [name]
        dots = self.glyphs.dots
        size = f" {experiment.train_samples:,} x {experiment.features:,}"
        data: Span = (shorten(experiment.dataset, DATASET_WIDTH, dots) + size, None)
        device: Span = (shorten(experiment.device, DEVICE_WIDTH, dots), self._style("dim"))
        fixed = [name, _GAP, data, _GAP, device]
        left = room - width_of(fixed) - 2
        if left >= LEAST_PATH_WIDTH:
            return [*fixed, _GAP, (shorten(shown_path(experiment.directory), left, dots), self._style("dim"))]
        if left >= -2:
            return fixed
        short = shorten(experiment.device, room - width_of([data]) - 3, dots)
        return [data, _GAP, (short, self._style("dim"))]
