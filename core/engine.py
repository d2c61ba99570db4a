"""One epoch of all runs on one device: the hot path, and nothing else.

The weights of all runs stand one below the other in one matrix, sigmoid heads first, so that one
product over the data serves every run. Gradients are closed-form: for logits z, labels y and the
cross entropy, dL/dz = softmax(z) - onehot(y); a sigmoid head s multiplies it by s (1 - s).

On a processor the rows are cut into blocks that threads take in turn, each computing with one
thread of its own; what the blocks give is added in their order. Blocks and layout follow from the
runs and the shape of the data alone, so that the same history of calls gives the same bits
whatever the number of threads and however busy the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from logreg_tui.core.blocks import Block, Blocks, Workers
from logreg_tui.core.datasets import Dataset
from logreg_tui.core.settings import SIGMOID


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is measured of one run on one set of parameters; plain numbers."""

    train_loss: float
    l2_penalty: float
    test_loss: float
    train_accuracy: float
    test_accuracy: float


@dataclass(slots=True)
class _Slot:
    """One run in the matrix."""

    head: str
    l2: float
    weight: Tensor  # (C, D), a view of the matrix
    bias: Tensor  # (C, 1), likewise
    kept: tuple[Tensor, Tensor]


class Engine:
    """The parameters of all runs and the two operations on them: `accumulate` and `advance`."""

    def __init__(self, dataset: Dataset, device: torch.device, threads: int = 1) -> None:
        """Move the data to the device; `threads` of the processor train where that is the device.

        Raises torch.OutOfMemoryError where the data do not fit.
        """
        self.device = device
        self.features = int(dataset.train_inputs.shape[1])
        self.classes = dataset.classes
        self._train = self._load(dataset.train_inputs, dataset.train_labels)
        self._test = self._load(dataset.test_inputs, dataset.test_labels)
        self._workers = Workers(threads if device.type == "cpu" else 1)
        # Sums of losses; Apple's GPUs have no float64.
        self._sum_dtype = torch.float32 if device.type == "mps" else torch.float64
        self.is_cancelled: Callable[[], bool] = lambda: False
        """Polled between blocks; where it holds, a pass ends with Cancelled and changes nothing."""
        self._slots: dict[int, _Slot] = {}
        self._rates: dict[int, float] = {}
        self._is_stale = True
        self._lay_out({})

    def _load(self, inputs: object, labels: object) -> Blocks:
        return Blocks(
            torch.as_tensor(inputs).to(self.device), torch.as_tensor(labels).to(self.device), self.classes
        )

    @property
    def runs(self) -> list[int]:
        """The numbers of the runs in the matrix, in the order of its rows."""
        return list(self._slots)

    def add(self, run: int, head: str, l2: float, weight: Tensor, bias: Tensor) -> None:
        """Let a run join with weight (classes, features) and bias (classes,)."""
        weight = weight.to(self.device, torch.float32)
        bias = bias.to(self.device, torch.float32)[:, None]
        self._lay_out({**self._slots, run: _Slot(head, l2, weight, bias, (weight, bias))})

    def remove(self, run: int) -> None:
        """Take a run out of the matrix."""
        self._lay_out({number: slot for number, slot in self._slots.items() if number != run})

    def set_head(self, run: int, head: str) -> None:
        """Switch the head of a run; its parameters are kept."""
        self._slots[run].head = head
        self._lay_out(self._slots)

    def set_l2(self, run: int, l2: float) -> None:
        """Change the lambda of a run: only the update is concerned, the gradient stays valid."""
        self._slots[run].l2 = l2
        self._set_decay()

    def _lay_out(self, slots: Mapping[int, _Slot]) -> None:
        """Build the matrix anew: sigmoid heads first, each group in the order of run numbers."""
        order = sorted(slots, key=lambda run: (slots[run].head != SIGMOID, run))
        count, classes = len(order), self.classes
        self._weight = torch.zeros(count * classes, self.features, device=self.device)
        self._bias = torch.zeros(count * classes, 1, device=self.device)
        self._weight_gradient = torch.zeros_like(self._weight)
        self._bias_gradient = torch.zeros_like(self._bias)
        placed = {}
        for row, run in zip(range(0, count * classes, classes), order, strict=True):
            slot = slots[run]
            weight, bias = self._weight[row : row + classes], self._bias[row : row + classes]
            weight.copy_(slot.weight)
            bias.copy_(slot.bias)
            placed[run] = _Slot(slot.head, slot.l2, weight, bias, slot.kept)
        self._slots = placed
        self._sigmoid_rows = classes * sum(slot.head == SIGMOID for slot in placed.values())
        self._rates = {}
        self._set_decay()
        self._is_stale = True

    def _set_decay(self) -> None:
        self._decay = self._per_row([2 * slot.l2 for slot in self._slots.values()])

    def _per_row(self, values: list[float]) -> Tensor:
        """Return one value per run as a column that fits the matrix, shape (runs * classes, 1)."""
        column = torch.tensor(values, dtype=torch.float32).repeat_interleave(self.classes)
        return column[:, None].to(self.device)

    def accumulate(self) -> None:
        """Compute the gradient of the mean cross entropy, unless it is known already."""
        if self._is_stale:
            self._transposed = self._weight.t().contiguous()
            self._workers.run(self._differentiate, self._train.all, self.is_cancelled)
            self._add_gradients()

    def measure(self) -> dict[int, Measurement]:
        """Measure all runs on their present parameters, and compute the gradient on the way."""
        self._transposed = self._weight.t().contiguous()
        self._workers.run(self._measure_and_differentiate, self._train.all, self.is_cancelled)
        self._add_gradients()
        self._workers.run(self._measure, self._test.all, self.is_cancelled)
        return {
            run: Measurement(train_loss, penalty, test_loss, train_accuracy, test_accuracy)
            for run, (train_loss, train_accuracy), (test_loss, test_accuracy), penalty in zip(
                self._slots, self._train.means(), self._test.means(), self._penalties(), strict=True
            )
        }

    def _add_gradients(self) -> None:
        self._train.mean_gradient(self._weight_gradient, self._bias_gradient)
        self._is_stale = False

    def _measure(self, block: Block) -> None:
        block.measure(self._by_run(self._outputs(block.inputs)), self._sum_dtype)

    def _measure_and_differentiate(self, block: Block) -> None:
        outputs = self._outputs(block.inputs)
        block.measure(self._by_run(outputs), self._sum_dtype)
        self._set_gradient(block, outputs)

    def _differentiate(self, block: Block) -> None:
        self._set_gradient(block, self._outputs(block.inputs))

    def _set_gradient(self, block: Block, outputs: Tensor) -> None:
        gradient = self._output_gradient(outputs, block.one_hot)
        block.weight_gradient = torch.mm(gradient, block.inputs)
        block.bias_gradient = gradient.sum(1, keepdim=True)

    def _outputs(self, inputs: Tensor) -> Tensor:
        """Return what the heads put out, shape (runs * classes, samples)."""
        # This product is fastest row by row; what follows is, with the samples innermost.
        outputs = torch.mm(inputs, self._transposed).t().contiguous().add_(self._bias)
        outputs[: self._sigmoid_rows].sigmoid_()
        return outputs

    def _output_gradient(self, outputs: Tensor, one_hot: Tensor) -> Tensor:
        """Return the gradient of the summed loss at the linear outputs; same shape as `outputs`."""
        gradient = torch.softmax(self._by_run(outputs), 1).sub_(one_hot).view_as(outputs)
        squashed = outputs[: self._sigmoid_rows]
        gradient[: self._sigmoid_rows].mul_(squashed).mul_(1 - squashed)
        return gradient

    def _by_run(self, outputs: Tensor) -> Tensor:
        return outputs.view(len(self._slots), self.classes, -1)

    def advance(self, rates: Mapping[int, float]) -> None:
        """Update every run once by plain gradient descent with its learning rate.

        The gradient of the L2 term, 2 * l2 * parameter, is added here.
        """
        self.accumulate()
        if rates != self._rates:
            self._rates = dict(rates)
            self._negative_rate = self._per_row([-rates[run] for run in self._slots])
        for parameter, gradient in (
            (self._weight, self._weight_gradient),
            (self._bias, self._bias_gradient),
        ):
            gradient.addcmul_(parameter, self._decay)
            parameter.addcmul_(gradient, self._negative_rate)
        self._is_stale = True

    def _penalties(self) -> list[float]:
        squares = [
            slot.weight.to(self._sum_dtype).square().sum() + slot.bias.to(self._sum_dtype).square().sum()
            for slot in self._slots.values()
        ]
        # Infinite parameters with lambda 0 give nan, which tells of the divergence.
        sums: list[float] = torch.stack(squares).tolist() if squares else []
        return [slot.l2 * value for slot, value in zip(self._slots.values(), sums, strict=True)]

    def keep(self, run: int) -> None:
        """Remember the parameters of a run as its last finite ones."""
        slot = self._slots[run]
        slot.kept = (slot.weight.clone(), slot.bias.clone())

    def set_kept(self, run: int, weight: Tensor, bias: Tensor) -> None:
        """Set what `keep` remembers: weight (classes, features) and bias (classes,)."""
        self._slots[run].kept = (weight.to(self.device), bias[:, None].to(self.device))

    def kept_parameters(self, run: int) -> tuple[Tensor, Tensor]:
        """Return copies of the parameters that `keep` remembered, on the CPU."""
        weight, bias = self._slots[run].kept
        return weight.cpu().clone(), bias[:, 0].cpu().clone()

    def restore_kept(self, run: int) -> None:
        """Give a run the parameters that `keep` remembered."""
        slot = self._slots[run]
        slot.weight.copy_(slot.kept[0])
        slot.bias.copy_(slot.kept[1])
        self._is_stale = True

    def parameters(self, run: int) -> tuple[Tensor, Tensor]:
        """Return copies of weight (classes, features) and bias (classes,) on the CPU."""
        slot = self._slots[run]
        return slot.weight.cpu().clone(), slot.bias[:, 0].cpu().clone()


def data_bytes(dataset: Dataset) -> int:
    """Return what the engine keeps of the data on its device, in bytes."""
    samples = len(dataset.train_inputs) + len(dataset.test_inputs)
    return samples * (4 * int(dataset.train_inputs.shape[1]) + 4 * dataset.classes + 8)
