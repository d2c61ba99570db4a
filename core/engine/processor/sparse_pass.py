"""Passes over sparse blocks by compiled kernels, on a processor."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from logreg_tui.core.engine.blocks import SparseBlock, SparseRows
from logreg_tui.core.engine.folding import Folding
from logreg_tui.core.engine.full_batch_pass import BlockwisePass
from logreg_tui.core.engine.processor import kernels
from logreg_tui.core.engine.processor.vector_loops import LANES
from logreg_tui.core.engine.storage import StorageLayout
from logreg_tui.core.engine.thread_team import ThreadTeam


class SparsePass(BlockwisePass[SparseBlock]):
    """Passes over sparse blocks; outputs are padded to P, a multiple of the lanes of a register."""

    def __init__(
        self,
        storage: StorageLayout,
        runs: int,
        sigmoid_runs: int,
        classes: int,
        kernel: Callable[..., None],
        team: ThreadTeam,
        count: int,
    ) -> None:
        """Use `kernel`, as `kernels.compiled_pass` returns it."""
        self._runs, self._sigmoid_runs, self._classes = runs, sigmoid_runs, classes
        self._outputs = runs * classes
        padded = -(-self._outputs // LANES) * LANES
        self._folding = Folding(storage, torch.device("cpu"))
        self._weights = torch.zeros(len(storage.columns) + 1, padded)
        self._kernel = kernel
        # Each thread has room of its own to compute in.
        self._own = threading.local()
        super().__init__(team, count)

    def set_parameters(self, parameters: Tensor) -> None:
        """Take the parameters, shape (outputs, features + 1)."""
        used, bias = self._folding.weights(parameters)
        self._weights[:-1, : self._outputs].copy_(used.t())
        self._weights[-1, : self._outputs] = bias

    def new_sum(self) -> Tensor:
        """Return room for the gradient of a block, shape (K + 1, P)."""
        return torch.empty_like(self._weights)

    def fill_gradient(self, total: Tensor, gradient: Tensor) -> None:
        """Undo the folding, and spread the gradient of the used features over all."""
        used, bias = total[:-1, : self._outputs].t(), total[-1, : self._outputs]
        self._folding.fill_gradient(used, bias, gradient)

    def compute(self, block: SparseBlock, gradient: Tensor | None, *, has_metrics: bool) -> Tensor | None:
        """Fill the gradient of a block, (K + 1, P), if it is asked for; return its metrics if they are."""
        metrics = np.zeros((self._runs, 2))
        z, room, place = self._room(len(block.labels))
        rows, columns = block.rows, block.columns or _nothing(block.rows)
        self._kernel(
            rows.starts,
            rows.index,
            rows.values,
            columns.starts,
            columns.index,
            columns.values,
            block.labels,
            self._weights.numpy(),
            self._classes,
            self._sigmoid_runs,
            z,
            room,
            place,
            (self._weights if gradient is None else gradient).numpy(),
            metrics,
            gradient is not None,
            has_metrics,
        )
        return torch.from_numpy(metrics.T.copy()) if has_metrics else None

    def _room(self, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return this thread's room for linear outputs (rows, P), heads, and answers."""
        z: np.ndarray | None = getattr(self._own, "z", None)
        if z is None or len(z) < rows:
            # PyTorch's memory begins at a cache line.
            z = self._own.z = torch.zeros(rows, self._weights.shape[1]).numpy()
            self._own.room = torch.zeros(2 * self._classes + 2, kernels.TILE).numpy()
            self._own.place = np.zeros(kernels.TILE, np.int64)
        return z[:rows], self._own.room, self._own.place


def _nothing(rows: SparseRows) -> SparseRows:
    return SparseRows(rows.starts[:1], rows.index[:0], rows.values[:0])
