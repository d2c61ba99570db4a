"""The test samples of one cell of the matrix: a picture of each, its number, and the likeliest classes.

Nothing here knows of a screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from textual.strip import Strip

from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.number_format import first_fitting
from logreg_tui.tui.widgets import pictures
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.mistakes.error_analysis import (
    LIKELIEST,
    MOST_SAMPLES,
    CellSamples,
    PredictedSample,
)
from logreg_tui.tui.widgets.spans import Span, beside, strip_of

GAP = 2
TEXT_WIDTH = 16
"""Cells of the lines about a sample."""
TEXT_HEIGHT = 1 + LIKELIEST
LEAST_HEIGHT = 4
"""Lines of a picture that may still be recognised."""
WANTED = 6
"""Samples that are to be in view, if there are enough, before pictures get larger."""
VALUE_WIDTH = 5


@dataclass(frozen=True, slots=True)
class PageLayout:
    """The size of the pictures on a page, and how many there are."""

    width: int
    height: int
    """Cells of a picture; 0 if there is none."""
    is_beside: bool
    """True if the text stands at the right of its picture rather than below."""
    across: int
    down: int

    @property
    def samples(self) -> int:
        """The number of samples that are shown at a time."""
        return min(MOST_SAMPLES, self.across * self.down)

    @property
    def tile(self) -> tuple[int, int]:
        """Cells of a picture with its text."""
        if self.is_beside:
            return self.width + bool(self.width) + TEXT_WIDTH, max(self.height, TEXT_HEIGHT)
        return max(self.width, TEXT_WIDTH), self.height + TEXT_HEIGHT


@lru_cache(maxsize=64)
def arrange(shape: tuple[int, int] | None, samples: int, width: int, height: int) -> PageLayout:
    """Return the layout with the largest pictures that shows WANTED samples at a time, or else the most."""
    layouts = list(_layouts(shape, width, height))
    least = 0 if shape is None else min(LEAST_HEIGHT, math.ceil(shape[0] / 2))
    layouts = [layout for layout in layouts if layout.height >= least] or layouts
    enough = [layout for layout in layouts if layout.samples >= min(samples, WANTED)]
    if enough:
        return max(enough, key=lambda layout: layout.width * layout.height)
    return max(layouts, key=lambda layout: (layout.samples, layout.width * layout.height))


def _layouts(shape: tuple[int, int] | None, width: int, height: int) -> Iterator[PageLayout]:
    """Yield every layout that fits, or one that does not."""
    if shape is None:
        yield _layout((0, 0), True, width, height)
        return
    for is_beside in (False, True):
        room = width - TEXT_WIDTH - 1 if is_beside else width
        most = height if is_beside else height - TEXT_HEIGHT
        for lines in range(min(LEAST_HEIGHT, max(1, most)), max(1, most) + 1):
            yield _layout(pictures.fitted(shape, max(1, room), lines), is_beside, width, height)


def _layout(picture: tuple[int, int], is_beside: bool, width: int, height: int) -> PageLayout:
    tile = PageLayout(*picture, is_beside, 1, 1).tile
    across, down = (width + GAP) // (tile[0] + GAP), (height + 1) // (tile[1] + 1)
    return PageLayout(*picture, is_beside, max(1, across), max(1, down))


def draw_images(
    cell: CellSamples,
    parameters: ParametersSnapshot,
    width: int,
    height: int,
    has_focus: bool,
    style: ChartStyle,
) -> list[Strip]:
    """Return the lines of the panel."""
    layout = page_layout(cell, width, height)
    shown = cell.samples[: layout.samples]
    lines = [_title(cell, len(shown), parameters, width)]
    if not shown:
        text = f"No test sample with label {cell.page.label} is predicted as {cell.page.predicted} now."
        lines.append(strip_of([(text, style.muted)]))
    for start in range(0, len(shown), layout.across):
        tiles = [_tile(sample, cell, layout, style) for sample in shown[start : start + layout.across]]
        lines += [*beside(tiles, GAP), Strip.blank(0)]
    lines = [*lines[: height - 1], *[Strip.blank(0)] * (height - 1 - len(lines))]
    hint = "left/right: turn the page   escape: back to the table" if has_focus else "click or tab: come here"
    return [*lines, strip_of([(hint[:width], style.muted)])]


def page_layout(cell: CellSamples, width: int, height: int) -> PageLayout:
    """Return the layout of a cell's samples in a panel of this size."""
    return arrange(cell.image_shape, len(cell.numbers), width, height - 2)


def _title(cell: CellSamples, shown: int, parameters: ParametersSnapshot, width: int) -> Strip:
    which = f"{cell.position + 1}-{cell.position + shown} of {len(cell.numbers):,}" if shown else "none"
    begin, epoch = f"Label {cell.page.label} predicted as {cell.page.predicted}: {which}", parameters.epoch
    texts = (
        f"{begin}   Run {parameters.run} {parameters.head}  epoch {epoch:,}",
        f"{begin}   epoch {epoch:,}",
        begin,
    )
    return strip_of([(first_fitting(texts, width), ink(None, bold=True))])


def _tile(sample: PredictedSample, cell: CellSamples, layout: PageLayout, style: ChartStyle) -> list[Strip]:
    """Return a picture and its text, as wide and high as the layout's tiles."""
    text = _text(sample, cell, style)
    if cell.image_shape is None:
        return text
    shares = pictures.grey_shares(sample.stored.reshape(cell.image_shape))
    image = pictures.picture(shares, layout.width, layout.height, pictures.grey_inks(style))
    if layout.is_beside:
        return beside([image, text], 1)
    return [line.adjust_cell_length(layout.tile[0]) for line in (*image, *text)]


def _text(sample: PredictedSample, cell: CellSamples, style: ChartStyle) -> list[Strip]:
    """Return TEXT_HEIGHT lines of TEXT_WIDTH cells: number, label and prediction, probabilities as bars."""
    names = f"{cell.page.label}{style.pick('→', '>')}{cell.page.predicted}"
    number = f"#{sample.number}"
    gap = " " * max(1, TEXT_WIDTH - len(number) - len(names))
    lines = [strip_of([(names, ink(None, bold=True)), (gap, None), (number, style.muted)])]
    lines += [_bar(*each, cell, style) for each in sample.likeliest]
    lines += [Strip.blank(0)] * (TEXT_HEIGHT - len(lines))
    return [line.adjust_cell_length(TEXT_WIDTH) for line in lines]


def _bar(number: int, share: float, cell: CellSamples, style: ChartStyle) -> Strip:
    """Return a class with its probability: blue and with a star for the label, orange for a mistake."""
    name = f"{number}{'*' if number == cell.page.label else ' '}"
    room = max(1, TEXT_WIDTH - len(name) - VALUE_WIDTH)
    length = round(share * room)
    if style.monochrome or number not in (cell.page.label, cell.page.predicted):
        color = style.muted
    else:
        color = ink(pictures.signed_colors(style.dark)[-5 if number == cell.page.label else 4])
    bar: Span = (style.pick("█", "#") * length, color)
    gap = " " * (room - length)
    return strip_of([(name, None), bar, (gap, None), (f"{share:>{VALUE_WIDTH}.2f}", style.muted)])
