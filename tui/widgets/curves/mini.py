"""The screen in a corner of a terminal: progress, a line per run, and a small chart if there is room."""

from __future__ import annotations

import math
from collections.abc import Mapping

from textual.strip import Strip

from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.line_view import LineView
from logreg_tui.tui.widgets.palette import run_color
from logreg_tui.tui.widgets.panel import chart_style_of
from logreg_tui.tui.widgets.run_names import run_names
from logreg_tui.tui.widgets.spans import Span, beside
from logreg_tui.tui.widgets.sparkline import sparkline, trend

LEAST_CHART = 5
"""Lines of a chart under the runs."""
BESIDE = 70
"""Columns from which the chart stands beside the runs."""
LIST_WIDTH = 36
MOST_TREND = 24
BOLD = ink(None, bold=True)


class MiniView(LineView):
    """Shows a history in any number of lines and columns."""

    def show(self, history: History, selected: int | None, state: str, pace: str = "") -> None:
        """Show the history as it is now; `pace` is the speed and the time that is left."""
        width, height = self.content_size
        if not width or not height:
            return
        run = history.runs.get(selected or 0)
        heads = [state] if run is None else _progress(run, history.step, state, pace)
        has_rows = any(each.last for each in history.runs.values())
        is_beside, room = width >= BESIDE, height - 1
        runs = sorted(history.runs.values(), key=lambda each: each is not run)
        names = self._names(history)
        rest = room - len(runs)
        list_width = LIST_WIDTH if is_beside else width
        chart_lines = room if is_beside else rest if rest >= LEAST_CHART else 0
        listed = [self._run_line(each, names, list_width, each is run) for each in runs[:room]]
        more = f"  +{len(runs) - len(listed)} more" if len(listed) < len(runs) else ""
        left = max(0, width - len(more))
        lines = [self.strip([(figures.first_fitting(heads, left)[:left] + more, BOLD)])]
        if not has_rows or not chart_lines:
            self.show_lines([*lines, *listed])
            return
        from logreg_tui.tui.widgets.curves.chart import View, draw_frame

        chart_width = width - list_width - 1 if is_beside else width
        view = View(chart_width, chart_lines, selected, is_second=True)
        chart = draw_frame(history, view, chart_style_of(self)).lines
        if is_beside:
            listed = [line.adjust_cell_length(list_width) for line in listed] or [Strip.blank(list_width)]
            self.show_lines([*lines, *beside([listed, chart], 1)])
        else:
            self.show_lines([*lines, *listed, *chart])

    def _names(self, history: History) -> dict[int, str]:
        """Return what each line begins with, by the number of the run."""
        names = run_names(list(history.runs.values()), self.glyphs.l2)
        digits = len(str(max(names, default=0)))
        symbols = {number: self.glyphs.symbol(run.status) for number, run in history.runs.items()}
        return {number: f"{symbols[number]}{number:{digits}} {name}" for number, name in names.items()}

    def _run_line(self, run: RunHistory, names: Mapping[int, str], width: int, is_selected: bool) -> Strip:
        color = ink(run_color(run.number, self.app.current_theme.dark))
        style = BOLD if is_selected else None
        name = names[run.number]
        if run.last is None:
            return self.strip([(self.glyphs.swatch, color), (name[: width - 1], style)])
        loss, accuracy = figures.loss(run.last.test_loss), figures.accuracy(run.last.test_accuracy)
        texts = [f"{loss} {accuracy}", accuracy]
        if not (is_finite := math.isfinite(run.last.train_loss)):
            # Of parameters that are not numbers an accuracy says nothing.
            texts = [loss + " " * (len(accuracy) + 1), loss]
        text = figures.first_fitting([each for each in texts if len(each) + 4 <= width] or [""], width)
        room = width - 2 - len(text)
        if len(name) >= room:
            # The number and what differs first stand at its start.
            name = name[: max(0, room - 1 - len(self.glyphs.dots))] + self.glyphs.dots
        # As many in each line: the figures stand in columns.
        cells = min(MOST_TREND, room - max(map(len, names.values())) - 2)
        spans: list[Span] = [(self.glyphs.swatch, color), (name, style)]
        if cells >= 4:
            (accuracies,) = run.columns.read("test_accuracy")
            curve = sparkline(trend(accuracies) if is_finite else (), cells, self.glyphs.is_ascii)
            gap = " " * (room - len(name) - cells - 1)
            return self.strip([*spans, (f"{gap}{text} ", style), (curve, color)])
        return self.strip([*spans, (text.rjust(width - 1 - len(name)), style)])


def _progress(run: RunHistory, step: int, state: str, pace: str) -> list[str]:
    """Return texts with and without the pace: half a word of it would be another one."""
    epoch = run.epoch_at(step)
    share = f"{epoch / run.epochs:.0%}" if run.epochs else ""
    text = f"{state} {epoch:,}/{run.epochs:,} {share}".rstrip()
    return [f"{text} {pace}".rstrip(), text]
