"""Blocks of rows as they are kept: dense float32 for products by PyTorch, or sparse for compiled kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

SMALL_INDEX = 1 << 16
"""Rows and columns that 16 bits can number."""


@dataclass(frozen=True, slots=True)
class DenseBlock:
    """Rows of inputs with a column of ones behind them, which carries the bias, and zeros as padding."""

    inputs: Tensor
    """Shape (rows, K), float32."""
    labels: Tensor
    """Shape (rows,)."""
    one_hot: Tensor
    """The labels as ones among zeros, shape (classes, rows)."""


@dataclass(frozen=True, slots=True)
class SparseRows:
    """A matrix in compressed sparse rows: row i has values[starts[i] : starts[i + 1]] in columns `index`."""

    starts: np.ndarray
    """Shape (rows + 1,), int32."""
    index: np.ndarray
    """Shape (non-zeros,), ascending within a row; 16 bits if that is enough, else 32."""
    values: np.ndarray
    """Shape (non-zeros,), bytes or float32."""

    @classmethod
    def of(cls, chunks: Iterable[np.ndarray], columns: np.ndarray, index: np.dtype) -> SparseRows:
        """Return the non-zero values in some columns, ascending, of a dense matrix in chunks of its rows."""
        counts, found_index, found_values = [np.zeros(1, np.int64)], [], []
        number: np.ndarray | None = None
        for chunk in chunks:
            if number is None:
                number = np.full(chunk.shape[1], -1)
                number[columns] = np.arange(len(columns))
            places = np.flatnonzero(chunk)
            rows = np.repeat(np.arange(len(chunk)), np.count_nonzero(chunk, axis=1))
            found = number[places - rows * chunk.shape[1]]
            is_kept = found >= 0
            if not is_kept.all():
                places, rows, found = places[is_kept], rows[is_kept], found[is_kept]
            counts.append(np.bincount(rows, minlength=len(chunk)))
            found_index.append(found.astype(index))
            found_values.append(chunk.reshape(-1).take(places))
        starts = np.cumsum(np.concatenate(counts)).astype(np.int32)
        return cls(starts, np.concatenate(found_index), np.concatenate(found_values))

    def transposed(self, columns: int) -> SparseRows:
        """Return the same by columns."""
        rows = np.arange(len(self.starts) - 1, dtype=self.index.dtype)
        # Stable, so that the rows of a column ascend.
        order = np.argsort(self.index, kind="stable")
        starts = np.zeros(columns + 1, np.int32)
        np.cumsum(np.bincount(self.index, minlength=columns), out=starts[1:])
        index = np.repeat(rows, np.diff(self.starts))[order]
        return SparseRows(starts, index, self.values[order])


@dataclass(frozen=True, slots=True)
class SparseBlock:
    """The non-zero inputs of some rows."""

    rows: SparseRows
    columns: SparseRows | None
    """The same by columns; None if no gradient is asked for."""
    labels: np.ndarray
    """Shape (rows,), int64."""
