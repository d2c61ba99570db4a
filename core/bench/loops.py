"""Timed by the benchmark: a plain PyTorch loop, the engine, `train`, and the limits of the machine.

Nothing here looks at a clock. Every function returns only when its device has finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.heads import SIGMOID
from logreg_tui.core.optimizers import ADAM_EPS
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.events import RowLogged
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.state import Training
from logreg_tui.core.training.trainer import train

CPU_PRODUCT_SIZE, GPU_PRODUCT_SIZE = 2048, 8192
"""Rows and columns of the square product that shows what the device can compute."""


def synchronize(device: torch.device) -> None:
    """Wait until a device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class PlainData:
    """A dataset as a user would hold it: float32 tensors on the device."""

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self.device = device
        self.classes = dataset.classes
        self.inputs = torch.from_numpy(np.asarray(dataset.train_inputs)).to(device)
        self.labels = torch.from_numpy(dataset.train_labels).to(device)
        self.test_inputs = torch.from_numpy(np.asarray(dataset.test_inputs)).to(device)
        self.test_labels = torch.from_numpy(dataset.test_labels).to(device)


class PlainLoop:
    """Full-batch gradient descent of one run, as a user would type it in PyTorch; the tests' reference.

    Minimises mean cross_entropy(head(X W^T + b), y) + l2 * (sum W^2 + sum b^2), X (samples, features),
    W (classes, features), b (classes,).
    """

    def __init__(self, data: PlainData, run: RunSettings) -> None:
        self.data = data
        self.run = run
        torch.manual_seed(run.seed)
        self.model = nn.Linear(data.inputs.shape[1], data.classes).to(data.device)
        self.optimizer = torch_optimizer(run, self.model.parameters())

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return the outputs of the head, shape (samples, classes)."""
        outputs: Tensor = self.model(inputs)
        return torch.sigmoid(outputs) if self.run.head == SIGMOID else outputs

    def penalty(self) -> Tensor:
        """Return l2 times the sum of squares of all parameters: the same as weight_decay = 2 * l2."""
        return self.run.l2 * torch.stack([p.pow(2).sum() for p in self.model.parameters()]).sum()

    def train(self, epochs: int, log_every: int | None = None) -> None:
        """Train for some epochs, computing both losses before every `log_every`th."""
        for epoch in range(epochs):
            if log_every is not None and epoch % log_every == 0:
                self.losses()
            self.step()
        synchronize(self.data.device)

    def step(self) -> None:
        """Train for one epoch."""
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.outputs(self.data.inputs), self.data.labels)
        objective = loss + self.penalty()
        objective.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def losses(self) -> tuple[float, float]:
        """Return the cross entropy on the training and on the test set."""
        data = self.data
        with torch.no_grad():
            train_loss = functional.cross_entropy(self.outputs(data.inputs), data.labels)
            test_loss = functional.cross_entropy(self.outputs(data.test_inputs), data.test_labels)
            return train_loss.item(), test_loss.item()


def torch_optimizer(run: RunSettings, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return PyTorch's own optimizer of a run; the L2 term is none of its."""
    optimizer = run.optimizer
    if optimizer.kind == "adam":
        return torch.optim.Adam(parameters, run.learning_rate, optimizer.betas, ADAM_EPS)
    momentum = 0.0 if optimizer.is_plain else optimizer.momentum
    return torch.optim.SGD(
        parameters, run.learning_rate, momentum, nesterov=optimizer.kind == "nesterov" and momentum > 0
    )


class EngineLoop:
    """The engine training some runs together, without anything around it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rates: dict[int, float] = {}
        """The learning rates of the runs."""

    def begin(self, runs: Sequence[RunSettings]) -> None:
        """Train these runs, numbered from 1 and with their initial parameters, instead of any others."""
        engine = self.engine
        for number in list(engine.runs):
            engine.remove(number)
        for number, run in enumerate(runs, 1):
            weight, bias = initial_parameters(engine.features, engine.classes, run.seed)
            engine.add(number, run.head, run.l2, weight, bias, run.optimizer)
        self.rates = {number: run.learning_rate for number, run in enumerate(runs, 1)}

    def train(self, epochs: int) -> None:
        """Train for some epochs, as many at a time as the engine takes."""
        stride = self.engine.longest_stride
        for start in range(0, epochs, stride):
            self.engine.advance([self.rates] * min(stride, epochs - start))
        synchronize(self.engine.device)

    def losses(self) -> list[tuple[float, float]]:
        """Return the cross entropy on the training and on the test set of each run."""
        measured = self.engine.measure()
        return [(measured[run].train_loss, measured[run].test_loss) for run in self.rates]


class TrainerLoop:
    """`train` with its control inbox, its rows and its events; nothing is recorded.

    `epochs` of the training's settings must not be reached.
    """

    def __init__(self, training: Training) -> None:
        self._happenings = train(training, Control())
        self._epoch = 0
        self.train(0)

    def train(self, epochs: int) -> None:
        """Train until the row of an epoch so much later is there; it must be a log point."""
        self._epoch += epochs
        for event in self._happenings:
            if isinstance(event, RowLogged) and event.epoch >= self._epoch:
                return


def largest_difference(ours: Iterable[tuple[float, float]], theirs: Iterable[tuple[float, float]]) -> float:
    """Return the largest difference of two lists of losses; infinity if one is not a number."""
    pairs = zip(ours, theirs, strict=True)
    differences = [abs(a - b) for own, other in pairs for a, b in zip(own, other, strict=True)]
    return max(difference if difference < torch.inf else torch.inf for difference in differences)


def reads(data: PlainData) -> dict[str, Callable[[], None]]:
    """Return operations that read the training inputs once and do as good as nothing else, by name."""
    inputs = data.inputs
    ones = torch.ones(inputs.shape[1], device=data.device)
    return {
        "sum": _finished(inputs.sum, data.device),
        "maximum": _finished(inputs.amax, data.device),
        "matrix times vector": _finished(lambda: inputs.mv(ones), data.device),
    }


def square_product(device: torch.device) -> tuple[int, Callable[[], None]]:
    """Return a size, and the product of two float32 matrices of that many rows and columns."""
    size = CPU_PRODUCT_SIZE if device.type == "cpu" else GPU_PRODUCT_SIZE
    left, right = torch.rand(2, size, size, device=device)
    product = torch.empty(size, size, device=device)
    return size, _finished(lambda: torch.mm(left, right, out=product), device)


def _finished(work: Callable[[], object], device: torch.device) -> Callable[[], None]:
    def both() -> None:
        work()
        synchronize(device)

    return both
