"""The samples of one split on the device: how their inputs are kept, cut into blocks with their labels.

Cut and kind of the blocks follow from the data alone, so that the results depend neither on the
machine's load nor on its number of threads.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from logreg_tui.core.data.arrays import row_chunks
from logreg_tui.core.data.inputs import Inputs, Scaling, padded_width, with_ones
from logreg_tui.core.engine.blocks import SMALL_INDEX, DenseBlock, SparseBlock, SparseRows
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.memory import available_memory

BLOCK_ROWS = 3750
"""Rows of a dense block on a processor, so that what is computed from them stays in its cache."""
SPARSE_BLOCK_ROWS = 1875
"""Rows of a sparse block likewise: their gradients are read in no order."""
BLOCK_VALUES = 1 << 19
"""Values in a block at least: less is done sooner than handed to another thread."""
MOST_BLOCK_VALUES = 1 << 23
"""Values in a block at most that goes through the processor's memory: several are there at once."""
GPU_BLOCK_ROWS = 1 << 17
MOST_NONZERO_BYTES = 0.55
"""Share of bytes that are not zero up to which sparse products are the faster ones."""
MOST_NONZERO_FLOATS = 0.25
"""Share of other values likewise: they lie beside the sparse ones, as they are somebody else's."""
MOST_BYTES_PER_VALUE = 5.2
"""Memory that the data may take: as much as float32, and 30 % more."""
MOST_OF_MEMORY = 0.7
"""Share of the free memory that data from disk may fill."""
READ_AHEAD = 8
"""Blocks that are read from disk while others are computed."""

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class StorageLayout:
    """The form in which inputs are kept on the device."""

    features: int
    """D, all features."""
    columns: np.ndarray
    """Features that are kept, ascending: those that are zero in every sample are not."""
    is_sparse: bool = False
    """True if only values that are not zero are kept, as they are stored, for compiled kernels."""
    is_streamed: bool = False
    """True if every pass reads the inputs from where they are stored."""
    scaling: Scaling | None = None
    """The scaling of sparse values that is still to be applied."""
    values: np.dtype = np.dtype(np.float32)
    """Type of the values: bytes or float32."""
    index: np.dtype = np.dtype(np.uint16)
    """Type that numbers the rows of a block and the kept features, if sparse."""

    @property
    def width(self) -> int:
        """K of dense rows: the kept features, a 1, and zeros up to a cache line."""
        return padded_width(len(self.columns) + 1)

    def empty(self, rows: int) -> np.ndarray:
        """Return dense rows of zeros, but for the ones, shape (rows, K)."""
        return with_ones(rows, len(self.columns))


def choose_storage(
    splits: Sequence[Inputs],
    device: torch.device,
    team: ThreadTeam,
    memory_limit: int | None,
    *,
    may_be_sparse: bool = True,
) -> StorageLayout:
    """Look through all inputs and return how they are kept on the device.

    Those that lie on disk are streamed if they take more than `memory_limit` bytes, None being what is free.
    """
    features = splits[0].shape[1]
    if splits[0].source.is_on_disk:
        # The same but for the streaming, so that the results are too.
        storage = StorageLayout(features, np.arange(features))
        needed = 4 * storage.width * sum(len(inputs) for inputs in splits)
        if needed <= (memory_limit or _free_memory(device)):
            return storage
        return StorageLayout(features, storage.columns, is_streamed=True)
    are_bytes = all(inputs.are_bytes for inputs in splits)
    found = [_find_nonzero(inputs, team, are_stored=are_bytes) for inputs in splits]
    is_used = np.any([is_used for is_used, _ in found], axis=0)
    scaling = splits[0].scaling if are_bytes else None
    columns = np.flatnonzero(is_used if scaling is None else is_used & (scaling.divisor != 0))
    share = sum(count for _, count in found) / (sum(map(len, splits)) * max(1, len(columns)))
    index = np.dtype(np.uint16 if len(columns) <= SMALL_INDEX else np.uint32)
    if may_be_sparse and _is_sparse(splits[0], share, device, index, are_bytes=are_bytes):
        values = np.dtype(np.uint8 if are_bytes else np.float32)
        return StorageLayout(features, columns, True, False, scaling, values, index)
    if splits[0].ready(0, 1) is not None:
        # Float32 rows are used where they lie.
        columns = np.arange(features)
    elif scaling is not None:
        columns = np.flatnonzero((is_used | (scaling.shift != 0)) & (scaling.divisor != 0))
    return StorageLayout(features, columns)


