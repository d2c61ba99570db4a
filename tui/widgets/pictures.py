"""Matrices as pictures: images of the terminal's own, or made of characters, two pixels per cell with half
blocks, else one character each.

A cell of a terminal is taken to be twice as high as wide. Values are shares of 0..1 of the scale of
colours; NaN is its lowest end for greys and its middle for signed values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from logreg_tui.tui.graphics import Image, ImageSheet
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.palette import BLACK, WHITE, Rgb, blend
from logreg_tui.tui.widgets.spans import Span, paint

SIGNED_LEVELS = 25
"""Few enough that Rich's cache of styles holds all pairs, and that noise changes few cells."""
GREY_LEVELS = 17
MOST_BAR = 24
"""Cells of one side of a bar."""
UPPER_HALF = "▀"

NEGATIVE_ON_DARK: tuple[Rgb, ...] = ((34, 34, 38), (184, 96, 16), (255, 220, 150))
POSITIVE_ON_DARK: tuple[Rgb, ...] = ((34, 34, 38), (32, 110, 196), (176, 222, 255))
NEGATIVE_ON_LIGHT: tuple[Rgb, ...] = ((246, 246, 244), (236, 160, 70), (128, 56, 0))
POSITIVE_ON_LIGHT: tuple[Rgb, ...] = ((246, 246, 244), (100, 164, 224), (0, 58, 128))

SIGNED_CHARACTERS = "%%%===---... '''+++***###"
GREY_CHARACTERS = "  ..::--=++**##%@"


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours and characters of the levels of a picture, from the lowest to the highest."""

    colors: tuple[Rgb, ...] | None
    """One per level; None without colour."""
    characters: str | None
    """One per level if half blocks cannot be used."""

    @property
    def levels(self) -> int:
        """The number of levels."""
        return len(self.colors or self.characters or "")

    @property
    def lines_per_cell(self) -> int:
        """The number of values on top of each other in a cell."""
        return 2 if self.characters is None else 1


@lru_cache(maxsize=16)
def signed_inks(style: ChartStyle) -> Inks:
    """Return inks for values around 0: orange below, blue above, the stronger the further from paper."""
    colors = None if style.monochrome else signed_colors(style.dark)
    return Inks(colors, SIGNED_CHARACTERS if style.monochrome or style.ascii_only else None)


@lru_cache(maxsize=16)
def grey_inks(style: ChartStyle) -> Inks:
    """Return inks for brightness: the brightest stands out most from the background."""
    ends = blend(style.background, WHITE, 0.09 if style.dark else 0.6), WHITE if style.dark else BLACK
    colors = None if style.monochrome else gradient(ends, GREY_LEVELS)
    return Inks(colors, GREY_CHARACTERS if style.monochrome or style.ascii_only else None)


@lru_cache(maxsize=2)
def signed_colors(dark: bool) -> tuple[Rgb, ...]:
    """Return SIGNED_LEVELS colours, those of -1, 0 and 1 first, in the middle and last."""
    negative, positive = (
        (NEGATIVE_ON_DARK, POSITIVE_ON_DARK) if dark else (NEGATIVE_ON_LIGHT, POSITIVE_ON_LIGHT)
    )
    side = SIGNED_LEVELS // 2 + 1
    return gradient(negative, side)[:0:-1] + gradient(positive, side)


def gradient(stops: Sequence[Rgb], count: int) -> tuple[Rgb, ...]:
    """Return colours from the first stop to the last, in even steps."""
    places = [at * (len(stops) - 1) / (count - 1) for at in range(count)]
    parts = [(min(int(place), len(stops) - 2), place) for place in places]
    return tuple(blend(stops[part], stops[part + 1], place - part) for part, place in parts)


def fitted(shape: tuple[int, int], width: int, height: int, *, whole: bool = True) -> tuple[int, int]:
    """Return the cells, across and down, of the largest picture with square pixels that fits.

    An image of `shape` rows and columns that is enlarged is so by a whole number unless `whole` is false:
    in half blocks that keeps it sharp. At least one cell, even if that is too much or not square.
    """
    rows, columns = shape
    scale = min(width / columns, 2 * height / rows)
    scale = int(scale) if whole and scale > 1 else scale
    across, down = round(columns * scale), math.ceil(rows * scale / 2 - 1e-9)
    return max(1, min(width, across)), max(1, min(height, down))


def signed_shares(values: np.ndarray, largest: float) -> np.ndarray:
    """Return values of -largest..largest as shares of the scale; 0 and NaN are the middle."""
    return np.asarray(np.nan_to_num(values) / (2 * (largest or 1)) + 0.5)


def grey_shares(values: np.ndarray) -> np.ndarray:
    """Return values as shares from 0, or from the smallest if that is below 0, to the largest."""
    values = np.nan_to_num(np.asarray(values, np.float32))
    low = min(0.0, float(values.min()))
    return np.asarray((values - low) / ((float(values.max()) - low) or 1))


def resampled(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return matrices (..., rows, columns) at another size, every pixel the mean of what it covers."""
    down, across = _coverage(values.shape[-2], rows), _coverage(values.shape[-1], columns)
    return np.asarray(down @ values @ across.T)


