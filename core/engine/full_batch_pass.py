"""Passes over the data: what all runs together put out, and the sums of gradients and metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from logreg_tui.core.engine.blocks import OutputLayout, Scratch
from logreg_tui.core.engine.storage import Batch, SampleBlocks
from logreg_tui.core.engine.thread_team import ThreadTeam

aten = torch.ops.aten


class FullBatchPass:
    """Passes over samples for runs side by side; the first `n_sigmoid_outputs` have a sigmoid head."""

    def __init__(
        self,
        layout: OutputLayout,
        n_sigmoid_outputs: int,
        classes: int,
        device: torch.device,
        team: ThreadTeam,
    ) -> None:
        """Make room for a layout of runs * classes outputs, those of sigmoid heads first."""
        self._layout = layout
        self._n_sigmoid = n_sigmoid_outputs * classes
        self._classes = classes
        self._device = device
        self._team = team
        # Sums of losses; Apple's GPUs have no float64.
        self._sum_dtype = torch.float32 if device.type == "mps" else torch.float64
        self._weights = layout.weights()
        self._scratches: dict[int, list[Scratch]] = {}
        self._sum = OrderedSum(layout.gradients)
        self.is_cancelled: Callable[[], bool] = lambda: False

    def set_weights(self, parameters: Tensor) -> None:
        """Take the parameters, shape (outputs, K or less): K without the padding."""
        for weight, place in zip(self._weights, self._layout.places, strict=True):
            part = parameters[place]
            weight[: part.shape[1], : len(part)].copy_(part.t())

    def gradient(self, samples: SampleBlocks) -> Tensor:
        """Return the gradient of the summed cross entropy, shape (outputs, K). Raises Cancelled."""
        return self._summed(samples, lambda index, batch, scratch: None)

    def metrics_and_gradient(self, samples: SampleBlocks) -> tuple[Tensor, Tensor]:
        """Return the sums of losses and of correct answers, (2, runs), and the gradient. Raises Cancelled."""
        metrics: dict[int, Tensor] = {}

        def measure(index: int, batch: Batch, scratch: Scratch) -> None:
            metrics[index] = self._metrics(batch, scratch)

        gradient = self._summed(samples, measure)
        return _total(metrics), gradient

    def metrics(self, samples: SampleBlocks) -> Tensor:
        """Return the sums of losses and of correct answers, shape (2, runs). Raises Cancelled."""
        metrics: dict[int, Tensor] = {}

        def work(index: int, batch: Batch, scratch: Scratch) -> None:
            metrics[index] = self._metrics(batch, scratch)

        self._run(samples, work)
        return _total(metrics)

    def _summed(self, samples: SampleBlocks, also: Callable[[int, Batch, Scratch], None]) -> Tensor:
        self._sum.begin()

        def work(index: int, batch: Batch, scratch: Scratch) -> None:
            also(index, batch, scratch)
            self._set_gradient(batch, scratch)
            part = self._sum.buffer()
            batch.block.set_gradients(scratch, part)
            self._sum.add(index, part)

        self._run(samples, work)
        return self._layout.joined(self._sum.total)

    def _run(self, samples: SampleBlocks, work: Callable[[int, Batch, Scratch], None]) -> None:
        with samples.reading() as batch_of:

            def with_outputs(index: int) -> None:
                batch = batch_of(index)
                free = self._scratches.setdefault(len(batch.labels), [])
                try:
                    scratch = free.pop()
                except IndexError:
                    scratch = Scratch(len(batch.labels), self._layout, self._device)
                batch.block.set_outputs(self._weights, scratch)
                scratch.outputs[: self._n_sigmoid].sigmoid_()
                work(index, batch, scratch)
                free.append(scratch)

            self._team.run(with_outputs, len(samples.block_bounds), self.is_cancelled)

    def _by_run(self, outputs: Tensor) -> Tensor:
        """Return the outputs, shape (P, rows), as (runs, classes, rows)."""
        return outputs[: self._layout.outputs].view(-1, self._classes, outputs.shape[1])

    def _set_gradient(self, batch: Batch, scratch: Scratch) -> None:
        """Fill the scratch's gradient of the summed loss at the linear outputs."""
        outputs, gradient = self._by_run(scratch.outputs), self._by_run(scratch.gradient)
        torch.softmax(outputs, 1, out=gradient)
        gradient.sub_(batch.one_hot)
        sigmoid_part = scratch.gradient[: self._n_sigmoid]
        aten.sigmoid_backward(sigmoid_part, scratch.outputs[: self._n_sigmoid], grad_input=sigmoid_part)

    def _metrics(self, batch: Batch, scratch: Scratch) -> Tensor:
        """Return the sums of losses and of correct answers of a block, shape (2, runs)."""
        outputs = self._by_run(scratch.outputs)
        index = batch.labels.expand(len(outputs), 1, -1)
        of_label = outputs.gather(1, index)[:, 0]
        losses = torch.log_softmax(outputs, 1).gather(1, index)[:, 0].neg_().sum(1, dtype=self._sum_dtype)
        n_correct = _n_correct(outputs, of_label, batch.labels, losses).sum(1)
        return torch.stack([losses, n_correct.to(self._sum_dtype)])


def _n_correct(outputs: Tensor, of_label: Tensor, labels: Tensor, losses: Tensor) -> Tensor:
    """Return where the first largest of the outputs (runs, classes, rows) is the label's, (runs, rows)."""
    if outputs.device.type != "cpu" or not losses.isfinite().all():
        return outputs.argmax(1) == labels
    # argmax over a middle dimension takes a processor 20 times as long as a maximum does.
    classes = torch.arange(outputs.shape[1])[:, None]
    earlier = outputs.masked_fill(classes >= labels, -torch.inf).amax(1)
    return (of_label == outputs.amax(1)) & (earlier < of_label)


def _total(metrics: dict[int, Tensor]) -> Tensor:
    return torch.stack([metrics[index] for index in range(len(metrics))]).sum(0)


class OrderedSum:
    """Adds what blocks give in the order of the blocks, whichever is done first."""

    def __init__(self, new: Callable[[], list[Tensor]]) -> None:
        """Call `new` for room that one block fills."""
        self._new = new
        self._free: list[list[Tensor]] = []
        self._lock = threading.Lock()
        self.total: list[Tensor] = []
        self.begin()

    def begin(self) -> None:
        """Start from nothing; what an unfinished sum still held is let go."""
        if self.total:
            self._free.append(self.total)
        self.total = []
        self._waiting: dict[int, list[Tensor]] = {}
        self._next = 0

    def buffer(self) -> list[Tensor]:
        """Return tensors to fill; their values are anything."""
        try:
            return self._free.pop()
        except IndexError:
            return self._new()

    def add(self, index: int, part: list[Tensor]) -> None:
        """Take what block `index` gave, in tensors that `buffer` returned."""
        with self._lock:
            self._waiting[index] = part
            while self._next in self._waiting:
                self._add(self._waiting.pop(self._next))
                self._next += 1

    def _add(self, part: Sequence[Tensor]) -> None:
        if not self.total:
            self.total = list(part)
            return
        for total, addend in zip(self.total, part, strict=True):
            total.add_(addend)
        self._free.append(list(part))
