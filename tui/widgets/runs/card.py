"""The figures of the selected run: how good it is, how good it was, and how it gets on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style

from logreg_tui.core.analysis.trends import first_row
from logreg_tui.core.goals import NO_LONGER_BETTER, REACHED
from logreg_tui.core.heads import SIGMOID, loss_floor
from logreg_tui.core.text import counted
from logreg_tui.core.training.history import History, Mark, RunHistory
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.spans import Span

LABEL = 10
GAP_WIDTH = 9
ROOMY = LABEL + 2 * (figures.LOSS_WIDTH + 1) + GAP_WIDTH
"""Cells from which the gap between test and train has a column."""
PERIOD = 1000
"""Epochs over which the change of the loss is shown."""
LABEL_AND_FIGURE = 2
"""Pieces of a line that stay."""


@dataclass(frozen=True, slots=True)
class CardLine:
    """A line of the card; of those that do not fit the ones with the highest number go first."""

    spans: tuple[Span, ...]
    rank: int


class RunCard(LineView):
    """Losses, accuracies, gap, best, floor, change, learning rate, and the newest turns of a knob."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"card--{name}" for name in ("label", "value", "good", "warning", "error")
    }

    def show(self, history: History, run: RunHistory, verdict: str = "") -> None:
        """Show the figures of a run; `verdict` is the kind of its alarm, if there is one."""
        width, height = self.content_size
        lines = [*self._figures(history, run, verdict, width), *map(self._mark, run.marks[::-1])]
        kept = sorted(range(len(lines)), key=lambda at: lines[at].rank)[:height]
        self.show_lines([self.strip(_fitting(lines[at].spans, width)) for at in sorted(kept)])

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"card--{name}")

    def _line(self, rank: int, name: str, *parts: tuple[str, str]) -> CardLine:
        """Return a line of a name and pieces of text, each with the name of its style."""
        label: Span = (f"{name:<{LABEL}}", self._style("label"))
        return CardLine((label, *((text, self._style(style)) for text, style in parts)), rank)

    def _mark(self, mark: Mark) -> CardLine:
        style = "error" if mark.is_divergence else "value"
        text = figures.shorten(mark.text, self.content_size.width - LABEL, self.glyphs.dots)
        return self._line(9, f"{mark.epoch:>8,}", (text, style))

    def _figures(self, history: History, run: RunHistory, verdict: str, width: int) -> Iterator[CardLine]:
        row = run.last
        if row is None:
            return
        has_gap = width >= ROOMY
        titles = f"{'train':>7} {'test':>7}{'gap' if has_gap else '':>{GAP_WIDTH}}"
        yield self._line(5, "", (titles, "label"))
        pairs = (
            (
                "loss",
                figures.loss(row.train_loss),
                figures.loss(row.test_loss),
                row.test_loss - row.train_loss,
            ),
            (
                "accuracy",
                figures.accuracy(row.train_accuracy).rjust(figures.LOSS_WIDTH),
                figures.accuracy(row.test_accuracy).rjust(figures.LOSS_WIDTH),
                row.test_accuracy - row.train_accuracy,
            ),
        )
        for name, train, test, gap in pairs:
            more = [(f"{signed(gap):>{GAP_WIDTH}}", "label")] if has_gap and math.isfinite(gap) else []
            yield self._line(0, name, (f"{train} {test}", "value"), *more)
        epochs, train_losses, accuracies = run.columns.read("epoch", "train_loss", "test_accuracy")
        if not len(epochs):
            return
        at = int((accuracies * (abs(train_losses) < math.inf)).argmax())
        best = figures.accuracy(float(accuracies[at])).rjust(figures.LOSS_WIDTH)
        when = f" at {'epoch ' if has_gap else ''}{int(epochs[at]):,}" if at < len(epochs) - 1 else " now"
        yield self._line(2, "best test", (best, "value"), (when, "label"))
        # Until the first row behind a turned head the losses are those of the other head.
        is_sigmoid = row.head == run.settings.head == SIGMOID and math.isfinite(row.train_loss)
        if is_sigmoid and history.experiment is not None:
            floor = loss_floor(history.experiment.classes)
            above = figures.loss(row.train_loss - floor)
            yield self._line(3, "floor", (above, "value"), (f" above {floor:.4f}", "label"))
        then = int(epochs.searchsorted(epochs[-1] - PERIOD, side="left"))
        then = max(then, first_row(run, epochs, of_head=True))
        change = float(train_losses[-1] - train_losses[min(then, len(epochs) - 1)])
        if then < len(epochs) - 1 and math.isfinite(change):
            style = "warning" if change > 0 else "value"
            period = f" in {int(epochs[-1] - epochs[then]):,}{' epochs' if has_gap else ''}"
            yield self._line(
                4, "change", (f"{signed(change):>{figures.LOSS_WIDTH}}", style), (period, "label")
            )
        if row.l2_penalty:
            penalty = f" with L2 {figures.loss(row.l2_penalty).strip()}"
            yield self._line(7, "objective", (figures.loss(row.objective), "value"), (penalty, "label"))
        rate = run.settings.learning_rate_at(run.epoch_at(history.step))
        yield self._line(6, "lr now", (figures.learning_rate(rate).rjust(figures.LOSS_WIDTH), "value"))
        if run.settings.stop_at is not None and run.is_training:
            yield self._line(8, "ends at", (str(run.settings.stop_at), "value"))
        if run.settings.patience is not None and run.is_training:
            yield self._line(8, "patience", (counted(run.settings.patience, "row"), "value"))
        words, style = VERDICTS.get(verdict) or VERDICTS.get(run.status, ((run.status,), "value"))
        if words != ("training",):
            word = figures.first_fitting([f" {word}" for word in words], width - LABEL)
            yield self._line(1, "state", (f"{word:>{figures.LOSS_WIDTH}}", style))


def _fitting(spans: Sequence[Span], width: int) -> Sequence[Span]:
    """Return the pieces without those at the end that would be cut off; label and figure stay."""
    fitting = list(spans)
    while len(fitting) > LABEL_AND_FIGURE and sum(len(text) for text, _ in fitting) > width:
        fitting.pop()
    return fitting


SLOWER = "R begins it slower"
VERDICTS = {
    "stalls": (("stalls: 5 says why", "stalls"), "warning"),
    "converged": (("converged",), "good"),
    "exploded": ((f"exploded: {SLOWER}", "exploded: R", "exploded"), "warning"),
    REACHED: (("goal reached", REACHED), "good"),
    NO_LONGER_BETTER: ((NO_LONGER_BETTER, "ended"), "value"),
    "diverged": ((f"diverged: {SLOWER}", "diverged: R", "diverged"), "error"),
}
"""Words, the most telling first, and style of a state, by the kind of the alarm or the status of the run."""


def signed(value: float) -> str:
    """Return a difference with its sign, at most eight characters."""
    if 0 < abs(value) < 0.00005:
        return f"{value:+.0e}"
    if abs(value) < 1000:
        return f"{value:+.{4 if abs(value) < 10 else 2}f}"
    return f"{value:+.1e}"
