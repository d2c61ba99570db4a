"""Passes by PyTorch, on a processor or a GPU: what all of them share, and those over dense or sparse blocks.

For inputs X (B, K), of which one column is 1, weights W (K, P) with the bias among them, and labels y:

    Z = (X W)^T            linear outputs, (P, B)
    S = sigmoid(Z)         of runs with a sigmoid head, else Z
    G = (softmax(S) - onehot(y)) * S (1 - S), the last factor for sigmoid heads only
    dL/dW^T = G X          (P, K)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from logreg_tui.core.engine.blocks import ByteBlock, CsrBlock, CsrTensors, DenseBlock
from logreg_tui.core.engine.folding import Folding
from logreg_tui.core.engine.full_batch_pass import BlockwisePass
from logreg_tui.core.engine.storage import StorageLayout
from logreg_tui.core.engine.thread_team import ThreadTeam

PADDING = 16
"""Outputs are padded to a multiple: the widths at which products are fast."""
PART_VALUES, GPU_PART_VALUES = 1 << 20, 1 << 24
"""Bytes that become float32 at once, on a processor and on a GPU: they are read twice, out of the cache."""

OUTPUT_VALUES, GPU_OUTPUT_VALUES = 1 << 22, 1 << 28
"""Outputs that are computed at once: there are several tensors of them, on a processor for each thread."""

aten = torch.ops.aten
B = TypeVar("B")


class Scratch:
    """Room for what is computed of some rows, reused by one thread at a time."""

    def __init__(self, rows: int, outputs: int, device: torch.device, inputs: Tensor | None = None) -> None:
        self.inputs = inputs
        """Bytes as float32 with a column of ones, shape (rows, K)."""
        # On a processor this product is fastest row by row; what follows is, with the rows innermost.
        self.rows = torch.zeros(rows, outputs) if device.type == "cpu" else None
        self.outputs = torch.zeros(outputs, rows, device=device)
        self.gradient = torch.zeros_like(self.outputs)


class TorchPass(BlockwisePass[B]):
    """Weights, outputs, heads and losses of passes by PyTorch, whatever the blocks are."""

    def __init__(
        self,
        storage: StorageLayout,
        runs: int,
        sigmoid_runs: int,
        classes: int,
        device: torch.device,
        team: ThreadTeam,
        count: int,
    ) -> None:
        self._outputs = runs * classes
        self._padded = math.ceil(self._outputs / PADDING) * PADDING
        self._sigmoid_outputs = sigmoid_runs * classes
        self._classes = classes
        self._storage = storage
        self._device = device
        self._folding = Folding(storage, device)
        # Sums of losses; Apple's GPUs have no float64.
        self._sum_dtype = torch.float32 if device.type == "mps" else torch.float64
        self._weights = torch.zeros(storage.width, self._padded, device=device)
        self._minus_one = torch.full((1, 1, 1), -1.0, device=device)
        self._scratches: dict[int, list[Scratch]] = {}
        super().__init__(team, count)

    def set_parameters(self, parameters: Tensor) -> None:
        """Take the parameters, shape (outputs, features + 1)."""
        used, bias = self._folding.weights(parameters)
        self._weights[: used.shape[1], : self._outputs].copy_(used.t())
        self._weights[used.shape[1], : self._outputs].copy_(bias)

    def new_sum(self) -> Tensor:
        """Return room for the gradient of a block, shape (P, K)."""
        return torch.zeros(self._padded, self._storage.width, device=self._device)

    def fill_gradient(self, total: Tensor, gradient: Tensor) -> None:
        """Spread the gradient of the used features over all; the others have none."""
        used = len(self._storage.columns)
        self._folding.fill_gradient(total[: self._outputs, :used], total[: self._outputs, used], gradient)

    def new_scratch(self, rows: int) -> Scratch:
        """Return room for so many rows."""
        inputs = torch.from_numpy(self._storage.empty(rows)) if self._storage.are_bytes else None
        return Scratch(rows, self._padded, self._device, None if inputs is None else inputs.to(self._device))

    @contextmanager
    def _scratch(self, rows: int) -> Iterator[Scratch]:
        free = self._scratches.setdefault(rows, [])
        try:
            scratch = free.pop()
        except IndexError:
            scratch = self.new_scratch(rows)
        yield scratch
        free.append(scratch)

    def _by_run(self, outputs: Tensor) -> Tensor:
        """Return the outputs, shape (P, rows), as (runs, classes, rows)."""
        return outputs[: self._outputs].view(-1, self._classes, outputs.shape[1])

    def _set_gradient(self, labels: Tensor, scratch: Scratch) -> None:
        """Fill the scratch's gradient of the summed loss at the linear outputs."""
        outputs, gradient = self._by_run(scratch.outputs), self._by_run(scratch.gradient)
        torch.softmax(outputs, 1, out=gradient)
        index = labels.expand(len(outputs), 1, -1)
        gradient.scatter_add_(1, index, self._minus_one.expand_as(index))
        sigmoid_part = scratch.gradient[: self._sigmoid_outputs]
        sigmoid_outputs = scratch.outputs[: self._sigmoid_outputs]
        aten.sigmoid_backward(sigmoid_part, sigmoid_outputs, grad_input=sigmoid_part)

    def _metrics(self, labels: Tensor, scratch: Scratch) -> Tensor:
        """Return the sums of losses and of correct answers of some rows, shape (2, runs)."""
        outputs = self._by_run(scratch.outputs)[:, :, : len(labels)]
        index = labels.expand(len(outputs), 1, -1)
        of_label = outputs.gather(1, index)[:, 0]
        losses = torch.log_softmax(outputs, 1).gather(1, index)[:, 0].neg_().sum(1, dtype=self._sum_dtype)
        n_correct = _is_correct(outputs, of_label, labels, losses).sum(1)
        return torch.stack([losses, n_correct.to(self._sum_dtype)])


