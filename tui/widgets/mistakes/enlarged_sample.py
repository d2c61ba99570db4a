"""One test sample as large as the panel allows, with what the model says of it.

Nothing here knows of a screen.
"""

from __future__ import annotations

from textual.strip import Strip

from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.number_format import first_fitting
from logreg_tui.tui.widgets import pictures
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.mistakes.error_analysis import CellSamples, PredictedSample
from logreg_tui.tui.widgets.mistakes.images import GAP, LIKELIEST, probability_bars, sample_picture
from logreg_tui.tui.widgets.spans import beside, strip_of

FACTS_WIDTH = 34
MOST_WIDTH = 72
"""Cells of a bar with its class and its probability."""
HEAD_HEIGHT = 3
"""Lines above the bars: number, label, prediction."""


def draw_enlarged(
    cell: CellSamples,
    sample: PredictedSample,
    parameters: ParametersSnapshot,
    width: int,
    height: int,
    has_focus: bool,
    style: ChartStyle,
) -> list[Strip]:
    """Return the lines of the panel."""
    lines = [_title(cell, sample, parameters, width), *_body(cell, sample, width, max(1, height - 2), style)]
    lines = [*lines[: height - 1], *[Strip.blank(0)] * (height - 1 - len(lines))]
    hint = "click: back to the samples"
    if has_focus:
        hints = ["left/right: sample before, after", "escape: back to the samples"]
        hint = first_fitting(["   ".join(hints), hints[1]], width)
    return [line.crop(0, width) for line in (*lines, strip_of([(hint, style.muted)]))]


def _title(cell: CellSamples, sample: PredictedSample, parameters: ParametersSnapshot, width: int) -> Strip:
    """Return which sample of the cell it is, as much as there is room for."""
    page, count = cell.page, len(cell.numbers)
    at = int(cell.numbers.searchsorted(sample.number))
    begin, epoch = (
        f"Label {page.label} predicted as {page.predicted}: {at + 1:,} of {count:,}",
        parameters.epoch,
    )
    if sample.predicted != page.predicted:
        begin = f"Label {page.label} not predicted as {page.predicted} now"
    run = f"Run {parameters.run} {parameters.head}"
    texts = (f"{begin}   {run}  epoch {epoch:,}", f"{begin}   epoch {epoch:,}", begin)
    return strip_of([(first_fitting(texts, width), ink(None, bold=True))])


def _body(
    cell: CellSamples, sample: PredictedSample, width: int, height: int, style: ChartStyle
) -> list[Strip]:
    """Return the picture as large as it can be, the facts beside it or above."""
    shape = cell.image_shape
    if shape is None:
        return _facts(sample, width, height, style)
    right = pictures.fitted(shape, max(1, width - FACTS_WIDTH - GAP), height)
    above = pictures.fitted(shape, width, max(1, height - HEAD_HEIGHT - LIKELIEST))
    if right[0] * right[1] < above[0] * above[1]:
        facts = _facts(sample, width, max(HEAD_HEIGHT, height - above[1]), style)
        return [*facts, *sample_picture(sample, shape, *above, style)]
    facts = _facts(sample, max(1, width - right[0] - GAP), height, style)
    return beside([sample_picture(sample, shape, *right, style), facts], GAP)


def _facts(sample: PredictedSample, width: int, height: int, style: ChartStyle) -> list[Strip]:
    """Return number, label and prediction, and below as many classes with their probabilities as fit."""
    verdict = "right" if sample.predicted == sample.label else "wrong"
    rows = [
        ("test sample ", f"#{sample.number}"),
        ("label       ", f"{sample.label}"),
        ("predicted   ", f"{sample.predicted}  {verdict}"),
    ]
    lines = [strip_of([(name, style.muted), (text, ink(None, bold=True))]) for name, text in rows]
    room, classes = max(0, height - HEAD_HEIGHT), len(sample.likeliest)
    if room > classes:
        lines.append(Strip.blank(0))
    bars = probability_bars(sample, room if room >= classes else room - 1, min(width, MOST_WIDTH), 4, style)
    lines += bars
    if 0 < len(bars) < classes:
        lines.append(strip_of([(f"and {classes - len(bars):,} classes less likely", style.muted)]))
    return [line.adjust_cell_length(width) for line in lines]
