"""Layout of the inputs on the device: their type, sparse or dense, and the bounds of their blocks.

Both follow from the data alone, so that the results depend neither on the machine's load nor on its
number of threads.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from logreg_tui.core.data.inputs import Inputs, Scaling, padded_width, with_ones
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.memory import available_memory

BLOCK_ROWS = 3750
"""Rows of a dense block on a processor, so that what is computed from them stays in its cache."""
SPARSE_BLOCK_ROWS = 1875
"""Rows of a sparse block likewise: their gradients are read in no order."""
BLOCK_VALUES = 1 << 19
"""Values in a block at least: less is done sooner than handed to another thread."""
BLOCK_NONZEROS = 1 << 16
"""Values of sparse inputs in a block at least, likewise."""
MOST_BLOCK_NONZEROS = 1 << 28
"""Values of sparse inputs in a block at most: 32 bits number them, though rows may differ."""
MOST_BLOCK_VALUES = 1 << 23
"""Values in a block at most that goes through the processor's memory: several are there at once."""
GPU_BLOCK_ROWS = 1 << 17
GPU_ROWS, GPU_COLUMNS = 128, 16
"""Rows and columns of bytes on a GPU are padded to a multiple: tiles of products, and aligned loads."""
MOST_NONZERO_BYTES = 0.55
"""Share of bytes that are not zero up to which sparse products are the faster ones."""
MOST_NONZERO_FLOATS = 0.25
"""Share of other values likewise: they lie beside the sparse ones, as they are somebody else's."""
MOST_BYTES_PER_VALUE = 5.2
"""Memory that the data may take: as much as float32, and 30 % more."""
MOST_OF_MEMORY = 0.7
"""Share of the free memory that data from disk may fill."""
SMALL_INDEX = 1 << 16
"""Columns, and rows of a block, that 16 bits can number."""


@dataclass(frozen=True, slots=True)
class StorageLayout:
    """The form in which inputs are kept on the device: bytes as they are stored, or float32 rows."""

    features: int
    """D, all features."""
    columns: np.ndarray
    """Features that are kept, ascending: those that are zero in every sample are not."""
    is_sparse: bool = False
    """True if only values that are not zero are kept."""
    is_compiled: bool = True
    """If sparse: True if compiled kernels compute with them, False if PyTorch does."""
    is_streamed: bool = False
    """True if every pass reads the inputs from where they are stored."""
    scaling: Scaling | None = None
    """The scaling of stored values that is folded into the weights."""
    values: np.dtype = np.dtype(np.float32)
    """Type of the values: bytes or float32."""
    index: np.dtype = np.dtype(np.uint16)
    """Type that numbers the rows of a block and the kept features, if sparse."""

    @property
    def are_bytes(self) -> bool:
        """True if the values are bytes, as they are stored."""
        return self.values == np.uint8

    @property
    def width(self) -> int:
        """K of float32 rows: the kept features, a 1, and zeros up to a cache line."""
        return padded_width(len(self.columns) + 1)

    @property
    def byte_width(self) -> int:
        """K of rows of bytes on a GPU: the kept features, and zeros up to what its products take at once."""
        return math.ceil(len(self.columns) / GPU_COLUMNS) * GPU_COLUMNS

    def block_bounds(self, inputs: Inputs, device: torch.device) -> list[tuple[int, int]]:
        """Return the first row of each block of a split and the one behind its last."""
        if inputs.is_sparse:
            nonzeros = len(inputs.csr(0, len(inputs)).values)
            return _sparse_block_bounds(len(inputs), nonzeros, len(self.columns), device)
        return block_bounds_of(
            inputs.shape,
            device,
            is_streamed=self.is_streamed,
            is_sparse=self.is_sparse,
            are_bytes=self.are_bytes,
        )

    def empty(self, rows: int) -> np.ndarray:
        """Return float32 rows of zeros, but for the ones, shape (rows, K)."""
        return with_ones(rows, len(self.columns))


