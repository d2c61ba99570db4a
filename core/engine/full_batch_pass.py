"""Passes over all samples for all runs: sums of losses, correct answers and gradients, block by block.

Threads take the blocks in turn; what the blocks give is added in their order, so that neither the number of
threads nor the machine's load changes a bit.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

from logreg_tui.core.engine.blocks import SampleBlocks
from logreg_tui.core.engine.thread_team import ThreadTeam

B = TypeVar("B")


class FullBatchPass(ABC, Generic[B]):
    """Passes over all samples for R runs of C classes; those of sigmoid heads come first.

    The parameters of all runs are one matrix (R * C, D + 1): for each run and class the weights of the D
    features, then the bias. `B` is the type of the blocks in which samples are kept.
    """

    def __init__(self) -> None:
        self.is_cancelled: Callable[[], bool] = lambda: False

    @abstractmethod
    def set_parameters(self, parameters: Tensor) -> None:
        """Take the parameters of the next passes."""

    @abstractmethod
    def gradient(self, samples: SampleBlocks[B], out: Tensor) -> None:
        """Fill the gradient, in room that `new_gradient` made. Raises Cancelled."""

    @abstractmethod
    def metrics_and_gradient(self, samples: SampleBlocks[B], out: Tensor) -> Tensor:
        """Do the same, and return the sums of losses and of correct answers, shape (2, R)."""

    @abstractmethod
    def metrics(self, samples: SampleBlocks[B]) -> Tensor:
        """Return the sums of losses and of correct answers, shape (2, R). Raises Cancelled."""

    def new_gradient(self, parameters: Tensor) -> Tensor:
        """Return room for what `gradient` fills and `update` takes; a pass may choose another shape."""
        return torch.zeros_like(parameters)

    def parameter_gradient(self, parameters: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient at the parameters, in their shape, of what `gradient` filled.

        The next pass needs `set_parameters` first.
        """
        return gradient

    def update(self, parameters: Tensor, gradient: Tensor, decay: Tensor, negative_rate: Tensor) -> bool:
        """Take a step of gradient descent in place; decay and rate have the shape (R * C, 1).

        Returns True if the new parameters are taken at once, as `set_parameters` takes them.
        """
        parameters.addcmul_(torch.addcmul(gradient, parameters, decay), negative_rate)
        return False


class BlockwisePass(FullBatchPass[B]):
    """Passes that threads compute block by block."""

    def __init__(self, team: ThreadTeam, count: int) -> None:
        """Average gradients over `count` samples, those of all processes."""
        super().__init__()
        self._team = team
        self._count = count
        self._sum = OrderedSum(self.new_sum)

    @abstractmethod
    def new_sum(self) -> Tensor:
        """Return room for the gradient of a block, in the shape blocks give it; values are anything."""

    @abstractmethod
    def compute(self, block: B, gradient: Tensor | None, *, has_metrics: bool) -> Tensor | None:
        """Fill the gradient of a block if it is asked for; return its metrics (2, R) if they are."""

    @abstractmethod
    def fill_gradient(self, total: Tensor, gradient: Tensor) -> None:
        """Turn the sum over all blocks into the gradient of the parameters, (R * C, D + 1)."""

    def gradient(self, samples: SampleBlocks[B], out: Tensor) -> None:
        """Fill the gradient of the mean cross entropy, shape (R * C, D + 1). Raises Cancelled."""
        self._run(samples, out, has_metrics=False)

    def metrics_and_gradient(self, samples: SampleBlocks[B], out: Tensor) -> Tensor:
        """Do the same, and return the sums of losses and of correct answers, shape (2, R)."""
        return _total(self._run(samples, out, has_metrics=True))

    def metrics(self, samples: SampleBlocks[B]) -> Tensor:
        """Return the sums of losses and of correct answers, shape (2, R). Raises Cancelled."""
        return _total(self._run(samples, None, has_metrics=True))

    def _run(self, samples: SampleBlocks[B], out: Tensor | None, *, has_metrics: bool) -> dict[int, Tensor]:
        metrics: dict[int, Tensor] = {}
        self._sum.begin()
        with samples.reading() as block_of:

            def work(index: int) -> None:
                part = None if out is None else self._sum.buffer()
                measured = self.compute(block_of(index), part, has_metrics=has_metrics)
                if measured is not None:
                    metrics[index] = measured
                if part is not None:
                    self._sum.add(index, part)

            self._team.run(work, len(samples.block_bounds), self.is_cancelled)
        if out is not None:
            self.fill_gradient(self._sum.total, out)
            out.div_(self._count)
        return metrics


def _total(metrics: dict[int, Tensor]) -> Tensor:
    return torch.stack([metrics[index] for index in range(len(metrics))]).sum(0)


class OrderedSum:
    """A sum of the blocks' tensors in the order of the blocks, whichever is done first."""

    def __init__(self, new: Callable[[], Tensor]) -> None:
        """Call `new` for room that one block fills."""
        self._new = new
        self._free: list[Tensor] = []
        self._lock = threading.Lock()
        self._total: Tensor | None = None
        self.begin()

    @property
    def total(self) -> Tensor:
        """The sum of what was added since `begin`; valid until then."""
        assert self._total is not None, "nothing was added"
        return self._total

    def begin(self) -> None:
        """Start from nothing; what an unfinished sum still held is let go."""
        if self._total is not None:
            self._free.append(self._total)
        self._total = None
        self._waiting: dict[int, Tensor] = {}
        self._next = 0

    def buffer(self) -> Tensor:
        """Return a tensor to fill; its values are anything."""
        try:
            return self._free.pop()
        except IndexError:
            return self._new()

    def add(self, index: int, part: Tensor) -> None:
        """Take what block `index` gave, in a tensor that `buffer` returned."""
        with self._lock:
            self._waiting[index] = part
            while self._next in self._waiting:
                self._add_next(self._waiting.pop(self._next))
                self._next += 1

    def _add_next(self, part: Tensor) -> None:
        if self._total is None:
            self._total = part
            return
        self._total.add_(part)
        self._free.append(part)