@lru_cache(maxsize=64)
def _coverage(count: int, wanted: int) -> np.ndarray:
    """Return the shares of `count` pixels in each of `wanted` pixels over them, shape (wanted, count)."""
    edges = np.linspace(0, count, wanted + 1)
    pixels = np.arange(count)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    overlap = np.clip(overlap, 0, None)
    return np.asarray(overlap / overlap.sum(1, keepdims=True), np.float32)


def picture(
    shares: np.ndarray,
    width: int,
    height: int,
    inks: Inks,
    sheet: ImageSheet | None = None,
    *,
    is_smooth: bool = False,
) -> list[Strip]:
    """Return a matrix of shares of the scale as `height` strips of `width` cells.

    With a sheet, and inks that need no characters, it is an image of the terminal's own, of sharp pixels
    unless `is_smooth`.
    """
    if sheet is not None and (strips := _image(shares, width, height, inks, sheet, is_smooth)):
        return strips
    lines = inks.lines_per_cell
    rows = _levels(resampled(shares, lines * height, width), inks).reshape(height, lines * width)
    return [_row(row.tobytes(), inks) for row in rows]


def _levels(shares: np.ndarray, inks: Inks) -> np.ndarray:
    return np.asarray(np.clip(np.rint(shares * (inks.levels - 1)), 0, inks.levels - 1), np.uint8)


def _image(
    shares: np.ndarray, width: int, height: int, inks: Inks, sheet: ImageSheet, is_smooth: bool
) -> list[Strip]:
    """Return the strips of an image with square pixels; none if it cannot be shown."""
    if inks.colors is None or inks.characters is not None:
        return []
    most_columns, most_rows = sheet.room(width, height)
    rows, columns = min(shares.shape[0], most_rows), min(shares.shape[1], most_columns)
    levels = _levels(resampled(shares, rows, columns), inks)
    image = Image(tuple(row.tobytes() for row in levels), inks.colors, is_smooth)
    return [Strip([Segment(line)], width) for line in sheet.lines(image, width, height) or []]


@lru_cache(maxsize=4096)
def _row(levels: bytes, inks: Inks) -> Strip:
    """Return one line of cells; for half blocks the upper line of levels stands before the lower."""
    width = len(levels) // inks.lines_per_cell
    pairs = list(zip(levels[:width], levels[-width:], strict=True))
    segments: list[Segment] = []
    start = 0
    for at in range(1, width + 1):
        if at == width or pairs[at] != pairs[start]:
            segments.append(_segment(inks, *pairs[start], at - start))
            start = at
    return Strip(segments, width)


@lru_cache(maxsize=4096)
def _segment(inks: Inks, upper: int, lower: int, count: int) -> Segment:
    if inks.characters is not None:
        style = Style.null() if inks.colors is None else paint(inks.colors[upper], None)
        return Segment(inks.characters[upper] * count, style)
    assert inks.colors is not None
    if upper == lower:
        return Segment(" " * count, paint(None, inks.colors[upper]))
    return Segment(UPPER_HALF * count, paint(inks.colors[upper], inks.colors[lower]))


def signed_bar(share: float, side: int, style: ChartStyle) -> list[Span]:
    """Return a bar of a share of -1..1 from the middle to the left or right, `side` cells at the most."""
    side = min(side, MOST_BAR)
    if side < 1:
        return []
    length = max(1, round(abs(share) * side)) if math.isfinite(share) else 1
    colors = signed_colors(style.dark)
    color = ink(None if style.monochrome else colors[3 if share < 0 else -4])
    bar: Span = (style.pick("█", "=" if share < 0 else "#") * length, color)
    axis: Span = (style.pick("│", "|"), style.axis)
    return [(" " * (side - length), None), bar, axis] if share < 0 else [(" " * side, None), axis, bar]
