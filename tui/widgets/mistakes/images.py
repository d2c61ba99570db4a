"""The test samples of one cell of the table: a picture of each, its number, and what the model says.

Nothing here knows of a screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.style import Style
from textual.strip import Strip

from logreg_tui.tui.widgets import pictures
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.mistakes.study import LIKELIEST, MOST_SAMPLES, CellSamples, Sample
from logreg_tui.tui.widgets.spans import Part, strip_of
from logreg_tui.tui.widgets.weights.view import beside

if TYPE_CHECKING:
    from logreg_tui.core.training.snapshots import ParametersSnapshot

GAP = 2
TEXT_WIDTH = 16
"""Cells of the lines about a sample."""
TEXT_HEIGHT = 1 + LIKELIEST
LEAST_HEIGHT = 4
"""Lines of a picture that may still be recognised."""
WANTED = 6
"""As many samples as this are in view, where there are so many, before pictures get larger."""
VALUE_WIDTH = 5


@dataclass(frozen=True, slots=True)
class Page:
    """How the samples are laid out."""

    width: int
    height: int
    """Cells of a picture; 0 where there is none."""
    is_beside: bool
    """Whether the text stands at the right of its picture, or below."""
    across: int
    down: int

    @property
    def samples(self) -> int:
        """How many are shown at a time."""
        return min(MOST_SAMPLES, self.across * self.down)

    @property
    def tile(self) -> tuple[int, int]:
        """Cells of a picture with its text."""
        if self.is_beside:
            return self.width + bool(self.width) + TEXT_WIDTH, max(self.height, TEXT_HEIGHT)
        return max(self.width, TEXT_WIDTH), self.height + TEXT_HEIGHT


@lru_cache(maxsize=64)
def arrange(shape: tuple[int, int] | None, samples: int, width: int, height: int) -> Page:
    """Return the layout with the largest pictures that shows WANTED of so many samples at a time."""
    pages = list(_pages(shape, width, height))
    least = 0 if shape is None else min(LEAST_HEIGHT, math.ceil(shape[0] / 2))
    pages = [page for page in pages if page.height >= least] or pages
    wanted = min(samples, WANTED)
    enough = [page for page in pages if page.samples >= wanted]
    if enough:
        return max(enough, key=lambda page: page.width * page.height)
    return max(pages, key=lambda page: (page.samples, page.width * page.height))


def _pages(shape: tuple[int, int] | None, width: int, height: int) -> Iterator[Page]:
    """Yield every layout that fits, or one that does not."""
    if shape is None:
        yield _page((0, 0), True, width, height)
        return
    for is_beside in (False, True):
        room = width - TEXT_WIDTH - 1 if is_beside else width
        most = height if is_beside else height - TEXT_HEIGHT
        for lines in range(min(LEAST_HEIGHT, max(1, most)), max(1, most) + 1):
            yield _page(pictures.fitted(shape, max(1, room), lines), is_beside, width, height)


def _page(picture: tuple[int, int], is_beside: bool, width: int, height: int) -> Page:
    tile = Page(*picture, is_beside, 1, 1).tile
    across, down = (width + GAP) // (tile[0] + GAP), (height + 1) // (tile[1] + 1)
    return Page(*picture, is_beside, max(1, across), max(1, down))


def draw_images(
    cell: CellSamples,
    parameters: ParametersSnapshot,
    width: int,
    height: int,
    has_focus: bool,
    look: ChartStyle,
) -> list[Strip]:
    """Return the lines of the panel."""
    page = page_of(cell, width, height)
    shown = cell.samples[: page.samples]
    lines = [_title(cell, len(shown), parameters, width)]
    if not shown:
        text = f"No test sample with label {cell.wanted.label} is predicted as {cell.wanted.predicted} now."
        lines.append(strip_of([(text, look.muted)]))
    for start in range(0, len(shown), page.across):
        tiles = [_tile(sample, cell, page, look) for sample in shown[start : start + page.across]]
        lines += [*beside(tiles, GAP), Strip.blank(0)]
    lines = [*lines[: height - 1], *[Strip.blank(0)] * (height - 1 - len(lines))]
    hint = "left/right: turn the page   escape: back to the table" if has_focus else "click or tab: come here"
    return [*lines, strip_of([(hint[:width], look.muted)])]


def page_of(cell: CellSamples, width: int, height: int) -> Page:
    """Return how the samples of a cell are laid out in a panel of this size."""
    return arrange(cell.image_shape, len(cell.numbers), width, height - 2)


def _title(cell: CellSamples, shown: int, parameters: ParametersSnapshot, width: int) -> Strip:
    wanted = cell.wanted
    which = f"{cell.position + 1}-{cell.position + shown} of {len(cell.numbers):,}" if shown else "none"
    texts = (
        f"Label {wanted.label} predicted as {wanted.predicted}: {which}   "
        f"Run {parameters.run} {parameters.head}  epoch {parameters.epoch:,}",
        f"Label {wanted.label} predicted as {wanted.predicted}: {which}   epoch {parameters.epoch:,}",
        f"Label {wanted.label} predicted as {wanted.predicted}: {which}",
    )
    text = next((text for text in texts if len(text) <= width), texts[-1])
    return strip_of([(text, ink(None, bold=True))])


def _tile(sample: Sample, cell: CellSamples, page: Page, look: ChartStyle) -> list[Strip]:
    """Return a picture and its text, as wide and high as the page's tiles."""
    width, height = page.tile
    text = _text(sample, cell, look)
    if cell.image_shape is None:
        return text
    image = _image(sample, cell.image_shape, page, look)
    if page.is_beside:
        text += [Strip.blank(TEXT_WIDTH)] * (height - len(text))
        image += [Strip.blank(page.width)] * (height - len(image))
        return beside([image, text], 1)
    return [line.adjust_cell_length(width) for line in (*image, *text)]