def choose_storage(
    splits: Sequence[Inputs],
    device: torch.device,
    team: ThreadTeam,
    memory_limit: int | None,
    *,
    may_be_compiled: bool = True,
) -> StorageLayout:
    """Look through all inputs and return how they are kept on the device.

    Those that lie on disk are streamed if they take more than `memory_limit` bytes, None being what is free.
    Without compiled kernels only inputs that are sparse as they come are kept so.
    """
    features = splits[0].shape[1]
    if splits[0].is_sparse:
        return _sparse_storage(splits, device, is_compiled=may_be_compiled and device.type == "cpu")
    are_bytes = all(inputs.are_bytes for inputs in splits)
    values = np.dtype(np.uint8 if are_bytes else np.float32)
    scaling = splits[0].scaling if are_bytes else None
    if splits[0].source.is_on_disk:
        # The same but for the streaming, so that the results are too.
        storage = StorageLayout(features, np.arange(features), scaling=scaling, values=values)
        needed = (features if are_bytes else 4 * storage.width) * sum(len(inputs) for inputs in splits)
        return replace(
            storage, is_streamed=needed > (memory_limit or int(free_memory(device) * MOST_OF_MEMORY))
        )
    found = [_find_nonzero(inputs, team, are_stored=are_bytes) for inputs in splits]
    is_used = np.any([is_used for is_used, _ in found], axis=0)
    columns = np.flatnonzero(is_used if scaling is None else is_used & (scaling.divisor != 0))
    share = sum(count for _, count in found) / (sum(map(len, splits)) * max(1, len(columns)))
    rows = (block_bounds_of(inputs.shape, device, is_sparse=True)[0][1] for inputs in splits)
    index = np.dtype(np.uint16 if max(len(columns), *rows) <= SMALL_INDEX else np.uint32)
    is_sparse = may_be_compiled and _is_sparse(splits[0], share, device, index, are_bytes=are_bytes)
    if not is_sparse and not are_bytes:
        # Float32 rows are used where they lie.
        columns = np.arange(features)
    return StorageLayout(features, columns, is_sparse, scaling=scaling, values=values, index=index)


def _sparse_storage(splits: Sequence[Inputs], device: torch.device, *, is_compiled: bool) -> StorageLayout:
    """Return how inputs are kept that come as sparse rows."""
    features = splits[0].shape[1]
    sources = [inputs.csr(0, len(inputs)) for inputs in splits]
    is_used = np.zeros(features, bool)
    for source in sources:
        is_used[source.index] = True
    storage = StorageLayout(features, np.flatnonzero(is_used), True, is_compiled)
    rows = (storage.block_bounds(inputs, device)[0][1] for inputs in splits)
    is_small = max(len(storage.columns), *rows) <= SMALL_INDEX
    return replace(storage, index=np.dtype(np.uint16 if is_small else np.uint32))


def free_memory(device: torch.device) -> int:
    """Return how many bytes of the device's memory are free; `sys.maxsize` if that is not known."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
    return sys.maxsize if free is None else free


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


def _sparse_block_bounds(
    samples: int, nonzeros: int, columns: int, device: torch.device
) -> list[tuple[int, int]]:
    """Return the bounds of blocks of sparse inputs, likewise.

    A block has at least as many values as features, since its gradient has all of them.
    """
    least = math.ceil(nonzeros / MOST_BLOCK_NONZEROS)
    count = max(1, least, min(samples // SPARSE_BLOCK_ROWS, nonzeros // max(columns, BLOCK_NONZEROS)))
    return _cut(samples, count if device.type == "cpu" else max(1, least))


def block_bounds_of(
    shape: tuple[int, int],
    device: torch.device,
    *,
    is_streamed: bool = False,
    is_sparse: bool = False,
    are_bytes: bool = False,
) -> list[tuple[int, int]]:
    """Return the first row of each block and the one behind its last.

    On a processor they do not depend on `is_streamed`, so that the results do not either. A GPU keeps
    bytes as one block.
    """
    samples, features = shape
    is_bounded = is_streamed or device.type == "cpu"
    least = math.ceil(samples * features / MOST_BLOCK_VALUES) if is_bounded and not is_sparse else 1
    if device.type == "cpu":
        rows = SPARSE_BLOCK_ROWS if is_sparse else BLOCK_ROWS
        count = max(1, least, min(samples // rows, samples * features // BLOCK_VALUES))
    else:
        count = max(least, 1 if are_bytes else math.ceil(samples / GPU_BLOCK_ROWS))
    return _cut(samples, count)


def _cut(samples: int, count: int) -> list[tuple[int, int]]:
    rows = math.ceil(samples / count)
    return [(start, min(start + rows, samples)) for start in range(0, samples, rows)]
