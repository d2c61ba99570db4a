"""Two ways for tests to train: the trainer run to its end, and a plain PyTorch loop to hold it against."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch

from logreg_tui.core.bench.loops import PlainData, PlainLoop
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule
from logreg_tui.core.training.events import Event, RowLogged
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.state import Training
from logreg_tui.core.training.trainer import train

CPU = torch.device("cpu")
LOSSES = ("train_loss", "l2_penalty", "test_loss")


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
    """Train by the benchmark's plain loop; return the metrics of every `every`th epoch, from 0."""
    data = PlainData(dataset, CPU)
    loop = PlainLoop(data, settings)
    schedule = scheduler(loop.optimizer, settings.schedule)
    metrics = {}
    for epoch in range(epochs + 1):
        if epoch % every == 0:
            train_loss, test_loss = loop.losses()
            metrics[epoch] = {
                "learning_rate": loop.optimizer.param_groups[0]["lr"],
                "train_loss": train_loss,
                "l2_penalty": loop.penalty().item(),
                "test_loss": test_loss,
                "train_accuracy": accuracy(loop, data.inputs, data.labels),
                "test_accuracy": accuracy(loop, data.test_inputs, data.test_labels),
            }
        loop.step()
        schedule.step()
    return metrics


def accuracy(loop: PlainLoop, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of samples whose largest output is the label's."""
    with torch.no_grad():
        return (loop.outputs(inputs).argmax(1) == labels).float().mean().item()


def assert_equals_plain_loop(dataset: Dataset, runs: tuple[RunSettings, ...], epochs: int) -> None:
    """Hold every tenth row of a training, of all runs, against PyTorch's own loop."""
    happenings = train_to_the_end(dataset, *runs, epochs=epochs)
    for number, settings in enumerate(runs, 1):
        expected = plain_loop(dataset, settings, epochs, every=10)
        logged = rows(happenings, number)
        assert [row.epoch for row in logged] == list(range(0, epochs + 1, 10))
        for row in logged:
            figures = expected[row.epoch]
            for name in LOSSES:
                assert getattr(row, name) == pytest.approx(figures[name], rel=1e-4), (settings, row.epoch)
            assert row.learning_rate == pytest.approx(figures["learning_rate"], rel=1e-9, abs=1e-15)
            assert row.train_accuracy == pytest.approx(figures["train_accuracy"], abs=2e-3)
            assert row.test_accuracy == pytest.approx(figures["test_accuracy"], abs=6e-3)