def _free_memory(device: torch.device) -> int:
    """Return how many bytes of the device's memory may be used: what is free, less a margin."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
    return sys.maxsize if free is None else int(free * MOST_OF_MEMORY)


def _find_nonzero(inputs: Inputs, team: ThreadTeam, *, are_stored: bool) -> tuple[np.ndarray, int]:
    """Return which features are not zero in every sample, and how many stored, or scaled, values are not."""
    bounds = block_bounds_of(inputs.shape, torch.device("cpu"))
    used: dict[int, np.ndarray] = {}
    counts: dict[int, int] = {}

    def find(index: int) -> None:
        is_nonzero = (inputs.stored if are_stored else inputs.read)(*bounds[index]) != 0
        used[index], counts[index] = np.asarray(is_nonzero.any(axis=0)), int(np.count_nonzero(is_nonzero))

    team.run(find, len(bounds))
    return np.any(list(used.values()), axis=0), sum(counts.values())


def _is_sparse(
    inputs: Inputs, share_nonzero: float, device: torch.device, index: np.dtype, *, are_bytes: bool
) -> bool:
    if device.type != "cpu":
        return False
    if are_bytes:
        return share_nonzero <= MOST_NONZERO_BYTES
    # A value and its index, in two orientations, beside the values themselves.
    bytes_per_value = inputs.source.dtype.itemsize + 2 * (4 + index.itemsize) * share_nonzero
    return share_nonzero <= MOST_NONZERO_FLOATS and bytes_per_value <= MOST_BYTES_PER_VALUE


def block_bounds_of(
    shape: tuple[int, int], device: torch.device, *, is_streamed: bool = False, is_sparse: bool = False
) -> list[tuple[int, int]]:
    """Return the first row of each block and the one behind its last.

    On a processor they do not depend on `is_streamed`, so that the results do not either.
    """
    samples, features = shape
    is_bounded = is_streamed or device.type == "cpu"
    least = math.ceil(samples * features / MOST_BLOCK_VALUES) if is_bounded and not is_sparse else 1
    if device.type == "cpu":
        rows = SPARSE_BLOCK_ROWS if is_sparse else BLOCK_ROWS
        count = max(1, least, min(samples // rows, samples * features // BLOCK_VALUES))
    else:
        count = max(least, math.ceil(samples / GPU_BLOCK_ROWS))
    rows = math.ceil(samples / count)
    return [(start, min(start + rows, samples)) for start in range(0, samples, rows)]


class SampleBlocks(Generic[B]):
    """Inputs and labels, cut into blocks."""

    def __init__(
        self,
        inputs: Inputs,
        labels: np.ndarray,
        classes: int,
        storage: StorageLayout,
        device: torch.device,
        team: ThreadTeam,
        *,
        has_gradient: bool,
    ) -> None:
        """Move the samples to the device. Raises torch.OutOfMemoryError if they do not fit."""
        self.block_bounds = block_bounds_of(
            inputs.shape, device, is_streamed=storage.is_streamed, is_sparse=storage.is_sparse
        )
        self._inputs = inputs
        self._labels = labels
        self._classes = classes
        self._storage = storage
        self._device = device
        self._has_gradient = has_gradient
        self._own = threading.local()
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

            def streamed(index: int) -> Any:  # noqa: ANN401  only dense blocks are streamed
                return self._streamed(index, stored.take(index))

            yield streamed

    def _stored(self, index: int) -> np.ndarray:
        return self._inputs.stored(*self.block_bounds[index])

    def _keep(self, index: int) -> None:
        self._kept[index] = self._sparse(index) if self._storage.is_sparse else self._dense(index)

    def _sparse(self, index: int) -> SparseBlock:
        start, stop = self.block_bounds[index]
        # Part by part: the places of all would take several times what is kept of them.
        rows = SparseRows.of(self._chunks(start, stop), self._storage.columns, self._storage.index)
        columns = rows.transposed(len(self._storage.columns)) if self._has_gradient else None
        return SparseBlock(rows, columns, np.ascontiguousarray(self._labels[start:stop], np.int64))

    def _chunks(self, start: int, stop: int) -> Iterator[np.ndarray]:
        read = self._inputs.stored if self._storage.values == np.uint8 else self._inputs.read
        for part in row_chunks((stop - start, self._storage.features)):
            values = read(start + part.start, start + part.stop)
            yield np.ascontiguousarray(values).view(self._storage.values)

    def _dense(self, index: int) -> DenseBlock:
        ready = self._inputs.ready(*self.block_bounds[index])
        if ready is not None and ready.shape[1] == self._storage.width:
            return self._dense_block(index, ready)
        stored = self._stored(index)
        rows = self._storage.empty(len(stored))
        self._fill(rows, stored)
        return self._dense_block(index, rows)

    def _dense_block(self, index: int, rows: np.ndarray) -> DenseBlock:
        labels = torch.as_tensor(self._labels[slice(*self.block_bounds[index])]).to(self._device)
        one_hot = torch.zeros(self._classes, len(labels), device=self._device)
        return DenseBlock(
            torch.from_numpy(rows).to(self._device), labels, one_hot.scatter_(0, labels[None], 1.0)
        )

    def _streamed(self, index: int, stored: np.ndarray) -> DenseBlock:
        # One buffer per thread: fresh memory costs as much as a product.
        rows = getattr(self._own, "rows", None)
        if rows is None or len(rows) < len(stored):
            rows = self._own.rows = self._storage.empty(len(stored))
        self._fill(rows[: len(stored)], stored)
        return self._dense_block(index, rows[: len(stored)])

    def _fill(self, rows: np.ndarray, stored: np.ndarray) -> None:
        """Fill the kept features of dense rows, shape (rows, K)."""
        columns = self._storage.columns
        if len(columns) == self._inputs.shape[1]:
            self._inputs.scaled(stored, rows[:, : len(columns)])
            return
        for part in row_chunks(stored.shape):
            rows[part, : len(columns)] = self._inputs.scaled(stored[part])[:, columns]


class ReadAhead:
    """A thread that reads blocks before they are asked for, a few at a time."""

    def __init__(self, read: Callable[[int], np.ndarray], count: int) -> None:
        self._read = read
        self._count = count
        self._pool = ThreadPoolExecutor(1, "read")
        self._reading: dict[int, Future[np.ndarray]] = {}
        self._next = 0
        self._lock = threading.Lock()

    def __enter__(self) -> ReadAhead:
        self._go_on_to(READ_AHEAD)
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def take(self, index: int) -> np.ndarray:
        """Return what was read of a block; asked for once each. Raises what reading raised."""
        self._go_on_to(index + 1 + READ_AHEAD)
        return self._reading.pop(index).result()

    def _go_on_to(self, stop: int) -> None:
        with self._lock:
            while self._next < min(stop, self._count):
                self._reading[self._next] = self._pool.submit(self._read, self._next)
                self._next += 1
