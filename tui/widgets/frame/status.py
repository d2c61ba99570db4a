"""The two lines above the footer: how far training is, and the selected run's newest figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style

from logreg_tui.core.training.events import RowLogged
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.widgets.frame.header import state_word
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.spans import Span, width_of

STATE_WIDTH = 9
LEAST_BAR_WIDTH = 6
WIDE_GAP = 25
"""Cells after the state if there is room: the epoch stands below the chart."""
WIDE = 110
MEDIUM = 72
WIDE_LABELS = "  loss train ", "  test ", "  accuracy train ", "  test "
MEDIUM_LABELS = " loss train", " test", "  acc train ", " test "
NARROW_LABELS = " loss", " /", "  acc ", " / "
LEAST_PATH_WIDTH = 14


@dataclass(frozen=True, slots=True)
class Progress:
    """State, epoch and speed of the selected run."""

    state: str
    note: str = ""
    """The step of the preparation, in place of the rest while there is no run."""
    epoch: int | None = None
    epochs: int = 0
    rate: float | None = None
    """Epochs per second."""
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class NewestRow:
    """The newest row of the selected run, the number of rows and the path of their file."""

    run: int
    row: RowLogged | None
    rows: int
    path: str


class StatusLines(LineView):
    """Progress and newest row in fields of fixed width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"status--{name}" for name in ("state", "label", "full", "empty", "value")
    }

    def show(self, progress: Progress, values: NewestRow | None) -> None:
        """Show both lines; without figures the second is blank."""
        lines = [self._progress_spans(progress), [] if values is None else self._figure_spans(values)]
        self.show_lines([self.strip(spans) for spans in lines])

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"status--{name}")

    def _progress_spans(self, progress: Progress) -> list[Span]:
        state: Span = (state_word(progress.state).ljust(STATE_WIDTH), self._style("state"))
        if progress.epoch is None:
            return [state, ("  ", None), (progress.note, None)]
        total = f"{progress.epochs:,}"
        label, value = self._style("label"), self._style("value")
        epoch: list[Span] = [(f"{progress.epoch:,}".rjust(len(total)), value), (f" of {total}", label)]
        speed = self._speed_spans(progress)
        gap = WIDE_GAP if self.content_size.width >= WIDE else 2
        head = [state, (" " * gap, None), ("epoch ", label), *epoch]
        room = self.content_size.width - width_of(head) - width_of(speed) - 3
        bar = self._bar(progress, room) if room >= LEAST_BAR_WIDTH else []
        return [*head, ("  ", None), *bar, (" ", None), *speed]

    def _speed_spans(self, progress: Progress) -> list[Span]:
        label, value = self._style("label"), self._style("value")
        unit = "/s" if self.content_size.width < MEDIUM else " epochs/s"
        parts: list[Span] = [(figures.rate(progress.rate), value), (unit, label)]
        parts += [(f" {figures.duration(progress.left_s)}", value), (" left", label)]
        # A field without a figure is blank, and as wide as with one.
        known = (progress.rate, progress.rate, progress.left_s, progress.left_s)
        return [
            (text if figure is not None else " " * len(text), style)
            for (text, style), figure in zip(parts, known, strict=True)
        ]

    def _bar(self, progress: Progress, width: int) -> list[Span]:
        done = round(width * min(1.0, (progress.epoch or 0) / progress.epochs)) if progress.epochs else 0
        return [
            (self.glyphs.bar_full * done, self._style("full")),
            (self.glyphs.bar_empty * (width - done), self._style("empty")),
        ]

    def _figure_spans(self, values: NewestRow) -> list[Span]:
        row, width = values.row, self.content_size.width
        shown = (
            figures.loss(row.train_loss if row else None),
            figures.loss(row.test_loss if row else None),
            figures.accuracy(row.train_accuracy if row else None),
            figures.accuracy(row.test_accuracy if row else None),
        )
        labels = WIDE_LABELS if width >= WIDE else MEDIUM_LABELS if width >= MEDIUM else NARROW_LABELS
        parts: list[Span] = [(f"run {values.run}", self._style("state"))]
        for label, figure in zip(labels, shown, strict=True):
            parts += [(label, self._style("label")), (figure, self._style("value"))]
        count: Span = (f"{values.rows:,} rows", self._style("value"))
        room = width - width_of([*parts, count]) - 2
        if room - 4 < LEAST_PATH_WIDTH:
            return [*parts, ("  ", None), count] if room >= 0 else parts
        path = figures.shorten(values.path, room - 4, self.glyphs.dots)
        return [*parts, ("  ", None), count, (f" in {path}", self._style("label"))]
