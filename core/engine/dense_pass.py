"""Passes over dense blocks by PyTorch, on a processor or a GPU.

For inputs X (B, K), of which one column is 1, weights W (K, P) with the bias among them, and labels y:

    Z = (X W)^T            linear outputs, (P, B)
    S = sigmoid(Z)         of runs with a sigmoid head, else Z
    G = (softmax(S) - onehot(y)) * S (1 - S), the last factor for sigmoid heads only
    dL/dW^T = G X          (P, K)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from logreg_tui.core.engine.blocks import DenseBlock
from logreg_tui.core.engine.full_batch_pass import BlockwisePass
from logreg_tui.core.engine.storage import StorageLayout
from logreg_tui.core.engine.thread_team import ThreadTeam

PADDING = 16
"""Outputs are padded to a multiple: the widths at which products are fast."""

aten = torch.ops.aten


class _Scratch:
    """Room for what is computed of one block, reused from block to block by one thread at a time."""

    def __init__(self, rows: int, outputs: int, device: torch.device) -> None:
        self.rows = torch.zeros(rows, outputs, device=device)
        self.outputs = torch.zeros(outputs, rows, device=device)
        self.gradient = torch.zeros_like(self.outputs)


class DensePass(BlockwisePass[DenseBlock]):
    """Passes over dense blocks."""

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
        self._width = storage.width
        self._device = device
        used = torch.from_numpy(storage.columns)
        self._used = torch.cat([used, torch.tensor([storage.features])]).to(device)
        # Sums of losses; Apple's GPUs have no float64.
        self._sum_dtype = torch.float32 if device.type == "mps" else torch.float64
        self._weights = torch.zeros(self._width, self._padded, device=device)
        self._scratches: dict[int, list[_Scratch]] = {}
        super().__init__(team, count)

    def set_parameters(self, parameters: Tensor) -> None:
        """Take the parameters, shape (outputs, features + 1)."""
        used = parameters.index_select(1, self._used)
        self._weights[: used.shape[1], : self._outputs].copy_(used.t())

    def new_sum(self) -> Tensor:
        """Return room for the gradient of a block, shape (P, K)."""
        return torch.zeros(self._padded, self._width, device=self._device)

    def fill_gradient(self, total: Tensor, gradient: Tensor) -> None:
        """Spread the gradient of the used features over all; the others have none."""
        if gradient.shape[1] > len(self._used):
            gradient.zero_()
        gradient.index_copy_(1, self._used, total[: self._outputs, : len(self._used)])

    def compute(self, block: DenseBlock, gradient: Tensor | None, *, has_metrics: bool) -> Tensor | None:
        """Fill the gradient of a block, (P, K), if it is asked for; return its metrics (2, R) if they are."""
        free = self._scratches.setdefault(len(block.labels), [])
        try:
            scratch = free.pop()
        except IndexError:
            scratch = _Scratch(len(block.labels), self._padded, self._device)
        self._set_outputs(block, scratch)
        metrics = self._metrics(block, scratch) if has_metrics else None
        if gradient is not None:
            self._set_gradient(block, scratch)
            torch.mm(scratch.gradient, block.inputs, out=gradient)
        free.append(scratch)
        return metrics

    def _set_outputs(self, block: DenseBlock, scratch: _Scratch) -> None:
        if self._device.type == "cpu":
            # On a processor this product is fastest row by row; what follows is, with the rows innermost.
            torch.mm(block.inputs, self._weights, out=scratch.rows)
            scratch.outputs.copy_(scratch.rows.t())
        else:
            torch.mm(self._weights.t(), block.inputs.t(), out=scratch.outputs)
        scratch.outputs[: self._sigmoid_outputs].sigmoid_()

    def _by_run(self, outputs: Tensor) -> Tensor:
        """Return the outputs, shape (P, rows), as (runs, classes, rows)."""
        return outputs[: self._outputs].view(-1, self._classes, outputs.shape[1])

    def _set_gradient(self, block: DenseBlock, scratch: _Scratch) -> None:
        """Fill the scratch's gradient of the summed loss at the linear outputs."""
        outputs, gradient = self._by_run(scratch.outputs), self._by_run(scratch.gradient)
        torch.softmax(outputs, 1, out=gradient)
        gradient.sub_(block.one_hot)
        sigmoid_part = scratch.gradient[: self._sigmoid_outputs]
        sigmoid_outputs = scratch.outputs[: self._sigmoid_outputs]
        aten.sigmoid_backward(sigmoid_part, sigmoid_outputs, grad_input=sigmoid_part)

    def _metrics(self, block: DenseBlock, scratch: _Scratch) -> Tensor:
        """Return the sums of losses and of correct answers of a block, shape (2, runs)."""
        outputs = self._by_run(scratch.outputs)
        index = block.labels.expand(len(outputs), 1, -1)
        of_label = outputs.gather(1, index)[:, 0]
        losses = torch.log_softmax(outputs, 1).gather(1, index)[:, 0].neg_().sum(1, dtype=self._sum_dtype)
        n_correct = _is_correct(outputs, of_label, block.labels, losses).sum(1)
        return torch.stack([losses, n_correct.to(self._sum_dtype)])


def _is_correct(outputs: Tensor, of_label: Tensor, labels: Tensor, losses: Tensor) -> Tensor:
    """Return if the first largest of the outputs (runs, classes, rows) is the label's, shape (runs, rows)."""
    if outputs.device.type != "cpu" or not losses.isfinite().all():
        return outputs.argmax(1) == labels
    # argmax over a middle dimension takes a processor 20 times as long as a maximum does.
    classes = torch.arange(outputs.shape[1])[:, None]
    earlier = outputs.masked_fill(classes >= labels, -torch.inf).amax(1)
    return (of_label == outputs.amax(1)) & (earlier < of_label)
