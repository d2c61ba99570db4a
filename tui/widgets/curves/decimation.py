"""From columns of losses to few points that look the same: places from 0 to 1, NaN between pieces.

A line is cut into buckets of equal width whose edges never move while the axis stays, so that a
new row changes the end of the line only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

DASH = 2
"""Columns of a dash, and of the gap after it."""
MARGIN = 0.25
"""Columns by which a dash ends inside its own, so that its last dot is not in the gap."""


def pieces(epochs: np.ndarray, x: np.ndarray, y: np.ndarray, breaks: Sequence[float]) -> np.ndarray:
    """Return for each row the number of the unbroken piece it belongs to, -1 where it is not drawn.

    A line is broken where a place is not finite, and after each epoch in `breaks`.
    """
    import numpy as np

    good = np.isfinite(x) & np.isfinite(y)
    number = np.cumsum(~good) + np.searchsorted(np.sort(np.asarray(breaks, dtype=float)), epochs, side="left")
    return np.where(good, number, -1)


def decimate(
    x: np.ndarray, y: np.ndarray, piece: np.ndarray, columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep the lowest and the highest point of each of `columns` buckets and each piece.

    x, y, piece: shape (rows,), places from 0 to 1. Returns the same three, shorter.
    """
    import numpy as np

    drawn = np.flatnonzero(piece >= 0)
    x, y, piece = x[drawn], y[drawn], piece[drawn]
    if len(x) == 0:
        return x, y, piece
    bucket = np.floor(x * columns)
    starts = np.flatnonzero(np.diff(bucket, prepend=-1.0) != 0)
    starts = np.union1d(starts, np.flatnonzero(np.diff(piece, prepend=-1) != 0))
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(x)))
    kept = np.union1d(
        _first_of_each(group, y == np.minimum.reduceat(y, starts)[group]),
        _first_of_each(group, y == np.maximum.reduceat(y, starts)[group]),
    )
    return x[kept], y[kept], piece[kept]


def _first_of_each(group: np.ndarray, hit: np.ndarray) -> np.ndarray:
    import numpy as np

    at = np.flatnonzero(hit)
    first: np.ndarray = at[np.diff(group[at], prepend=-1) != 0]
    return first


def solid(x: np.ndarray, y: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points with a NaN between two pieces: no segment joins them."""
    import numpy as np

    ends = np.flatnonzero(np.diff(piece)) + 1
    return np.insert(x, ends, np.nan), np.insert(y, ends, np.nan)


def dashed(
    x: np.ndarray, y: np.ndarray, piece: np.ndarray, columns: int, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points cut into dashes of equal length on the screen, a NaN after each.

    A dash stays in place while the line before it does.
    """
    import numpy as np

    parts = [np.empty((2, 0))]
    for number in np.unique(piece):
        own = piece == number
        parts.append(_dashes(x[own], y[own], columns, rows))
    points = np.concatenate(parts, axis=1)
    return points[0], points[1]


def _dashes(x: np.ndarray, y: np.ndarray, columns: int, rows: int) -> np.ndarray:
    import numpy as np

    # A row is as high as two columns are wide. Of a jump only a part counts, or noise becomes dust.
    lengths = np.hypot(np.diff(x) * columns, np.minimum(np.abs(np.diff(y)) * rows * 2, DASH))
    way = np.concatenate(([0.0], np.cumsum(lengths)))
    starts = np.arange(0, way[-1], 2 * DASH) + MARGIN
    edges = np.concatenate((starts, starts + DASH - 2 * MARGIN))
    knots = np.union1d(way, edges[edges < way[-1]])
    middle = (knots[1:] + knots[:-1]) / 2 % (2 * DASH)
    shown = (middle > MARGIN) & (middle < DASH - MARGIN)
    before, after = np.concatenate(([False], shown)), np.concatenate((shown, [False]))
    kept = before | after if len(knots) > 1 else np.array([True])
    # The end of a dash is followed by a gap, as is the last point of the piece.
    ends = np.flatnonzero((before & ~after)[kept]) + 1
    points = np.stack((np.interp(knots[kept], way, x), np.interp(knots[kept], way, y)))
    return np.append(np.insert(points, ends, np.nan, axis=1), [[np.nan], [np.nan]], axis=1)
