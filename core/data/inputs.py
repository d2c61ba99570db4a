"""Inputs as they were read, and the values that `--pixels` makes of them when they are used.

Bytes stay bytes until a part of them is read as float32: the engine chooses what it keeps, and
data that lie on disk need never be in memory as a whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from logreg_tui.core.data.arrays import row_chunks
from logreg_tui.core.data.sparse.csr import CsrSource

CACHE_LINE = 64


class Source(Protocol):
    """A source of values: an array, or files."""

    shape: tuple[int, int]
    """Samples and features."""
    dtype: np.dtype
    is_on_disk: bool

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the values of rows start to stop, shape (stop - start, features); any thread may ask."""
        ...


class ArraySource:
    """Values in memory."""

    is_on_disk = False

    def __init__(self, values: np.ndarray, padded: np.ndarray | None = None) -> None:
        """Take values of shape (samples, features) or (samples, rows, columns), which are not copied.

        `padded`, as `with_ones` returns it, is what they are a view of.
        """
        self.values = values.reshape(len(values), -1)
        self.padded = padded
        self.shape = (int(self.values.shape[0]), int(self.values.shape[1]))
        self.dtype = values.dtype

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return a view of the rows start to stop."""
        return self.values[start:stop]


@dataclass(frozen=True, slots=True)
class Scaling:
    """(value - shift) / divisor for each feature, or 0 if the divisor is 0."""

    shift: np.ndarray
    """Shape (features,) or (1,), float64."""
    divisor: np.ndarray
    """Likewise."""

    def apply(self, values: np.ndarray, out: np.ndarray) -> None:
        """Fill out, float32, from values of the same shape; the two may be one."""
        # Small integers lose nothing in float32, which is several times as fast.
        dtype = np.float32 if values.dtype.kind in "biu" and values.dtype.itemsize <= 2 else np.float64
        is_constant = self.divisor == 0
        shift, divisor = self.shift.astype(dtype), np.where(is_constant, 1.0, self.divisor).astype(dtype)
        for rows in row_chunks(values.shape):
            scaled = values[rows] - shift
            scaled /= divisor
            if is_constant.any():
                scaled *= ~is_constant
            with np.errstate(over="ignore"):
                out[rows] = scaled


class Inputs:
    """Inputs of some samples: shape (samples, features), float32 and finite once read."""

    def __init__(
        self,
        source: Source,
        scaling: Scaling | None = None,
        start: int = 0,
        stop: int | None = None,
        *,
        applied: Scaling | None = None,
    ) -> None:
        self.source = source
        self.applied = applied
        """The scaling that the stored values have been through already, if any."""
        self._scaling = scaling
        self._start = start
        self._stop = source.shape[0] if stop is None else stop
        self.shape = (self._stop - start, source.shape[1])

    @classmethod
    def of(cls, inputs: Inputs | np.ndarray) -> Inputs:
        """Return inputs as they are, or an array (samples, features) as inputs."""
        return inputs if isinstance(inputs, Inputs) else cls(ArraySource(inputs))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: np.typing.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """Return all values, float32, as NumPy asks for them."""
        values = self.read(0, len(self))
        return values if dtype is None else values.astype(dtype)

    @property
    def scaling(self) -> Scaling | None:
        """The scaling that makes the inputs of the stored values; None if these differ in type only."""
        return self._scaling

    @property
    def are_bytes(self) -> bool:
        """True if the values are stored as bytes."""
        return self.source.dtype in (np.uint8, np.bool_)

    @property
    def is_sparse(self) -> bool:
        """True if only the values that are not zero are stored."""
        return isinstance(self.source, CsrSource)

    def csr(self, start: int, stop: int) -> CsrSource:
        """Return the rows start to stop of sparse inputs as they are stored."""
        assert isinstance(self.source, CsrSource), "only asked of sparse inputs"
        return self.source.rows(self._start + start, self._start + stop)

    def product(self, start: int, stop: int, weight: np.ndarray) -> np.ndarray:
        """Return X W^T of the rows start to stop for W (outputs, features): (rows, outputs), float32."""
        if self.is_sparse:
            return self.csr(start, stop).product(weight)
        return np.asarray(self.read(start, stop) @ weight.T)

    def __getitem__(self, rows: slice) -> Inputs:
        """Return the inputs of some rows next to each other."""
        start, stop, _ = rows.indices(len(self))
        return Inputs(
            self.source, self._scaling, self._start + start, self._start + stop, applied=self.applied
        )

    def original(self, start: int, stop: int) -> np.ndarray:
        """Return rows start to stop before any scaling: as they are stored, or scaled back, float64."""
        values = self.stored(start, stop)
        return values if self.applied is None else values * self.applied.divisor + self.applied.shift

    def stored(self, start: int, stop: int) -> np.ndarray:
        """Return rows start to stop as they are stored, before the scaling that reading them does."""
        return self.source.read(self._start + start, self._start + stop)

    def ready(self, start: int, stop: int) -> np.ndarray | None:
        """Return rows start to stop laid out as by `with_ones`, or None if they are not stored so."""
        if (
            self._scaling is not None
            or not isinstance(self.source, ArraySource)
            or self.source.padded is None
        ):
            return None
        return self.source.padded[self._start + start : self._start + stop]

    def read(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """Return the rows start to stop as float32, in `out` if given, shape (rows, features)."""
        return self.scaled(self.stored(start, stop), out)

    def scaled(self, stored: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return rows that `stored` gave as float32, in `out` if given."""
        if out is None:
            if self._scaling is None and stored.dtype == np.float32:
                return stored
            out = np.empty((len(stored), self.shape[1]), np.float32)
        if self._scaling is None:
            out[:] = stored
        else:
            self._scaling.apply(stored, out)
        return out


def with_ones(rows: int, features: int) -> np.ndarray:
    """Return rows of `features` zeros, a 1 behind them, and padding, float32.

    They start at a cache line, because where they start decides bits of products.
    """
    width = padded_width(features + 1)
    memory = np.zeros(4 * rows * width + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    values = memory[start : start + 4 * rows * width].view(np.float32).reshape(rows, width)
    values[:, features] = 1
    return values


def padded_width(values: int) -> int:
    """Return the least number of float32 values, `values` or more, that fills whole cache lines."""
    line = CACHE_LINE // 4
    return math.ceil(values / line) * line
