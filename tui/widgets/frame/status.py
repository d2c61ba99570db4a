"""The two lines above the footer: how far training is, and the selected run's newest figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style

from logreg_tui.core.training.events import RowLogged
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.frame.header import state_word
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.spans import Span, strip_of, width_of

STATE_WIDTH = 9
LEAST_BAR_WIDTH = 6
WIDE_GAP = 25
"""Cells after the state where there is room: the epoch stands below the chart."""
WIDE = 110
MEDIUM = 72
LEAST_PATH_WIDTH = 14


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the selected run is."""

    state: str
    note: str = ""
    """What is being prepared; shown in place of the rest while there is no run."""
    epoch: int | None = None
    epochs: int = 0
    rate: float | None = None
    """Epochs per second."""
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class NewestRow:
    """The newest row of the selected run and where the rows are kept."""

    run: int
    row: RowLogged | None
    rows: int
    path: str


class StatusLines(LineView):
    """Shows Progress and Figures in fields of fixed width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status--state",
        "status--label",
        "status--full",
        "status--empty",
        "status--value",
    }

    def __init__(self, *, glyphs: Glyphs, ascii_only: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._glyphs = glyphs
        self._ascii_only = ascii_only

    def show(self, progress: Progress, values: NewestRow | None) -> None:
        """Show both lines; without figures the second is blank."""
        lines = [self._progress_parts(progress), [] if values is None else self._figure_parts(values)]
        self.show_lines([strip_of(parts, ascii_only=self._ascii_only) for parts in lines])

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"status--{name}")

    def _progress_parts(self, progress: Progress) -> list[Span]:
        state: Span = (state_word(progress.state).ljust(STATE_WIDTH), self._style("state"))
        if progress.epoch is None:
            return [state, ("  ", None), (progress.note, None)]
        total = f"{progress.epochs:,}"
        label, value = self._style("label"), self._style("value")
        epoch: list[Span] = [(f"{progress.epoch:,}".rjust(len(total)), value), (f" of {total}", label)]
        speed = self._speed_parts(progress)
        gap = WIDE_GAP if self.content_size.width >= WIDE else 2
        head = [state, (" " * gap, None), ("epoch ", label), *epoch]
        room = self.content_size.width - width_of(head) - width_of(speed) - 3
        bar = self._bar(progress, room) if room >= LEAST_BAR_WIDTH else []
        return [*head, ("  ", None), *bar, (" ", None), *speed]

    def _speed_parts(self, progress: Progress) -> list[Span]:
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
            (self._glyphs.bar_full * done, self._style("full")),
            (self._glyphs.bar_empty * (width - done), self._style("empty")),
        ]

    def _figure_parts(self, values: NewestRow) -> list[Span]:
        parts = self._row_parts(values)
        count: Span = (f"{values.rows:,} rows", self._style("value"))
        room = self.content_size.width - width_of([*parts, count]) - 2
        if room - 4 < LEAST_PATH_WIDTH:
            return [*parts, ("  ", None), count] if room >= 0 else parts
        path = figures.shorten(values.path, room - 4, self._glyphs.dots)
        return [*parts, ("  ", None), count, (f" in {path}", self._style("label"))]

    def _row_parts(self, values: NewestRow) -> list[Span]:
        row = values.row
        shown = (
            figures.loss(row.train_loss if row else None),
            figures.loss(row.test_loss if row else None),
            figures.accuracy(row.train_accuracy if row else None),
            figures.accuracy(row.test_accuracy if row else None),
        )
        label, value = self._style("label"), self._style("value")
        head: Span = (f"run {values.run}", self._style("state"))
        pairs = zip(self._labels(), shown, strict=True)
        return [head, *(part for text, figure in pairs for part in ((text, label), (figure, value)))]

    def _labels(self) -> tuple[str, str, str, str]:
        if self.content_size.width >= WIDE:
            return "  loss train ", "  test ", "  accuracy train ", "  test "
        if self.content_size.width >= MEDIUM:
            return " loss train", " test", "  acc train ", " test "
        return " loss", " /", "  acc ", " / "
