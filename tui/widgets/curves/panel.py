"""The first tab: loss or accuracy of every run, redrawn by itself on resize, theme change and choice.

`draw` belongs to the UI thread: plotext has one figure for the whole process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.reactive import reactive
from textual.strip import Strip

from logreg_tui.core.analysis.drawn_metrics import ACCURACY, LOSS
from logreg_tui.tui.theme import UNICODE, Glyphs
from logreg_tui.tui.widgets.curves.cursor import moved
from logreg_tui.tui.widgets.curves.legend import Values, best_runs, newest_values
from logreg_tui.tui.widgets.curves.navigation import LEAST_LINES, CurveNavigation
from logreg_tui.tui.widgets.curves.seeds import fold_seeds
from logreg_tui.tui.widgets.curves.window import ALL, EPOCHS, SECONDS
from logreg_tui.tui.widgets.panel import Panel, chart_style_of
from logreg_tui.tui.widgets.spans import beside, strip_of

if TYPE_CHECKING:
    from logreg_tui.core.analysis.earlier_runs import EarlierRun
    from logreg_tui.core.training.history import History, RunHistory
    from logreg_tui.tui.widgets.curves.axes import Plot

WEIGHTS = (0.0, 0.6, 0.9, 0.99)
"""Of the moving average; 0 is off."""
WAITING = "waiting for the first row"
NOTHING_SHOWN = "no run is shown: / filters, V shows all"
STACKED = 24
"""Lines from which a second chart stands under the first one, ..."""
BESIDE = 116
"""... else columns from which it stands beside it."""
BETWEEN = 2
"""Columns between two charts."""
SECOND_SHARE = 0.45
LABELS = 7
"""Columns of the labels of two y axes above each other."""


class LossChart(CurveNavigation):
    """Shows losses or accuracies of a history as curves over epochs or seconds."""

    DEFAULT_CSS = "LossChart { width: 1fr; height: 1fr; }"
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("a", "Loss or accuracy"),
        ("[ ]", "Show more or less: all, last half, last tenth, last hundredth; with the cursor, around it"),
        (
            "x y",
            "Log or linear axes; what a log axis hides is counted. Until y is pressed, losses stand on a log "
            "axis where a linear one would press a curve flat",
        ),
        ("t", "Epochs, or seconds since the run began"),
        ("g", "Fold runs that differ only in their seed into mean and standard deviation"),
        ("v V", "Hide the selected run, or show it again; show it alone, or all again"),
        ("s", "Smooth: off, 0.6, 0.9, 0.99 (moving average as in TensorBoard); the raw curve stays, paler"),
        ("b", "Earlier experiments on the same data: the test curves of their best runs, dim"),
        (
            "left right",
            "Read values off, row by row; shift: ten rows; home, end: first, newest; escape leaves",
        ),
        (
            "mouse",
            "Wheel: zoom at the pointer; drag: move, or the border of two charts; click: read values off",
        ),
    )

    log_x: reactive[bool] = reactive(False, repaint=False)
    """True if x stands on a log axis; epoch 0 is left out then."""
    log_y: reactive[bool | None] = reactive(None, repaint=False)
    """True if losses stand on a log axis; None is to let the chart choose."""
    metric: reactive[str] = reactive(LOSS, repaint=False)
    """`loss` or `accuracy`."""
    clock: reactive[str] = reactive(EPOCHS, repaint=False)
    """The unit of x: `epochs`, or `seconds` since a run's first row."""
    smoothing: reactive[float] = reactive(0.0, repaint=False)
    """The weight of the moving average; 0 is off."""
    shows_earlier: reactive[bool] = reactive(False, repaint=False)
    """True if earlier experiments lie under the curves."""
    hidden_runs: reactive[frozenset[int]] = reactive(frozenset(), repaint=False)
    """The numbers of runs that are not drawn."""
    folds_seeds: reactive[bool] = reactive(False, repaint=False)
    """True if runs that differ only in their seed are drawn as one."""

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002
        super().__init__(glyphs=glyphs, id=id)
        self.earlier: Sequence[EarlierRun] = ()
        """The runs under the curves while `shows_earlier`."""
        self._history: History | None = None
        self._note = ""
        """The step of the preparation, shown while there is no history."""
        self._selected: int | None = None
        self._values: dict[str, dict[int, Values]] = {LOSS: {}, ACCURACY: {}}
        self._is_log = False
        """True if the losses stand on a log axis now."""
        self._best: tuple[int, ...] = ()
        self._folded: tuple[object, list[RunHistory], dict[int, int]] | None = None
        """The runs folded at last, and what they were folded from."""

    def watch_log_x(self) -> None:
        self.redraw()

    watch_log_y = watch_smoothing = watch_log_x

    def watch_metric(self) -> None:
        self._update_legend()
        self.redraw()

    watch_hidden_runs = watch_folds_seeds = watch_metric

    def watch_clock(self) -> None:
        # Limits in epochs mean nothing in seconds.
        if self.window.limits is not None:
            self.window = ALL
        self.redraw()

    def watch_shows_earlier(self) -> None:
        from logreg_tui.core.analysis.earlier_runs import earlier_runs

        self.earlier = ()
        if self.shows_earlier and self._history is not None and self._history.experiment is not None:
            directory = Path(self._history.experiment.directory)
            self.analyse(partial(earlier_runs, directory))
        self.redraw()

    def on_panel_analysed(self, message: Panel.Analysed) -> None:
        """Lay the runs that were read under the curves."""
        message.stop()
        if self.shows_earlier and isinstance(message.result, list):
            self.earlier = message.result
            if not self.earlier:
                self.notify("No earlier experiment on the same data stands beside this one")
            self.redraw()

    # Drawing

    def show_note(self, text: str) -> None:
        """Show the step of the preparation, until there is a history to draw."""
        if self._history is None and text != self._note:
            self._note = text
            self.redraw()

    def signature(self, history: History, selected: int | None) -> object:
        """Return what `draw` depends on apart from the user's choices, which redraw by themselves."""
        runs = tuple((len(run.marks), run.status) for run in history.runs.values())
        return id(history), history.rows, selected, runs

    def draw(self, history: History, selected: int | None, *, keeps_legend: bool = False) -> None:
        """Show the history as it is now, run number `selected` on top.

        With `keeps_legend` the values in the legend stay: digits that change in every frame cannot be read.
        """
        has_new_run = selected != self._selected
        self._history, self._selected = history, selected
        known = self._values[self.metric]
        has_unknown_run = any(run.number not in known for run in self._runs_to_draw()[0])
        if not keeps_legend or has_unknown_run:
            self._update_legend()
        if has_new_run and self.cursor is not None and (run := self.run) is not None:
            self.set_reactive(LossChart.cursor, moved(run, self.cursor))
        self.redraw()

    @property
    def run(self) -> RunHistory | None:
        """The selected run, once it has rows."""
        run = self._history.runs.get(self._selected or 0) if self._history is not None else None
        return run if run is not None and run.last is not None else None

    def _runs_to_draw(self) -> tuple[list[RunHistory], int | None]:
        """Return the runs that are drawn, and by which number the selected one is known among them."""
        all_runs = self._history.runs.values() if self._history is not None else ()
        runs = [run for run in all_runs if run.last is not None and run.number not in self.hidden_runs]
        if not self.folds_seeds or self._history is None:
            return runs, self._selected
        present = (id(self._history), self._history.rows, *((run.number, run.status) for run in runs))
        if self._folded is None or self._folded[0] != present:
            self._folded = present, *fold_seeds(runs)
        _, folded, known_as = self._folded
        return folded, None if self._selected is None else known_as.get(self._selected)

    def _update_legend(self) -> None:
        runs, _ = self._runs_to_draw()
        self._values = {metric: newest_values(runs, metric) for metric in (LOSS, ACCURACY)}
        self._best = best_runs(runs, self._values[self.metric], self.metric, self._best)

    def lines(self, width: int, height: int) -> list[Strip]:
        """Return the lines of the chart, and remember the cells of its plot."""
        style = chart_style_of(self)
        runs, selected = self._runs_to_draw()
        if not runs:
            self.plot = None
            waiting = self._note if self._history is None else WAITING
            text = NOTHING_SHOWN if self._history is not None and self.hidden_runs else waiting
            return [Strip.blank(0)] * ((height - 1) // 2) + [strip_of([(text.center(width), style.muted)])]
        assert self._history is not None, "there are runs"
        # With numpy and plotext, which must not delay the app's first frame.
        from logreg_tui.tui.widgets.curves.chart import View, draw_frame

        view = View(
            width, height, selected, self.log_x, self.log_y, self._values[self.metric], self._best,
            self.metric, self.clock, self.window, self.smoothing, self.cursor, self.earlier, runs,
        )  # fmt: skip
        self.second = self._second_size(width, height)
        if self.second is None:
            frame = draw_frame(self._history, view, style)
            self.plot = frame.plot
            self._note_axis(frame.plot)
            return frame.lines
        right, below = self.second
        first = replace(view, width=width - right, height=height - below, left=0 if right else LABELS)
        frame = draw_frame(self._history, first, style)
        self.plot = frame.plot
        other = replace(
            view, width=right - BETWEEN if right else width, height=below or height, metric=self.other_metric,
            losses=self._values[self.other_metric], left=0 if right or not self.plot else self.plot.left,
            earlier=(), is_second=True,
        )  # fmt: skip
        second = draw_frame(self._history, other, style)
        self._note_axis(frame.plot if self.metric == LOSS else second.plot)
        return beside([frame.lines, second.lines], BETWEEN) if right else [*frame.lines, *second.lines]

    def _note_axis(self, losses: Plot | None) -> None:
        """Remember the axis that the losses stand on: a key changes what is seen."""
        if losses is not None:
            self._is_log = losses.y_axis.is_log

    @property
    def other_metric(self) -> str:
        """The metric of the second chart."""
        return LOSS if self.metric == ACCURACY else ACCURACY

    def _second_size(self, width: int, height: int) -> tuple[int, int] | None:
        """Return the columns of a second chart beside the first one, or its lines under it; one is 0."""
        if height >= STACKED:
            lines = self.second_lines or round(height * SECOND_SHARE)
            return 0, min(max(lines, LEAST_LINES), height - LEAST_LINES)
        if width >= BESIDE:
            return round(width * 0.42), 0
        return None

    # Keys

    def toggle_log(self, axis: str) -> bool:
        """Switch axis `x` or `y` to log or linear, from how it stands now; return the choice."""
        if axis == "x":
            self.log_x = not self.log_x
            return self.log_x
        self.log_y = not (self.log_y if self.log_y is not None else self._is_log)
        return self.log_y

    def toggle_metric(self) -> None:
        """Show accuracies instead of losses, or losses again."""
        self.metric = LOSS if self.metric == ACCURACY else ACCURACY

    def toggle_clock(self) -> None:
        """Count seconds instead of epochs, or epochs again."""
        self.clock = EPOCHS if self.clock == SECONDS else SECONDS

    def cycle_smoothing(self) -> None:
        """Smooth more; after the most, not at all."""
        self.smoothing = next((weight for weight in WEIGHTS if weight > self.smoothing), WEIGHTS[0])

    def toggle_folding(self) -> None:
        """Draw runs that differ only in their seed as one, or each."""
        self.folds_seeds = not self.folds_seeds

    def toggle_earlier(self) -> None:
        """Lay earlier experiments under the curves, or take them away."""
        self.shows_earlier = not self.shows_earlier
