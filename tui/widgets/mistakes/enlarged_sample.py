"""One test sample as large as the panel allows, with what the model says of it.

Nothing here knows of a screen.
"""

from __future__ import annotations

import math

from textual.strip import Strip

from logreg_tui.core.text import class_name
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.graphics import ImageSheet
from logreg_tui.tui.number_format import first_fitting
from logreg_tui.tui.widgets import pictures
from logreg_tui.tui.widgets.cells import ink, longest_name, name_cells, short_name
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.mistakes.error_analysis import CellSamples, PredictedSample
from logreg_tui.tui.widgets.mistakes.images import (
    GAP,
    LIKELIEST,
    probability_bars,
    sample_picture,
    text_width_of,
)
from logreg_tui.tui.widgets.spans import beside, strip_of

FACTS_WIDTH = 34
MOST_WIDTH = 72
"""Cells of a bar with its class and its probability."""
MOST_FEATURE = 26
"""Cells of the name of a feature."""
LEAST_ROOM = 32
"""Cells of its value, its contribution and a bar."""
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
    sheet: ImageSheet | None = None,
) -> list[Strip]:
    """Return the lines of the panel."""
    body = _body(cell, sample, width, max(1, height - 2), style, sheet)
    lines = [_title(cell, sample, parameters, width), *body]
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
    label, predicted = cell.name(page.label), cell.name(page.predicted)
    begin = f"Label {label} predicted as {predicted}: {at + 1:,} of {count:,}"
    if sample.predicted != page.predicted:
        begin = f"Label {label} not predicted as {predicted} now"
    run, epoch = f"Run {parameters.run} {parameters.head}", f"epoch {parameters.epoch:,}"
    texts = (f"{begin}   {run}  {epoch}", f"{begin}   {epoch}", begin)
    return strip_of([(first_fitting(texts, width), ink(None, bold=True))])


def _body(
    cell: CellSamples,
    sample: PredictedSample,
    width: int,
    height: int,
    style: ChartStyle,
    sheet: ImageSheet | None,
) -> list[Strip]:
    """Return the picture as large as it can be beside the facts; below them if it is far larger there."""
    shape = cell.image_shape
    if shape is None:
        return _without_picture(cell, sample, width, height, style)
    whole = sheet is None
    right = pictures.fitted(shape, max(1, width - min(FACTS_WIDTH, width // 2) - GAP), height, whole=whole)
    above = pictures.fitted(shape, width, max(1, height - HEAD_HEIGHT - LIKELIEST), whole=whole)
    if 2 * right[0] * right[1] < above[0] * above[1]:
        facts = _facts(sample, cell, width, max(HEAD_HEIGHT, height - above[1]), style)
        return [*facts, *sample_picture(sample, shape, *above, style, sheet)]
    facts = _facts(sample, cell, max(1, width - right[0] - GAP), height, style)
    return beside([sample_picture(sample, shape, *right, style, sheet), facts], GAP)


def _without_picture(
    cell: CellSamples, sample: PredictedSample, width: int, height: int, style: ChartStyle
) -> list[Strip]:
    """Return the facts, and the features that decided beside them, or below if there is little room."""
    facts_width = max(FACTS_WIDTH, text_width_of(cell))
    if width >= 2 * facts_width:
        room = width - facts_width - GAP
        return beside(
            [_facts(sample, cell, facts_width, height, style), _features(cell, sample, room, height, style)],
            GAP,
        )
    facts = _facts(sample, cell, width, max(1, min(height, height // 2)), style)
    return [*facts, *_features(cell, sample, width, height - len(facts), style)]


def _features(
    cell: CellSamples, sample: PredictedSample, width: int, height: int, style: ChartStyle
) -> list[Strip]:
    """Return the features with the largest contributions, each with its value and a bar."""
    shown = sample.contributions[: max(0, height - 1)]
    if not shown:
        return []
    names = [class_name(cell.feature_names, each.feature) for each in shown]
    label = longest_name(["feature", *names], max(7, min(MOST_FEATURE, width - LEAST_ROOM)))
    title = f"for {cell.name(sample.predicted)}, against {cell.name(sample.other)}"
    lines = [strip_of([(short_name(title, width, style.ascii_only), style.muted)])]
    largest = max(abs(each.difference) for each in shown) or 1
    for name, each in zip(names, shown, strict=True):
        text = f"{name_cells(name, label, style.ascii_only)} {each.value:>9.4g} {each.difference:>+8.3g} "
        bar = pictures.signed_bar(each.difference / largest, (width - label - 20) // 2, style)
        lines.append(strip_of([(text, None), *bar]))
    return [line.adjust_cell_length(width) for line in lines]


def _facts(
    sample: PredictedSample, cell: CellSamples, width: int, height: int, style: ChartStyle
) -> list[Strip]:
    """Return number, label and prediction, and below as many classes with their probabilities as fit."""
    classes = len(sample.likeliest)
    lines = _head(sample, cell, is_short=height < HEAD_HEIGHT + classes, style=style)
    room = max(0, height - len(lines))
    least = text_width_of(cell)
    across = max(1, min((width + GAP) // (least + GAP), math.ceil(classes / max(1, room))))
    is_all = across * room >= classes
    down = min(room if is_all else room - 1, math.ceil(classes / across))
    if down > 0:
        if is_all and room > down:
            lines.append(Strip.blank(0))
        bar_width = min(MOST_WIDTH, (width + GAP) // across - GAP)
        decimals = 4 if bar_width > least else 2
        bars = probability_bars(sample, cell, across * down, bar_width, decimals, style)
        lines += beside([bars[start : start + down] for start in range(0, len(bars), down)], GAP)
        if not is_all:
            lines.append(strip_of([(f"and {classes - len(bars):,} more classes", style.muted)]))
    return [line.adjust_cell_length(width) for line in lines]


def _head(sample: PredictedSample, cell: CellSamples, *, is_short: bool, style: ChartStyle) -> list[Strip]:
    """Return number, label and prediction in HEAD_HEIGHT lines, or in one."""
    verdict = "right" if sample.predicted == sample.label else "wrong"
    facts = [
        ("test sample", f"#{sample.number}"),
        ("label", cell.name(sample.label)),
        ("predicted", f"{cell.name(sample.predicted)}  {verdict}"),
    ]
    strong = ink(None, bold=True)
    if is_short:
        facts[0] = ("", facts[0][1])
        spans = [span for name, text in facts for span in ((f"{name} ", style.muted), (f"{text}  ", strong))]
        return [strip_of(spans[1:])]
    return [strip_of([(f"{name:<12}", style.muted), (text, strong)]) for name, text in facts]
