"""The samples of one split on the device, cut into blocks of rows.

Blocks are float32, bytes or sparse for products by PyTorch, or sparse for compiled kernels.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from logreg_tui.core.data.arrays import row_chunks
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.data.read_ahead import ReadAhead
from logreg_tui.core.data.sparse.csr import CsrSource
from logreg_tui.core.engine.gpu.uploads import Uploads
from logreg_tui.core.engine.storage import GPU_ROWS, StorageLayout
from logreg_tui.core.engine.thread_team import ThreadTeam

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class DenseBlock:
    """Rows of inputs with a column of ones behind them, which carries the bias, and zeros as padding."""

    inputs: Tensor
    """Shape (rows, K), float32."""
    labels: Tensor
    """Shape (rows,), int64."""

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class ByteBlock:
    """Rows of inputs as they are stored: scaling and bias are the weights' concern."""

    inputs: Tensor
    """Shape (rows, K), uint8; on a GPU with rows and columns of zeros as padding."""
    labels: Tensor
    """Shape (rows,), int64; -1 as padding."""
    count: int
    """Rows that are none of the padding."""


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

    @classmethod
    def of_source(cls, source: CsrSource, columns: np.ndarray, index: np.dtype) -> SparseRows:
        """Return sparse inputs, of which the columns, ascending, are all that are not zero."""
        found = np.searchsorted(columns, source.index).astype(index)
        return cls(source.starts.astype(np.int32), found, source.values)

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


@dataclass(frozen=True, slots=True)
class CsrTensors:
    """SparseRows as PyTorch takes them."""

    starts: Tensor
    """Shape (rows + 1,), int32."""
    index: Tensor
    """Shape (non-zeros,), int32."""
    values: Tensor
    """Shape (non-zeros,), float32."""

    @classmethod
    def of(cls, rows: SparseRows, device: torch.device) -> CsrTensors:
        """Return a copy on a device."""
        arrays = rows.starts, rows.index.astype(np.int32), rows.values
        return cls(*(torch.tensor(array, device=device) for array in arrays))


@dataclass(frozen=True, slots=True)
class CsrBlock:
    """The non-zero inputs of some rows, for products by PyTorch."""

    rows: CsrTensors
    columns: CsrTensors | None
    """The same by columns; None if no gradient is asked for."""
    labels: Tensor
    """Shape (rows,), int64."""


