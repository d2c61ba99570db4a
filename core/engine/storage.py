"""One set of samples on the device: blocks of inputs with their labels.

The cut and the kind of the blocks follow from the data alone, so that what is computed from them
does not depend on the machine's load or its number of threads.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from logreg_tui.core.data.arrays import row_chunks
from logreg_tui.core.data.inputs import Inputs, padded_width, with_ones
from logreg_tui.core.engine.blocks import Block, DenseBlock, SparseBlock
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.memory import available_memory

BLOCK_ROWS = 3750
"""Rows of a block on a processor, so that what is computed from them stays in its cache."""
BLOCK_VALUES = 1 << 19
"""Values in a block at least: less is done sooner than handed to another thread."""
MOST_BLOCK_VALUES = 1 << 23
"""Values in a block at most that goes through the processor's memory: several are there at once."""
GPU_BLOCK_ROWS = 1 << 17
MOST_NONZERO = 0.25
"""Share of values up to which products with sparse rows are the faster ones."""
MOST_BYTES_PER_VALUE = 5.2
"""What the data may take of memory: as much as float32, and 30 % more."""
SPARSE_BYTES = 16
"""A value and its index, in two orientations."""
MOST_OF_MEMORY = 0.7
"""Share of the free memory that data from disk may fill."""
READ_AHEAD = 8
"""Blocks that are read from disk while others are computed."""


@dataclass(frozen=True, slots=True)
class StorageLayout:
    """How inputs are kept on the device."""

    columns: np.ndarray
    """Features that are kept, ascending: those that are zero in every sample are not."""
    is_sparse: bool
    is_streamed: bool = False
    """Whether every pass reads them from where they are stored."""

    @property
    def width(self) -> int:
        """K, the values of a kept row: the features, a 1, and zeros up to a cache line where dense."""
        used = len(self.columns) + 1
        return used if self.is_sparse else padded_width(used)

    def empty(self, rows: int) -> np.ndarray:
        """Return dense rows of zeros, but for the ones, shape (rows, K)."""
        return with_ones(rows, len(self.columns))


@dataclass(frozen=True, slots=True)
class Batch:
    """One block with its labels."""

    block: Block
    labels: Tensor
    """Shape (rows,)."""
    one_hot: Tensor
    """The labels as ones among zeros, shape (classes, rows)."""


def choose_storage(
    splits: Sequence[Inputs], device: torch.device, team: ThreadTeam, memory_limit: int | None
) -> StorageLayout:
    """Look through all inputs and return how they are kept on the device.

    Those that lie on disk and take more than `memory_limit` bytes, None being what is free, are not.
    """
    if splits[0].source.is_on_disk:
        # The same but for the streaming, so that the results are too.
        storage = StorageLayout(np.arange(splits[0].shape[1]), False)
        needed = 4 * storage.width * sum(len(inputs) for inputs in splits)
        return replace(storage, is_streamed=needed > (memory_limit or _free_memory(device)))
    looks = [_look(inputs, team) for inputs in splits]
    is_used = np.any([is_used for is_used, _ in looks], axis=0)
    nonzero = sum(nonzero for _, nonzero in looks)
    share = nonzero / (sum(len(inputs) for inputs in splits) * max(1, is_used.sum()))
    is_sparse = _is_sparse(splits[0], share, device)
    has_room_for_ones = splits[0].ready(0, 1) is not None
    return StorageLayout(
        np.arange(len(is_used)) if has_room_for_ones and not is_sparse else np.flatnonzero(is_used), is_sparse
    )


