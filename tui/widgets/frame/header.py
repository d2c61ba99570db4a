"""The first line: dataset, device, progress and state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style

from logreg_tui.core.settings import PROGRAM
from logreg_tui.core.training.events import ExperimentStarted
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.number_format import shorten
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.spans import Span, width_of

DATASET_WIDTH = 24
DEVICE_WIDTH = 24
BAR_WIDTH = 12
"""Cells of the progress bar that the pieces beside it give way to."""
LEAST_BAR_WIDTH, MOST_BAR_WIDTH = 4, 48
LEFT_WIDTH = 9
"""Cells of the time that is left."""
MOST_FIRST = 2
"""Pieces before the bar that stay longest: the epoch and how many there are."""
ROOMY = 100
"""Cells from which units are written out."""
_GAP: Span = ("  ", None)

STATE_WORDS = {"idle": "finished"}
_STATE_GLYPHS = {
    "training": "training",
    "stepping": "training",
    "resuming": "training",
    "paused": "paused",
    "pausing": "paused",
    "finished": "finished",
    "stopped": "ended",
    "failed": "diverged",
    "blocked": "diverged",
}


def state_word(state: str) -> str:
    """Return the state in the words of the screen."""
    return STATE_WORDS.get(state, state)


@dataclass(frozen=True, slots=True)
class Progress:
    """Epoch and speed of the selected run, or the step of the preparation while there is no run."""

    note: str = ""
    epoch: int | None = None
    epochs: int = 0
    rate: float | None = None
    """Epochs per second."""
    left_s: float | None = None


class HeaderLine(LineView):
    """One line; pieces that do not fit are shortened, then left out, the state never."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"header--{name}" for name in ("program", "dim", "state", "alert", "failed", "full", "empty", "value")
    }
    _experiment: ExperimentStarted | None = None
    _state = "preparing"
    _is_frozen = False
    _progress = Progress()

    def show(self, experiment: ExperimentStarted | None, state: str, frozen: bool) -> None:
        """Show the experiment, or the program's name alone, and the state."""
        self._experiment, self._state, self._is_frozen = experiment, state, frozen
        self._draw()

    def show_progress(self, progress: Progress) -> None:
        """Show the progress between experiment and state."""
        if progress != self._progress:
            self._progress = progress
            self._draw()

    def _draw(self) -> None:
        right = self._state_spans()
        room = self.content_size.width - width_of(right) - 2
        for left in self._left_variants():
            first, last = self._progress_spans()
            bar = room - sum(map(width_of, (left, first, last)))
            if bar >= BAR_WIDTH:
                break
        while bar < 0 and (first or last):
            # In a narrow terminal first what the bar says too goes, then time and speed from the end.
            (first if len(first) > MOST_FIRST else last or first).pop(0 if len(first) > MOST_FIRST else -1)
            bar = room - sum(map(width_of, (left, first, last)))
        middle = [*first, *self._bar(min(bar, MOST_BAR_WIDTH)), *last]
        gap = max(0, room - width_of([*left, *middle]))
        # The progress stands at the right: figures beside it do not move it.
        self.show_lines([self.strip([*left, (" " * gap, None), *middle, _GAP, *right])])

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"header--{name}")

    def _state_spans(self) -> list[Span]:
        word = state_word(self._state)
        kind = "failed" if word == "failed" else "alert" if word in ("paused", "pausing") else "state"
        glyph = _STATE_GLYPHS.get(word)
        symbol = f"{self.glyphs.symbol(glyph)} " if glyph else ""
        ice: list[Span] = [(" frozen ", self._style("failed")), (" ", None)] if self._is_frozen else []
        return [*ice, (f"{symbol}{word}", self._style(kind))]

    def _left_variants(self) -> Iterator[list[Span]]:
        """Yield the pieces before the progress, the most telling first."""
        name: Span = (PROGRAM, self._style("program"))
        if (experiment := self._experiment) is not None:
            dots, dim = self.glyphs.dots, self._style("dim")
            data: Span = (shorten(experiment.dataset, DATASET_WIDTH, dots), self._style("value"))
            size: Span = (f" {experiment.train_samples:,} x {experiment.features:,}", dim)
            device: Span = (shorten(experiment.device, DEVICE_WIDTH, dots), dim)
            yield [name, _GAP, data, size, _GAP, device]
            yield [name, _GAP, data, _GAP, device]
            yield [name, _GAP, data, size]
            yield [name, _GAP, data]
            yield [data]
        yield [name] if self._experiment is None else []

    def _progress_spans(self) -> tuple[list[Span], list[Span]]:
        """Return the progress before and behind its bar."""
        progress, dim, value = self._progress, self._style("dim"), self._style("value")
        if progress.epoch is None:
            return [_GAP, (progress.note, dim)], []
        total, is_roomy = f"{progress.epochs:,}", self.content_size.width >= ROOMY
        share = progress.epoch / progress.epochs if progress.epochs else 0.0
        first: list[Span] = [
            _GAP,
            ("epoch ", dim),
            (f"{progress.epoch:,}".rjust(len(total)), value),
            (f" of {total} ", dim),
        ]
        last: list[Span] = [(f" {min(1.0, share):>4.0%}", value)]
        if progress.rate is not None:
            unit = " epochs/s" if is_roomy else "/s"
            last += [(f" {figures.rate(progress.rate)}", value), (unit, dim)]
        if progress.left_s is not None:
            left = figures.duration(progress.left_s).strip().rjust(LEFT_WIDTH)
            last += [(f" {left}", value), (" left" if is_roomy else "", dim)]
        return first, last

    def _bar(self, width: int) -> list[Span]:
        progress = self._progress
        if progress.epoch is None or width < LEAST_BAR_WIDTH:
            return []
        done = round(width * min(1.0, progress.epoch / progress.epochs)) if progress.epochs else 0
        return [
            (self.glyphs.bar_full * done, self._style("full")),
            (self.glyphs.bar_empty * (width - done), self._style("empty")),
        ]
