"""The test samples of one cell of the matrix: a picture of each, its number, and the likeliest classes.

Nothing here knows of a screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.graphics import ImageSheet
from logreg_tui.tui.number_format import first_fitting
from logreg_tui.tui.widgets import pictures
from logreg_tui.tui.widgets.cells import ink, longest_name, name_cells, short_name
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.mistakes.error_analysis import MOST_SAMPLES, CellSamples, PredictedSample
from logreg_tui.tui.widgets.spans import Span, beside, strip_of

GAP = 2
LIKELIEST = 3
"""Classes whose probabilities stand with a picture."""
TEXT_WIDTH = 16
"""Cells of the lines about a sample, if classes are numbers."""
MOST_NAME = 10
"""Cells of the name of a class there."""
TEXT_HEIGHT = 1 + LIKELIEST
LEAST_HEIGHT = 4
"""Lines of a picture that may still be recognised."""
WANTED = 6
"""Samples that are to be in view, if there are enough, before pictures get larger."""
MARKED = Style(reverse=True, bold=True)


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
    text_width: int = TEXT_WIDTH

    @property
    def samples(self) -> int:
        """The number of samples that are shown at a time."""
        return min(MOST_SAMPLES, self.across * self.down)

    @property
    def tile(self) -> tuple[int, int]:
        """Cells of a picture with its text."""
        if self.is_beside:
            return self.width + bool(self.width) + self.text_width, max(self.height, TEXT_HEIGHT)
        return max(self.width, self.text_width), self.height + TEXT_HEIGHT

    def sample_at(self, x: int, y: int) -> int | None:
        """Return which one on the page covers a cell of the panel, counted from 0, or None."""
        (column, inside_x), (row, inside_y) = divmod(x, self.tile[0] + GAP), divmod(y - 1, self.tile[1] + 1)
        is_inside = inside_x < self.tile[0] and inside_y < self.tile[1]
        if not (is_inside and 0 <= column < self.across and 0 <= row < self.down):
            return None
        at = row * self.across + column
        return at if at < self.samples else None


@lru_cache(maxsize=64)
def arrange(
    shape: tuple[int, int] | None, samples: int, width: int, height: int, text_width: int = TEXT_WIDTH
) -> PageLayout:
    """Return the layout with the largest pictures that shows WANTED samples at a time, or else the most."""
    layouts = list(_layouts(shape, width, height, text_width))
    least = 0 if shape is None else min(LEAST_HEIGHT, math.ceil(shape[0] / 2))
    layouts = [layout for layout in layouts if layout.height >= least] or layouts
    enough = [layout for layout in layouts if layout.samples >= min(samples, WANTED)]
    if enough:
        return max(enough, key=lambda layout: layout.width * layout.height)
    return max(layouts, key=lambda layout: (layout.samples, layout.width * layout.height))


def _layouts(shape: tuple[int, int] | None, width: int, height: int, text_width: int) -> Iterator[PageLayout]:
    """Yield every layout that fits, or one that does not."""
    if shape is None:
        yield _layout((0, 0), True, width, height, text_width)
        return
    for is_beside in (False, True):
        room = width - text_width - 1 if is_beside else width
        most = height if is_beside else height - TEXT_HEIGHT
        for lines in range(min(LEAST_HEIGHT, max(1, most)), max(1, most) + 1):
            yield _layout(pictures.fitted(shape, max(1, room), lines), is_beside, width, height, text_width)


def _layout(
    picture: tuple[int, int], is_beside: bool, width: int, height: int, text_width: int
) -> PageLayout:
    tile = PageLayout(*picture, is_beside, 1, 1, text_width).tile
    across, down = (width + GAP) // (tile[0] + GAP), (height + 1) // (tile[1] + 1)
    return PageLayout(*picture, is_beside, max(1, across), max(1, down), text_width)


def draw_images(
    cell: CellSamples,
    parameters: ParametersSnapshot,
    width: int,
    height: int,
    cursor: int | None,
    style: ChartStyle,
    sheet: ImageSheet | None = None,
) -> list[Strip]:
    """Return the lines of the panel; `cursor` is the number of a sample, None without the focus."""
    layout = page_layout(cell, width, height)
    shown = cell.samples[: layout.samples]
    lines = [_title(cell, len(shown), parameters, width)]
    if not shown:
        label, predicted = cell.name(cell.page.label), cell.name(cell.page.predicted)
        text = f"No test sample with label {label} is predicted as {predicted} now."
        lines.append(strip_of([(text, style.muted)]).crop(0, width))
    for start in range(0, len(shown), layout.across):
        row = shown[start : start + layout.across]
        tiles = [_tile(sample, cell, sample.number == cursor, layout, style, sheet) for sample in row]
        lines += [*beside(tiles, GAP), Strip.blank(0)]
    lines = [*lines[: height - 1], *[Strip.blank(0)] * (height - 1 - len(lines))]
    hint = "click one to enlarge it, or press tab until this panel has the keys"
    if cursor is not None:
        hints = ["arrows: choose a sample", "enter: enlarge it", "escape: back to the table"]
        hint = first_fitting(["   ".join(hints), "   ".join(hints[1:]), hints[2]], width)
    return [*lines, strip_of([(hint[:width], style.muted)])]


def page_layout(cell: CellSamples, width: int, height: int) -> PageLayout:
    """Return the layout of a cell's samples in a panel of this size."""
    return arrange(cell.image_shape, len(cell.numbers), width, height - 2, text_width_of(cell))


