"""What `--pixels` makes of the values: raw, unit or standardized, as float32 on the CPU.

Works in place and in chunks: beside the float32 values only a few MB are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logreg_tui.core.arrays import Arrays, row_chunks
from logreg_tui.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np


CACHE_LINE = 64


def scaled_inputs(arrays: Arrays, pixels: str) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test inputs, shape (samples, features), float32, C-contiguous, finite.

    The arrays' own inputs may be overwritten. Statistics are the training set's alone.
    Raises UserError where a test value is too far from the training set's for float32.
    """
    train, test = _float32(arrays.train_inputs), _float32(arrays.test_inputs)
    if pixels == "unit":
        _scale_to_unit(train, test, arrays.brightest)
    elif pixels == "standardized":
        _standardize(train, test)
    return train, test


def _float32(inputs: np.ndarray) -> np.ndarray:

    values = _aligned((len(inputs), inputs[0].size))
    values[:] = inputs.reshape(values.shape)
    return values


def _aligned(shape: tuple[int, int]) -> np.ndarray:
    """Return a float32 array that starts at a cache line: where it starts decides bits of products."""
    import numpy as np

    size = 4 * shape[0] * shape[1]
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(np.float32).reshape(shape)


def _scale_to_unit(train: np.ndarray, test: np.ndarray, brightest: float | None) -> None:
    """Map 0..brightest, or the range of all training values, to 0..1; one single value maps to 0."""
    import numpy as np

    if brightest is not None:
        for inputs in (train, test):
            inputs /= np.float32(brightest)
        return
    low, high = float(train.min()), float(train.max())
    for inputs in (train, test):
        _shift_and_divide(inputs, np.array([low]), np.array([high - low]), "unit")


def _standardize(train: np.ndarray, test: np.ndarray) -> None:
    """Give every feature mean 0 and standard deviation 1; what is constant in training becomes 0."""
    import numpy as np

    mean = np.zeros(train.shape[1])
    for rows in row_chunks(train):
        mean += train[rows].sum(axis=0, dtype=np.float64)
    mean /= len(train)
    # A second pass: the difference of large sums would lose a small deviation.
    variance = np.zeros(train.shape[1])
    for rows in row_chunks(train):
        difference = train[rows] - mean
        variance += np.square(difference, out=difference).sum(axis=0)
    deviation = np.sqrt(variance / len(train))
    # A rounded mean gives a constant a deviation that is tiny but not zero.
    deviation[train.min(axis=0) == train.max(axis=0)] = 0
    for inputs in (train, test):
        _shift_and_divide(inputs, mean, deviation, "standardized")


def _shift_and_divide(inputs: np.ndarray, shift: np.ndarray, divisor: np.ndarray, pixels: str) -> None:
    """Replace inputs by (inputs - shift) / divisor, computed in float64, and by 0 where divisor is 0."""
    import numpy as np

    is_constant = divisor == 0
    safe_divisor = np.where(is_constant, 1.0, divisor)
    for rows in row_chunks(inputs):
        values = inputs[rows] - shift
        values /= safe_divisor
        values *= ~is_constant
        with np.errstate(over="ignore"):
            inputs[rows] = values
        if not np.isfinite(inputs[rows]).all():
            raise UserError(
                f"test inputs are too far from the training inputs for --pixels {pixels}: use --pixels raw"
            )