class SampleBlocks(Generic[B]):
    """Inputs and labels, cut into blocks."""

    def __init__(
        self,
        inputs: Inputs,
        labels: np.ndarray,
        storage: StorageLayout,
        device: torch.device,
        team: ThreadTeam,
        *,
        has_gradient: bool,
    ) -> None:
        """Move the samples to the device. Raises torch.OutOfMemoryError if they do not fit."""
        self.block_bounds = storage.block_bounds(inputs, device)
        self._inputs = inputs
        self._labels = np.ascontiguousarray(labels, np.int64)
        self._labels_there = torch.from_numpy(self._labels).to(device)
        self._storage = storage
        self._device = device
        self._has_gradient = has_gradient
        self._own = threading.local()
        self._uploads = Uploads(device) if storage.is_streamed and device.type == "cuda" else None
        self._kept: dict[int, Any] = {}
        if not storage.is_streamed:
            team.run(self._keep, len(self.block_bounds))

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], B]]:
        """Give a function from numbers of blocks to blocks, for one pass.

        Blocks that are not kept are read ahead, so the numbers are to rise; such a block is valid until its
        thread asks for the next.
        """
        if not self._storage.is_streamed:
            yield self._kept.__getitem__
            return
        with ReadAhead(self._stored, len(self.block_bounds)) as stored:

            def streamed(index: int) -> Any:  # noqa: ANN401  of the kind that the storage says
                return self._streamed(index, stored.take(index))

            yield streamed

    def _stored(self, index: int) -> np.ndarray:
        return self._inputs.stored(*self.block_bounds[index])

    def _keep(self, index: int) -> None:
        if self._storage.is_sparse:
            self._kept[index] = self._sparse(index)
        elif not self._storage.are_bytes:
            self._kept[index] = self._dense(index)
        elif self._device.type == "cpu":
            self._kept[index] = self._bytes_here(index, self._stored(index))
        else:
            self._kept[index] = self._bytes_on_gpu(index)

    def _streamed(self, index: int, stored: np.ndarray) -> DenseBlock | ByteBlock:
        if self._storage.are_bytes:
            return self._bytes_here(index, stored)
        # One buffer per thread: fresh memory costs as much as a product.
        rows = getattr(self._own, "rows", None)
        if rows is None or len(rows) < len(stored):
            rows = self._own.rows = self._storage.empty(len(stored))
        rows = rows[: len(stored)]
        self._inputs.scaled(stored, rows[:, : self._storage.features])
        return self._dense_block(index, rows)

    def _sparse(self, index: int) -> SparseBlock | CsrBlock:
        start, stop = self.block_bounds[index]
        kept = self._storage.columns, self._storage.index
        if self._inputs.is_sparse:
            rows = SparseRows.of_source(self._inputs.csr(start, stop), *kept)
        else:
            # Part by part: the places of all would take several times what is kept of them.
            rows = SparseRows.of((values for _, values in self._chunks(start, stop)), *kept)
        columns = rows.transposed(len(self._storage.columns)) if self._has_gradient else None
        if self._storage.is_compiled:
            return SparseBlock(rows, columns, self._labels[start:stop])
        by_column = None if columns is None else CsrTensors.of(columns, self._device)
        return CsrBlock(CsrTensors.of(rows, self._device), by_column, self._labels_of(index))

    def _chunks(self, start: int, stop: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the values of some rows, part by part, with where they are among these."""
        read = self._inputs.stored if self._storage.are_bytes else self._inputs.read
        for part in row_chunks((stop - start, self._storage.features)):
            values = read(start + part.start, start + part.stop)
            yield part, np.ascontiguousarray(values).view(self._storage.values)

    def _bytes_here(self, index: int, stored: np.ndarray) -> ByteBlock:
        """Return a block of bytes, where they lie if all features are kept."""
        columns = self._storage.columns
        kept = stored if len(columns) == stored.shape[1] else stored[:, columns]
        # PyTorch warns of memory that must not be written, though nobody writes to it.
        inputs = self._there(np.require(kept, requirements=["C", "W"]).view(np.uint8))
        return ByteBlock(inputs, self._labels_of(index), len(stored))

    def _bytes_on_gpu(self, index: int) -> ByteBlock:
        parts = self._chunks(*self.block_bounds[index])
        return padded_bytes(parts, self._labels_of(index), self._storage, self._device)

    def _labels_of(self, index: int) -> Tensor:
        return self._labels_there[slice(*self.block_bounds[index])]

    def _there(self, values: np.ndarray) -> Tensor:
        if self._uploads is not None:
            return self._uploads.upload(values)
        return torch.from_numpy(values).to(self._device)

    def _dense(self, index: int) -> DenseBlock:
        ready = self._inputs.ready(*self.block_bounds[index])
        if ready is not None and ready.shape[1] == self._storage.width:
            return self._dense_block(index, ready)
        stored = self._stored(index)
        rows = self._storage.empty(len(stored))
        self._inputs.scaled(stored, rows[:, : self._storage.features])
        return self._dense_block(index, rows)

    def _dense_block(self, index: int, rows: np.ndarray) -> DenseBlock:
        return DenseBlock(self._there(rows), self._labels_of(index))


def padded_bytes(
    parts: Iterable[tuple[slice, np.ndarray]], labels: Tensor, storage: StorageLayout, device: torch.device
) -> ByteBlock:
    """Return rows of bytes, which come part by part, with the padding that products on a GPU ask for."""
    count, columns = len(labels), storage.columns
    rows = math.ceil(count / GPU_ROWS) * GPU_ROWS
    inputs = torch.zeros(rows, storage.byte_width, dtype=torch.uint8, device=device)
    padded_labels = torch.full((rows,), -1, device=device)
    padded_labels[:count] = labels
    for part, values in parts:
        inputs[part, : len(columns)] = torch.from_numpy(values[:, columns]).to(device)
    return ByteBlock(inputs, padded_labels, count)