def text_width_of(cell: CellSamples) -> int:
    """Return the cells of the lines about a sample: two names side by side if classes have names."""
    return (
        max(TEXT_WIDTH, 2 * longest_name(cell.class_names, MOST_NAME) + 8) if cell.class_names else TEXT_WIDTH
    )


def _title(cell: CellSamples, shown: int, parameters: ParametersSnapshot, width: int) -> Strip:
    which = f"{cell.position + 1}-{cell.position + shown} of {len(cell.numbers):,}" if shown else "none"
    names = f"Label {cell.name(cell.page.label)} predicted as {cell.name(cell.page.predicted)}"
    begin, epoch = f"{names}: {which}", parameters.epoch
    texts = (
        f"{begin}   Run {parameters.run} {parameters.head}  epoch {epoch:,}",
        f"{begin}   epoch {epoch:,}",
        begin,
    )
    return strip_of([(first_fitting(texts, width), ink(None, bold=True))]).crop(0, width)


def _tile(
    sample: PredictedSample,
    cell: CellSamples,
    is_chosen: bool,
    layout: PageLayout,
    style: ChartStyle,
    sheet: ImageSheet | None,
) -> list[Strip]:
    """Return a picture and its text, as wide and high as the layout's tiles."""
    text = _text(sample, cell, is_chosen, style)
    if cell.image_shape is None:
        return text
    image = sample_picture(sample, cell.image_shape, layout.width, layout.height, style, sheet)
    if layout.is_beside:
        return beside([image, text], 1)
    return [line.adjust_cell_length(layout.tile[0]) for line in (*image, *text)]


def sample_picture(
    sample: PredictedSample,
    shape: tuple[int, int],
    width: int,
    height: int,
    style: ChartStyle,
    sheet: ImageSheet | None,
) -> list[Strip]:
    """Return the picture of a sample in `height` lines of `width` cells."""
    shares = pictures.grey_shares(sample.original.reshape(shape))
    return pictures.picture(shares, width, height, pictures.grey_inks(style), sheet)


def _text(sample: PredictedSample, cell: CellSamples, is_chosen: bool, style: ChartStyle) -> list[Strip]:
    """Return TEXT_HEIGHT lines: number, label and prediction, probabilities as bars."""
    width = text_width_of(cell)
    label, predicted = (
        short_name(cell.name(at), MOST_NAME, style.ascii_only) for at in (sample.label, sample.predicted)
    )
    names = f"{label}{style.pick('→', '>')}{predicted}"
    number = f"#{sample.number}"
    gap = " " * max(1, width - len(number) - cell_len(names))
    inks = (MARKED, MARKED, MARKED) if is_chosen else (ink(None, bold=True), None, style.muted)
    lines = [strip_of(zip((names, gap, number), inks, strict=True))]
    lines += probability_bars(sample, cell, LIKELIEST, width, 2, style)
    lines += [Strip.blank(0)] * (TEXT_HEIGHT - len(lines))
    return [line.adjust_cell_length(width) for line in lines]


def probability_bars(
    sample: PredictedSample, cell: CellSamples, count: int, width: int, decimals: int, style: ChartStyle
) -> list[Strip]:
    """Return the likeliest classes, `count` at the most, each a line of `width` cells with its probability.

    The label has a star and is blue, a prediction that is not the label orange.
    """
    colors = pictures.signed_colors(style.dark)
    names = cell.class_names
    figures = longest_name(names, MOST_NAME) if names else len(str(len(sample.likeliest) - 1))
    room = max(1, width - figures - 1 - (decimals + 3))
    lines = []
    for number, share in sample.likeliest[:count]:
        color = style.muted
        if not style.monochrome and number in (sample.label, sample.predicted):
            color = ink(colors[-5 if number == sample.label else 4])
        length = round(share * room)
        shown = name_cells(cell.name(number), figures, style.ascii_only, at_right=not names)
        name: Span = (f"{shown}{'*' if number == sample.label else ' '}", None)
        bar: Span = (style.pick("█", "#") * length, color)
        value: Span = (f"{share:>{decimals + 3}.{decimals}f}", style.muted)
        lines.append(strip_of([name, bar, (" " * (room - length), None), value]))
    return lines
