"""Smoothing as TensorBoard does it: an exponential moving average over the rows, without its bias.

s[t] = sum(w^(t-i) y[i]) / sum(w^(t-i)): the first row is itself, and a new row moves no earlier one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WEIGHTS = (0.0, 0.6, 0.9, 0.99)
"""What can be chosen; 0 is off."""
LARGEST_RATIO = 1e10
"""Between the weights inside one block, for the sake of rounding."""


def smooth(values: np.ndarray, piece: np.ndarray, weight: float) -> np.ndarray:
    """Return the average, begun anew with each piece; NaN where a row belongs to none (-1).

    values, piece: shape (rows,).
    """
    import numpy as np

    result = np.full(len(values), np.nan)
    drawn = np.flatnonzero(piece >= 0)
    starts = np.flatnonzero(np.diff(piece[drawn], prepend=-1))
    for rows in np.split(drawn, starts[1:]):
        result[rows] = _average(values[rows], weight)
    return result


def _average(values: np.ndarray, weight: float) -> np.ndarray:
    """Return the average of one piece, computed block by block."""
    import numpy as np

    if weight <= 0 or len(values) < 2:
        return values
    block = max(1, int(-np.log(LARGEST_RATIO) / np.log(weight)))
    count = -(-len(values) // block)
    padded = np.zeros(count * block)
    padded[: len(values)] = values
    powers = weight ** np.arange(block)
    sums = np.cumsum(padded.reshape(count, block) / powers, axis=1) * powers
    carried = 0.0
    for row in sums:
        row += carried * weight * powers
        carried = row[-1]
    steps = np.arange(1, len(values) + 1)
    average: np.ndarray = sums.reshape(-1)[: len(values)] * (1 - weight) / -np.expm1(steps * np.log(weight))
    return average
