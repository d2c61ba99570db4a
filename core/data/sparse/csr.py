"""Compressed sparse rows: of inputs that are mostly zero, the values that are not."""

from __future__ import annotations

import numpy as np


class CsrSource:
    """Sparse inputs in memory: row i has values[starts[i] : starts[i + 1]] in the features `index`.

    Whole samples become dense only if a few of them are read.
    """

    is_on_disk = False

    def __init__(self, starts: np.ndarray, index: np.ndarray, values: np.ndarray, features: int) -> None:
        """Take starts (samples + 1,), from 0 on, index (non-zeros,), ascending in a row, and values, float32.

        Nothing is copied.
        """
        self.starts = starts
        self.index = index
        self.values = values
        self.shape = (len(starts) - 1, features)
        self.dtype = values.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes."""
        return self.starts.nbytes + self.index.nbytes + self.values.nbytes

    def rows(self, start: int, stop: int) -> CsrSource:
        """Return the rows start to stop, values and index as views."""
        first, last = self.starts[start], self.starts[stop]
        starts = self.starts[start : stop + 1] - first
        return CsrSource(starts, self.index[first:last], self.values[first:last], self.shape[1])

    def take(self, samples: np.ndarray) -> CsrSource:
        """Return the rows of these numbers, shape (samples,), in their order."""
        counts = np.diff(self.starts)[samples]
        starts = np.concatenate([[0], np.cumsum(counts)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[samples] - starts[:-1], counts)
        return CsrSource(starts, self.index[places], self.values[places], self.shape[1])

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the rows start to stop with their zeros, shape (stop - start, features)."""
        found = self.rows(start, stop)
        dense = np.zeros(found.shape, self.dtype)
        dense[np.repeat(np.arange(stop - start), np.diff(found.starts)), found.index] = found.values
        return dense

    def product(self, weight: np.ndarray) -> np.ndarray:
        """Return X W^T of all rows for W (outputs, features), shape (samples, outputs)."""
        # Imported where it is used: only sparse inputs need it.
        from scipy.sparse import csr_matrix

        matrix = csr_matrix((self.values, self.index, self.starts), self.shape)
        return np.asarray(matrix @ weight.T)

    def deviations(self) -> np.ndarray:
        """Return the standard deviation of each feature over all rows, shape (features,), float64."""
        samples, features = self.shape
        counts = np.bincount(self.index, minlength=features)
        mean = np.bincount(self.index, self.values, features) / samples
        # A second pass: the difference of large sums would lose a small deviation.
        squares = np.bincount(self.index, np.square(self.values - mean[self.index]), features)
        return np.asarray(np.sqrt((squares + (samples - counts) * np.square(mean)) / samples))

    def largest(self) -> np.ndarray:
        """Return the largest |value| of each feature, shape (features,), float64."""
        largest = np.zeros(self.shape[1])
        np.maximum.at(largest, self.index, np.abs(self.values))
        return largest
