"""Blocks of rows, and the threads that compute on them.

The cut follows from the shape of the data alone. One Python thread per core, each computing with
one thread, loses to a busy neighbour what the neighbour takes; OpenMP's threads wait for the
slowest of them after every operation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from logreg_tui.core.errors import Cancelled

BLOCK_ROWS = 2048
"""Rows of a block on a processor, so that its inputs are still in the cache for the second product."""
BLOCK_VALUES = 1 << 19
"""Values in a block at least: less is done sooner than handed to another thread."""
MOST_BLOCKS = 64
"""Each block has a gradient of its own."""
GPU_BLOCK_ROWS = 1 << 17


class Block:
    """Some samples, and what one pass over them gives for every run."""

    def __init__(self, inputs: Tensor, labels: Tensor, classes: int) -> None:
        self.inputs = inputs  # (n, D)
        self.labels = labels  # (n,)
        self.one_hot = torch.zeros(classes, len(labels), device=labels.device)  # (C, n)
        self.one_hot.scatter_(0, labels[None], 1.0)
        self.weight_gradient = self.bias_gradient = self.losses = self.hits = torch.empty(0)

    def measure(self, outputs: Tensor, sum_dtype: torch.dtype) -> None:
        """Sum losses and hits of what the heads put out, shape (runs, classes, samples)."""
        index = self.labels.expand(len(outputs), 1, -1)
        losses = torch.logsumexp(outputs, 1) - outputs.gather(1, index)[:, 0]
        self.losses = losses.sum(1, dtype=sum_dtype)
        self.hits = (outputs.argmax(1) == self.labels).sum(1)


class Blocks:
    """One set of samples on the device, cut into blocks."""

    def __init__(self, inputs: Tensor, labels: Tensor, classes: int) -> None:
        """Take inputs (samples, features) and labels (samples,), which are not copied."""
        self.samples = len(inputs)
        count = _block_count(inputs)
        pairs = zip(torch.tensor_split(inputs, count), torch.tensor_split(labels, count), strict=True)
        self.all = [Block(some, of_them, classes) for some, of_them in pairs]

    def means(self) -> list[tuple[float, float]]:
        """Return mean loss and share of hits of each run, from what the blocks measured."""
        losses = _ordered_sum([block.losses for block in self.all]).tolist()
        hits = _ordered_sum([block.hits for block in self.all]).tolist()
        return [(loss / self.samples, hit / self.samples) for loss, hit in zip(losses, hits, strict=True)]

    def mean_gradient(self, weight: Tensor, bias: Tensor) -> None:
        """Fill weight and bias with the mean of the blocks' gradients."""
        for total, parts in (
            (weight, [block.weight_gradient for block in self.all]),
            (bias, [block.bias_gradient for block in self.all]),
        ):
            total.copy_(_ordered_sum(parts)).div_(self.samples)


def _block_count(inputs: Tensor) -> int:
    samples, features = inputs.shape
    if inputs.device.type != "cpu":
        return math.ceil(samples / GPU_BLOCK_ROWS)
    return max(1, min(samples // BLOCK_ROWS, inputs.numel() // BLOCK_VALUES, MOST_BLOCKS))


def _ordered_sum(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum of some tensors, added one after the other."""
    total = parts[0].clone() if len(parts) > 1 else parts[0]
    for part in parts[1:]:
        total += part
    return total


class Workers:
    """Threads that share the blocks of a pass; the calling thread is one of them."""

    def __init__(self, threads: int) -> None:
        self._others = threads - 1
        self._pool = ThreadPoolExecutor(max(1, self._others), "block")

    def run(
        self,
        work: Callable[[Block], None],
        blocks: Sequence[Block],
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Let `work` be done on every block, in any order; an error in one is raised here.

        Raises Cancelled where `is_cancelled` says so before the last block was taken.
        """
        counter = itertools.count()

        def take_turns() -> None:
            # Both hold for the thread that sets them. Saturated heads give gradients so small that
            # products of denormal numbers would take most of the time.
            torch.set_num_threads(1)
            torch.set_flush_denormal(True)
            while (index := next(counter)) < len(blocks):
                if is_cancelled():
                    raise Cancelled
                work(blocks[index])

        others = [self._pool.submit(take_turns) for _ in range(min(self._others, len(blocks) - 1))]
        try:
            take_turns()
        finally:
            for other in others:
                other.result()
