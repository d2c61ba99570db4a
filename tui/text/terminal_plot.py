"""The curves of finished or running experiments as lines of text: the app's chart, once, without the app."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from textual.strip import Strip

from logreg_tui.core.analysis.curves import NamedRun
from logreg_tui.core.heads import SIGMOID
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.tui.number_format import shorten
from logreg_tui.tui.widgets.cells import Cells, ink, plain_text
from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark
from logreg_tui.tui.widgets.curves.chart import View, draw_frame
from logreg_tui.tui.widgets.palette import Rgb

COLORS: tuple[Rgb, ...] = (
    (20, 125, 205),
    (205, 115, 0),
    (0, 148, 105),
    (205, 90, 155),
    (140, 130, 10),
    (225, 65, 30),
    (128, 128, 128),
    (125, 110, 235),
)
"""The hues of `palette`, with a contrast of 3.5 or more to black and to white: the
terminal's background is not known."""
MIDDLE_GREY: Rgb = (128, 128, 128)
LEAST_HEIGHT = 10
GAP = 2
"""Columns between two names."""


@dataclass(frozen=True, slots=True)
class TerminalStyle(ChartStyle):
    """A style for a terminal of unknown colours: runs in colour, the rest in the terminal's own."""

    def color(self, number: int, is_test: bool) -> Rgb | None:
        """Return the colour of both curves of a run; None is the foreground."""
        return None if self.monochrome else COLORS[(number - 1) % len(COLORS)]

    def grey(self, strength: float) -> Rgb | None:
        """Return None, the terminal's own foreground."""
        return None


def draw(
    runs: Sequence[NamedRun],
    metric: str,
    width: int,
    height: int,
    *,
    colors: Console | None = None,
    ascii_only: bool = False,
) -> str:
    """Return the chart and under it the names of the runs, if possible `height` lines together.

    `colors` knows those of the terminal; None is text alone. Uses the one figure of plotext.
    """
    style = TerminalStyle(True, colors is None, ascii_only, MIDDLE_GREY)
    names = _names(runs, style, width)
    rows = max(LEAST_HEIGHT, height - len(names))
    view = View(width, rows, _selected(runs), metric=metric)
    # In a terminal too narrow for a chart there is one line of figures among blank ones.
    chart = [line for line in draw_frame(_history(runs), view, style).lines if line.text.strip()]
    lines = [*chart, *names]
    return "\n".join((line.render(colors) if colors else line.text).rstrip() for line in lines)


def _selected(runs: Sequence[NamedRun]) -> int:
    """Return the number of the run whose floor is drawn: the first with a sigmoid."""
    heads = [named.run.settings.head for named in runs]
    return heads.index(SIGMOID) + 1 if SIGMOID in heads else 1


def _history(runs: Sequence[NamedRun]) -> History:
    """Return the runs as if of one experiment, numbered in their order."""
    history = History()
    classes = runs[_selected(runs) - 1].classes
    history.experiment = events.ExperimentStarted(0, "", "", 0, 0, 0, classes, None, "", 0, 1, 1)
    history.runs = {number: replace(named.run, number=number) for number, named in enumerate(runs, start=1)}
    return history


def _names(runs: Sequence[NamedRun], style: ChartStyle, width: int) -> list[Strip]:
    """Return the numbers in the chart with the names of their runs, in columns."""
    dots, line = style.pick("…", ".."), style.pick("━", "-")
    texts = []
    for number, named in enumerate(runs, start=1):
        mark = f"{curve_mark(number, False)}{line}" if style.marks_curves(range(1, len(runs) + 1)) else ""
        texts.append((f"{line}{mark} ", plain_text(f"{number} {named.label}", style.ascii_only)))
    room = min(width, max(len(swatch) + len(text) for swatch, text in texts))
    columns = max(1, (width + GAP) // (room + GAP))
    rows = -(-len(texts) // columns)
    cells = Cells(width, rows)
    for at, (swatch, text) in enumerate(texts):
        x, y = at // rows * (room + GAP), at % rows
        cells.put(x, y, swatch, ink(style.color(at + 1, False)))
        cells.put(x + len(swatch), y, shorten(text, room - len(swatch), dots), ink(None))
    return cells.strips()