def _image(sample: Sample, shape: tuple[int, int], page: Page, look: ChartStyle) -> list[Strip]:
    inks = pictures.grey_inks(
        look.dark, look.background, has_color=not look.monochrome, has_blocks=not look.ascii_only
    )
    shares = pictures.grey_shares(sample.stored.reshape(shape))
    return pictures.picture(shares, page.width, page.height, inks)


def _text(sample: Sample, cell: CellSamples, look: ChartStyle) -> list[Strip]:
    """Return TEXT_HEIGHT lines of TEXT_WIDTH cells: number, label and prediction, probabilities as bars."""
    arrow = look.pick("→", ">")
    names = f"{cell.wanted.label}{arrow}{cell.wanted.predicted}"
    number = f"#{sample.number}"
    gap = " " * max(1, TEXT_WIDTH - len(number) - len(names))
    lines = [strip_of([(names, ink(None, bold=True)), (gap, None), (number, look.muted)])]
    lines += [_bar(*each, cell, look) for each in sample.likeliest]
    lines += [Strip.blank(0)] * (TEXT_HEIGHT - len(lines))
    return [line.adjust_cell_length(TEXT_WIDTH) for line in lines]


def _bar(number: int, share: float, cell: CellSamples, look: ChartStyle) -> Strip:
    """Return a class, its probability as a bar and as a figure; the label is marked by a star."""
    name = f"{number}{'*' if number == cell.wanted.label else ' '}"
    room = max(1, TEXT_WIDTH - len(name) - VALUE_WIDTH)
    length = round(share * room)
    parts: list[Part] = [(name, None), (look.pick("█", "#") * length, _bar_style(number, cell, look))]
    return strip_of([*parts, (" " * (room - length), None), (f"{share:>{VALUE_WIDTH}.2f}", look.muted)])


def _bar_style(number: int, cell: CellSamples, look: ChartStyle) -> Style:
    """Return the colour of a bar: blue for the label, orange for a wrong prediction."""
    colors = pictures.signed_colors(look.dark)
    if look.monochrome or number not in (cell.wanted.label, cell.wanted.predicted):
        return look.muted
    return ink(colors[-5] if number == cell.wanted.label else colors[4])