class DensePass(TorchPass[DenseBlock | ByteBlock]):
    """Passes over dense blocks; bytes become float32 some rows at a time, scaled by the weights."""

    def compute(
        self, block: DenseBlock | ByteBlock, gradient: Tensor | None, *, has_metrics: bool
    ) -> Tensor | None:
        """Fill the gradient of a block, (P, K), if it is asked for; return its metrics (2, R) if they are."""
        metrics: Tensor | None = None
        for start, stop in self.parts(block):
            with self._scratch(stop - start) as scratch:
                inputs = self.rows(block, start, stop, scratch)
                labels = block.labels[start : min(stop, block.count)]
                self.set_outputs(inputs, scratch)
                scratch.outputs[: self._sigmoid_outputs].sigmoid_()
                if has_metrics:
                    of_part = self._metrics(labels, scratch)
                    metrics = of_part if metrics is None else metrics.add_(of_part)
                if gradient is not None:
                    self._set_gradient(labels, scratch)
                    self.add_gradient(inputs, scratch, gradient, is_first=start == 0)
        return metrics

    def parts(self, block: DenseBlock | ByteBlock) -> list[tuple[int, int]]:
        """Return the bounds of the rows that are computed at once.

        Of bytes they are as many as fit into a cache; of many outputs as many as memory has room for.
        """
        count = block.count
        is_cpu = self._device.type == "cpu"
        parts = math.ceil(count * self._padded / (OUTPUT_VALUES if is_cpu else GPU_OUTPUT_VALUES))
        if not isinstance(block, DenseBlock):
            values = PART_VALUES if is_cpu else GPU_PART_VALUES
            parts = max(parts, math.ceil(count * self._storage.width / values))
        rows = math.ceil(count / parts)
        return [(start, min(start + rows, count)) for start in range(0, count, rows)]

    def rows(self, block: DenseBlock | ByteBlock, start: int, stop: int, scratch: Scratch) -> Tensor:
        """Return rows of a block as float32 with a column of ones, shape (rows, K)."""
        if scratch.inputs is None:
            return block.inputs[start:stop]
        used = len(self._storage.columns)
        scratch.inputs[:, :used].copy_(block.inputs[start:stop, :used])
        return scratch.inputs

    def set_outputs(self, inputs: Tensor, scratch: Scratch) -> None:
        """Fill the scratch's linear outputs, (P, rows)."""
        if scratch.rows is not None:
            torch.mm(inputs, self._weights, out=scratch.rows)
            scratch.outputs.copy_(scratch.rows.t())
        else:
            torch.mm(self._weights.t(), inputs.t(), out=scratch.outputs)

    def add_gradient(self, inputs: Tensor, scratch: Scratch, gradient: Tensor, *, is_first: bool) -> None:
        """Add the gradient of the weights, (P, K), to that of the rows before."""
        if is_first:
            torch.mm(scratch.gradient, inputs, out=gradient)
        else:
            gradient.addmm_(scratch.gradient, inputs)


class CsrPass(TorchPass[CsrBlock]):
    """Passes over sparse rows: on a GPU, and on a processor whose kernels cannot be compiled.

    A product of sparse rows and a matrix is what PyTorch calls a sum of embeddings: row i of X W adds
    values[j] W[index[j]] over its values. On a processor one thread computes each sum, in the order of the
    values; products of sparse tensors do not promise an order. The gradient X^T G is the same of the columns.
    """

    def compute(self, block: CsrBlock, gradient: Tensor | None, *, has_metrics: bool) -> Tensor | None:
        """Fill the gradient of a block, (P, K), if it is asked for; return its metrics (2, R) if they are."""
        used = len(self._storage.columns)
        with self._scratch(len(block.labels)) as scratch:
            scratch.outputs.copy_(_product(block.rows, self._weights).t())
            scratch.outputs.add_(self._weights[used, :, None])
            scratch.outputs[: self._sigmoid_outputs].sigmoid_()
            metrics = self._metrics(block.labels, scratch) if has_metrics else None
            if gradient is not None:
                assert block.columns is not None, "kept if there is a gradient"
                self._set_gradient(block.labels, scratch)
                by_row = scratch.gradient.t().contiguous()
                gradient[:, :used].copy_(_product(block.columns, by_row).t())
                gradient[:, used].copy_(by_row.sum(0))
        return metrics


def _product(rows: CsrTensors, matrix: Tensor) -> Tensor:
    """Return the product of sparse rows (B, K) with a matrix (K or more, P), shape (B, P)."""
    return torch.nn.functional.embedding_bag(
        rows.index,
        matrix,
        rows.starts,
        mode="sum",
        per_sample_weights=rows.values,
        include_last_offset=True,
    )


def _is_correct(outputs: Tensor, of_label: Tensor, labels: Tensor, losses: Tensor) -> Tensor:
    """Return if the first largest of the outputs (runs, classes, rows) is the label's, shape (runs, rows)."""
    if outputs.device.type != "cpu" or not losses.isfinite().all():
        return outputs.argmax(1) == labels
    # argmax over a middle dimension takes a processor 20 times as long as a maximum does.
    classes = torch.arange(outputs.shape[1])[:, None]
    earlier = outputs.masked_fill(classes >= labels, -torch.inf).amax(1)
    return (of_label == outputs.amax(1)) & (earlier < of_label)