def _free_memory(device: torch.device) -> int:
    """Return how many bytes of the device's memory may be used: what is free, less a margin."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
    return sys.maxsize if free is None else int(free * MOST_OF_MEMORY)


def _look(inputs: Inputs, team: ThreadTeam) -> tuple[np.ndarray, int]:
    """Return which features are not zero in every sample, and how many values are not zero."""
    block_bounds = block_bounds_of(inputs.shape, torch.device("cpu"))
    used: dict[int, np.ndarray] = {}
    counts: dict[int, int] = {}

    def look(index: int) -> None:
        is_nonzero = inputs.is_nonzero(*block_bounds[index])
        used[index], counts[index] = np.asarray(is_nonzero.any(axis=0)), int(np.count_nonzero(is_nonzero))

    team.run(look, len(block_bounds))
    return np.any(list(used.values()), axis=0), sum(counts.values())


def _is_sparse(inputs: Inputs, share_nonzero: float, device: torch.device) -> bool:
    bytes_per_value = inputs.stored_bytes_per_value + SPARSE_BYTES * share_nonzero
    return (
        device.type == "cpu"
        and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        and share_nonzero <= MOST_NONZERO
        and bytes_per_value <= MOST_BYTES_PER_VALUE
    )


def block_bounds_of(
    shape: tuple[int, int], device: torch.device, *, is_streamed: bool = False
) -> list[tuple[int, int]]:
    """Return the first row of each block and the one behind its last.

    On a processor they do not depend on `is_streamed`, so that the results do not either.
    """
    samples, features = shape
    is_bounded = is_streamed or device.type == "cpu"
    least = math.ceil(samples * features / MOST_BLOCK_VALUES) if is_bounded else 1
    if device.type == "cpu":
        count = max(1, least, min(samples // BLOCK_ROWS, samples * features // BLOCK_VALUES))
    else:
        count = max(least, math.ceil(samples / GPU_BLOCK_ROWS))
    rows = math.ceil(samples / count)
    return [(start, min(start + rows, samples)) for start in range(0, samples, rows)]


class SampleBlocks:
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
        """Move the samples to the device. Raises torch.OutOfMemoryError where they do not fit."""
        self.block_bounds = block_bounds_of(inputs.shape, device, is_streamed=storage.is_streamed)
        self._inputs = inputs
        self._labels = torch.as_tensor(labels).to(device)
        self._classes = classes
        self._storage = storage
        self._device = device
        self._has_gradient = has_gradient
        self._own = threading.local()
        self._kept: dict[int, Batch] = {}
        if not storage.is_streamed:
            team.run(self._keep, len(self.block_bounds))

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], Batch]]:
        """Give a function from numbers of blocks to batches, for one pass.

        What is not kept is read ahead, so the numbers are to rise; such a batch is valid until its
        thread asks for the next.
        """
        if not self._storage.is_streamed:
            yield self._kept.__getitem__
            return
        with ReadAhead(self._stored, len(self.block_bounds)) as stored:
            yield lambda index: self._batch(index, self._streamed(stored.take(index)))

    def _stored(self, index: int) -> np.ndarray:
        return self._inputs.stored(*self.block_bounds[index])

    def _keep(self, index: int) -> None:
        self._kept[index] = self._batch(index, self._block(index))

    def _batch(self, index: int, block: Block) -> Batch:
        labels = self._labels[slice(*self.block_bounds[index])]
        one_hot = torch.zeros(self._classes, len(labels), device=self._device)
        return Batch(block, labels, one_hot.scatter_(0, labels[None], 1.0))

    def _block(self, index: int) -> Block:
        if self._storage.is_sparse:
            return SparseBlock(self._with_ones(self._stored(index)), has_gradient=self._has_gradient)
        ready = self._inputs.ready(*self.block_bounds[index])
        if ready is not None and ready.shape[1] == self._storage.width:
            return DenseBlock(torch.from_numpy(ready).to(self._device))
        stored = self._stored(index)
        rows = self._storage.empty(len(stored))
        self._fill(rows, stored)
        return DenseBlock(torch.from_numpy(rows).to(self._device))

    def _streamed(self, stored: np.ndarray) -> Block:
        # One buffer per thread: fresh memory costs as much as a product.
        rows = getattr(self._own, "rows", None)
        if rows is None or len(rows) < len(stored):
            rows = self._own.rows = self._storage.empty(len(stored))
        self._fill(rows[: len(stored)], stored)
        return DenseBlock(torch.from_numpy(rows[: len(stored)]).to(self._device))

    def _fill(self, rows: np.ndarray, stored: np.ndarray) -> None:
        """Fill what is kept of the features, shape (rows, K)."""
        columns = self._storage.columns
        if len(columns) == self._inputs.shape[1]:
            self._inputs.scaled(stored, rows[:, : len(columns)])
            return
        for part in row_chunks(stored.shape):
            rows[part, : len(columns)] = self._inputs.scaled(stored[part])[:, columns]

    def _with_ones(self, stored: np.ndarray) -> np.ndarray:
        """Return the kept features and the ones, in the type they are stored in where that will do."""
        is_raw = self._inputs.is_raw
        rows = np.ones((len(stored), self._storage.width), stored.dtype if is_raw else np.float32)
        for part in row_chunks(stored.shape):
            values = stored[part] if is_raw else self._inputs.scaled(stored[part])
            rows[part, :-1] = values[:, self._storage.columns]
        return rows


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
