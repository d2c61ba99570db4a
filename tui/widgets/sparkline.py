"""Curves of one line of text: values as blocks of up to eight eighths."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from statistics import fmean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII_BLOCKS = " .:-=+o%#"
LEAST_SCALE = 1e-9
LEAST_SPAN = 0.01
"""Values of a trend that differ by less look alike."""
PARTS = 48
"""Values of a trend: more than a small curve has cells."""
SAMPLES = 32
"""Values of a part of a trend that are averaged at most."""


def block(value: float | None, scale: float, ascii_only: bool) -> str:
    """Return a value as a block of up to eight eighths of `scale`; what is above 0 is never empty."""
    blocks = ASCII_BLOCKS if ascii_only else BLOCKS
    if value is None or value <= 0:
        return blocks[0]
    eighths = round(8 * value / max(scale, LEAST_SCALE))
    return blocks[max(1, min(8, eighths))]


def trend(values: np.ndarray | Sequence[float]) -> tuple[float, ...]:
    """Return the means of PARTS equal parts of the values, shape (rows,); of few rows, the rows."""
    count = len(values)
    if count <= PARTS:
        return tuple(map(float, values))
    edges = [at * count // PARTS for at in range(PARTS + 1)]
    parts = (
        values[start : end : max(1, (end - start) // SAMPLES)]
        for start, end in zip(edges[:-1], edges[1:], strict=True)
    )
    return tuple(fmean(part) for part in parts)


def sparkline(values: Sequence[float], cells: int, ascii_only: bool) -> str:
    """Return the values in `cells` cells; the better half of them fills the upper half of the heights.

    A steep start would press all that comes after it flat otherwise.
    """
    if len(values) > cells:
        edges = [at * len(values) // cells for at in range(cells + 1)]
        values = [fmean(values[start:end]) for start, end in zip(edges[:-1], edges[1:], strict=True)]
    known = [value for value in values if isfinite(value)]
    if not known:
        return " " * cells
    high = max(known)
    span = max(2 * (high - median(known)), LEAST_SPAN)
    blocks = ASCII_BLOCKS if ascii_only else BLOCKS
    text = "".join(
        blocks[8 - min(7, round(7 * (high - value) / span))] if isfinite(value) else " " for value in values
    )
    return text.ljust(cells)
