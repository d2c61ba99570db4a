"""How the tests train: the trainer run to its end, and a plain PyTorch loop to hold it against."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch.nn import functional

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.model import LogisticRegression, l2_penalty
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule
from logreg_tui.core.training.events import Event, RowLogged
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.state import Training
from logreg_tui.core.training.trainer import train

CPU = torch.device("cpu")


def start(dataset: Dataset, *runs: RunSettings, epochs: int = 100, **others: int) -> Training:
    """Return a training on the CPU at step 0."""
    return Training.start(ExperimentSettings(runs=runs, epochs=epochs, **others), Engine(dataset, CPU))


def rows(happenings: Iterable[Event], run: int | None = None) -> list[RowLogged]:
    """Return the rows among some events, of one run or of all."""
    return [event for event in happenings if isinstance(event, RowLogged) and run in (None, event.run)]


def train_to_the_end(dataset: Dataset, *runs: RunSettings, epochs: int = 100, **others: int) -> list[Event]:
    """Return all events of a training nobody interferes with."""
    return list(train(start(dataset, *runs, epochs=epochs, **others), Control()))


def scheduler(optimizer: torch.optim.Optimizer, schedule: Schedule) -> torch.optim.lr_scheduler.LRScheduler:
    """Return PyTorch's own scheduler of a schedule."""
    kinds = torch.optim.lr_scheduler
    match schedule.kind:
        case "step":
            return kinds.StepLR(optimizer, schedule.step_size, schedule.gamma)
        case "exponential":
            return kinds.ExponentialLR(optimizer, schedule.gamma)
        case "cosine":
            return kinds.CosineAnnealingLR(optimizer, schedule.period)
        case _:
            return kinds.LambdaLR(optimizer, lambda epoch: 1.0)


def plain_loop(
    dataset: Dataset, settings: RunSettings, epochs: int, every: int = 1
) -> dict[int, dict[str, float]]:
    """Train as a user would type it in PyTorch; return the figures of every so many epochs, from 0."""
    model = LogisticRegression(dataset.train_inputs.shape[1], dataset.classes, settings.head, settings.seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.learning_rate)
    schedule = scheduler(optimizer, settings.schedule)
    inputs, labels = (
        torch.from_numpy(np.asarray(dataset.train_inputs)),
        torch.from_numpy(dataset.train_labels),
    )
    test_inputs, test_labels = (
        torch.from_numpy(np.asarray(dataset.test_inputs)),
        torch.from_numpy(dataset.test_labels),
    )
    figures = {}
    for epoch in range(epochs + 1):
        optimizer.zero_grad()
        outputs = model(inputs)
        loss, penalty = functional.cross_entropy(outputs, labels), l2_penalty(model, settings.l2)
        if epoch % every == 0:
            with torch.no_grad():
                test_outputs = model(test_inputs)
            figures[epoch] = {
                "learning_rate": optimizer.param_groups[0]["lr"],
                "train_loss": loss.item(),
                "l2_penalty": penalty.item(),
                "test_loss": functional.cross_entropy(test_outputs, test_labels).item(),
                "train_accuracy": (outputs.argmax(1) == labels).float().mean().item(),
                "test_accuracy": (test_outputs.argmax(1) == test_labels).float().mean().item(),
            }
        (loss + penalty).backward()
        optimizer.step()
        schedule.step()
    return figures
