"""The engine's numbers, held against PyTorch's own autograd."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from helpers.loops import CPU, assert_equals_plain_loop

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.full_batch_pass import FullBatchPass
from logreg_tui.core.engine.gpu.choice import EngineChoice
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.heads import HEADS, loss_floor
from logreg_tui.core.settings import RunSettings, Schedule, grid

SCHEDULES = {
    "constant": Schedule(),
    "step": Schedule("step", step_size=30, gamma=0.1),
    "exponential": Schedule("exponential", gamma=0.97),
    "cosine": Schedule("cosine", period=100),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("l2", [0.0, 0.001, 0.3])
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_one_run_equals_a_plain_pytorch_loop(
    digits: Dataset, head: str, l2: float, schedule: Schedule
) -> None:
    assert_equals_plain_loop(digits, (RunSettings(head, l2, 0.01, 3, schedule),), 100)


def test_a_grid_of_runs_equals_as_many_plain_loops(digits: Dataset) -> None:
    runs = grid(["logits", "sigmoid"], [0.0, 0.01], [0.01, 0.002], [0, 7], SCHEDULES["step"])
    assert_equals_plain_loop(digits, runs, 100)


def test_mnist_with_the_sigmoid_head_equals_a_plain_loop(mnist: Dataset) -> None:
    assert_equals_plain_loop(mnist, (RunSettings("sigmoid", 0.001, 0.01, 0),), 60)


def test_both_heads_on_mnist_equal_plain_loops_while_the_rate_is_small(mnist: Dataset) -> None:
    # With raw pixels and a rate of 0.01 the logits run is chaotic: rounding differences grow.
    assert_equals_plain_loop(mnist, grid(HEADS, [0.001], [1e-6], [0], Schedule()), 20)


def test_accuracy_takes_the_first_class_where_outputs_tie() -> None:
    inputs = np.ones((4, 1), np.float32)
    dataset = Dataset("ties", inputs, np.array([0, 0, 1, 2]), inputs, np.array([1, 0, 2, 0]), 3, None, "")
    engine = Engine(dataset, CPU)
    # Saturated: all three outputs are exactly 1, though the linear outputs differ.
    engine.add(1, "sigmoid", 0.0, torch.tensor([[100.0], [200.0], [300.0]]), torch.zeros(3))
    engine.add(2, "logits", 0.0, torch.tensor([[100.0], [200.0], [300.0]]), torch.zeros(3))
    measured = engine.measure()
    assert (measured[1].train_accuracy, measured[1].test_accuracy) == (0.5, 0.5)
    assert (measured[2].train_accuracy, measured[2].test_accuracy) == (0.25, 0.25)


def test_runs_keep_their_parameters_while_others_come_go_and_switch(digits: Dataset) -> None:
    engine = Engine(digits, CPU)
    given = {run: initial_parameters(64, 10, run) for run in (1, 2, 3)}
    for run, head in ((1, "logits"), (2, "sigmoid"), (3, "logits")):
        engine.add(run, head, 0.0, *given[run])
    assert engine.runs == [2, 1, 3]
    engine.set_head(3, "sigmoid")
    engine.remove(2)
    assert engine.runs == [3, 1]
    for run in (1, 3):
        weight, bias = engine.parameters(run)
        assert torch.equal(weight, given[run][0])
        assert torch.equal(bias, given[run][1])


def test_runs_that_come_or_leave_together_cost_one_layout(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(digits, CPU)
    layouts: list[int] = []
    new_pass = engine.data.new_pass

    def noted(choice: EngineChoice, runs: int, sigmoid_runs: int) -> FullBatchPass[Any]:
        layouts.append(runs)
        return new_pass(choice, runs, sigmoid_runs)

    monkeypatch.setattr(engine.data, "new_pass", noted)
    parameters = initial_parameters(64, 10, 0)
    for run in range(1, 101):
        engine.add(run, "sigmoid" if run % 2 else "logits", 0.0, *parameters)
    measured = engine.measure()
    assert layouts == [100]
    assert len(measured) == 100
    for run in range(1, 101):
        # As at a log point: it is kept, and leaves if it is done.
        engine.snapshot(run)
        if run > 20:
            engine.remove(run)
        elif run % 5 == 0:
            engine.rollback(run)
    kept = {run: figures for run, figures in measured.items() if run <= 20}
    assert engine.measure() == kept
    assert layouts == [100, 20]


def test_turning_the_head_discards_the_gradient_of_the_old_one(digits: Dataset) -> None:
    parameters = initial_parameters(64, 10, 0)

    def updated(*heads: str) -> torch.Tensor:
        engine = Engine(digits, CPU)
        engine.add(1, heads[0], 0.0, *parameters)
        for head in heads:
            engine.set_head(1, head)
            engine.measure()
        engine.advance([{1: 0.01}])
        return engine.parameters(1)[0]

    assert torch.equal(updated("sigmoid", "logits"), updated("logits"))
    assert not torch.equal(updated("sigmoid", "logits"), updated("sigmoid"))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_number_of_threads_changes_no_bit(digits: Dataset, threads: int) -> None:
    # Enough copies of the digits to be cut into several blocks.
    inputs, labels = np.tile(digits.train_inputs, (12, 1)), np.tile(digits.train_labels, 12)
    large = dataclasses.replace(digits, train_inputs=inputs, train_labels=labels)

    def outcome(threads: int) -> tuple[object, torch.Tensor, torch.Tensor]:
        engine = Engine(large, CPU, threads)
        engine.add(1, "sigmoid", 0.001, *initial_parameters(64, 10, 0))
        engine.add(2, "logits", 0.001, *initial_parameters(64, 10, 0))
        for _ in range(20):
            engine.advance([{1: 0.01, 2: 0.01}])
        return engine.measure(), engine.parameters(1)[0], engine.parameters(2)[0]

    alone, together = outcome(1), outcome(threads)
    assert alone[0] == together[0]
    assert torch.equal(alone[1], together[1])
    assert torch.equal(alone[2], together[2])


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    def fail(index: int) -> None:
        raise ZeroDivisionError("in a thread")

    with pytest.raises(ZeroDivisionError, match="in a thread"):
        ThreadTeam(3).run(fail, 8)


def test_kept_parameters_come_back(digits: Dataset) -> None:
    engine = Engine(digits, CPU)
    engine.add(1, "sigmoid", 0.0, *initial_parameters(64, 10, 0))
    engine.advance([{1: 0.01}])
    engine.snapshot(1)
    before = engine.parameters(1)
    engine.advance([{1: 10.0}])
    assert not torch.equal(engine.parameters(1)[0], before[0])
    engine.rollback(1)
    assert torch.equal(engine.parameters(1)[0], before[0])
    assert torch.equal(engine.parameters(1)[1], before[1])


@pytest.mark.parametrize("seed", [0, 1, 12345, -1])
def test_initial_parameters_are_those_of_linear_after_manual_seed(seed: int) -> None:
    state = torch.random.get_rng_state()
    weight, bias = initial_parameters(784, 10, seed)
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        linear = torch.nn.Linear(784, 10)
    assert torch.equal(weight, linear.weight)
    assert torch.equal(bias, linear.bias)


@pytest.mark.parametrize(("classes", "floor"), [(10, 1.4612), (2, 0.3133), (3, 0.5514)])
def test_no_sigmoid_head_gets_below_the_floor(classes: int, floor: float) -> None:
    assert loss_floor(classes) == pytest.approx(floor, abs=1e-4)
    best = torch.zeros(classes)
    best[0] = 1.0
    assert -math.log(torch.softmax(best, 0)[0].item()) == pytest.approx(loss_floor(classes), rel=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_the_gpu_gives_the_losses_of_the_cpu(digits: Dataset) -> None:
    losses = []
    for device in (CPU, torch.device("cuda", 0)):
        engine = Engine(digits, device)
        engine.add(1, "sigmoid", 0.001, *initial_parameters(64, 10, 0))
        engine.add(2, "logits", 0.001, *initial_parameters(64, 10, 0))
        for _ in range(50):
            engine.advance([{1: 0.01, 2: 0.01}])
        losses.append([engine.measure()[run].train_loss for run in (1, 2)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
