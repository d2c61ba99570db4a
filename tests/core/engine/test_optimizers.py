"""Optimizers held against torch.optim row by row, and their state through whatever happens to a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers.loops import CPU, assert_equals_plain_loop, rows, start
from helpers.made_data import ALL_OPTIMIZERS, all_parameters, dataset, values, with_runs

from logreg_tui.core.bench.loops import PlainData, PlainLoop
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.gpu.choice import EAGER, EngineChoice
from logreg_tui.core.engine.gpu.qualification import DisagreementError, _difference, tried
from logreg_tui.core.errors import UsageError
from logreg_tui.core.heads import HEADS
from logreg_tui.core.optimizers import Optimizer, optimizer_from_json
from logreg_tui.core.settings import RunSettings, Schedule, grid, run_from_json, run_to_json
from logreg_tui.core.training import requests
from logreg_tui.core.training.requests import Control, Request
from logreg_tui.core.training.trainer import train

DATA = dataset(values(60, 5), values(20, 5, seed=1))
OPTIMIZERS = (
    *ALL_OPTIMIZERS,
    Optimizer("momentum", 0.5),
    Optimizer("nesterov", 0.0),
    Optimizer("adam", betas=(0.5, 0.9)),
    Optimizer("adam", betas=(0.0, 0.99)),
)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_a_run_equals_torch_optim_row_by_row(digits: Dataset, head: str, optimizer: Optimizer) -> None:
    schedule = Schedule("step", 30, 0.5)
    # Where a loss swings, and where Adam has converged, differences of rounding grow.
    rate = {"sgd": 0.01, "adam": 0.001}.get(optimizer.kind, 0.002)
    for l2 in (0.0, 0.03):
        assert_equals_plain_loop(digits, (RunSettings(head, l2, rate, 3, schedule, optimizer),), 100)


def test_a_grid_of_optimizers_shares_one_pass_and_equals_as_many_plain_loops(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = grid(HEADS, [0.001], [0.002], [0, 7], Schedule(), ALL_OPTIMIZERS)
    assert [str(run.optimizer) for run in runs[::4]] == ["sgd", "momentum 0.9", "nesterov 0.9", "adam"]
    assert_equals_plain_loop(digits, runs, 50)


@pytest.mark.parametrize("optimizer", ALL_OPTIMIZERS, ids=str)
def test_a_knob_that_is_turned_keeps_what_the_optimizer_remembers(
    digits: Dataset, optimizer: Optimizer
) -> None:
    settings = RunSettings("sigmoid", optimizer=optimizer)
    turned = RunSettings("logits", 0.01, 0.002, optimizer=optimizer)
    training, control = start(digits, settings, RunSettings(), epochs=60), Control()
    script: dict[int, tuple[Request, ...]] = {
        20: (
            requests.SetKnob(1, "learning_rate", 0.002),
            requests.SetKnob(1, "l2", 0.01),
            requests.SetKnob(1, "head", "logits"),
        ),
        # Others that come and go change the matrix, not the run.
        30: (requests.AddRun(RunSettings(optimizer=Optimizer("adam"))),),
        40: (requests.EndRun(2),),
    }
    logged = {}
    for event in train(training, control):
        for request in script.pop(training.step, ()):
            control.send(request)
        for row in rows([event], 1):
            logged[row.epoch] = row
    loop = PlainLoop(PlainData(digits, CPU), settings)
    for epoch in range(61):
        if epoch in logged:
            assert logged[epoch].train_loss == pytest.approx(loop.losses()[0], rel=1e-4), epoch
        if epoch == 20:
            loop.run = turned
            loop.optimizer.param_groups[0]["lr"] = 0.002
        loop.step()
    assert len(logged) == 7


def test_a_run_goes_on_with_its_optimizers_state_bit_for_bit() -> None:
    heads, rates = ("sigmoid", "logits") * 2, dict.fromkeys((1, 2, 3, 4), 0.05)
    whole, cut = (with_runs(Engine(DATA, CPU), heads, optimizers=ALL_OPTIMIZERS) for _ in range(2))
    whole.advance([rates] * 9)
    cut.advance([rates] * 5)
    again = Engine(DATA, CPU)
    for run in (4, 2, 1, 3):
        optimizer = ALL_OPTIMIZERS[run - 1]
        again.add(run, heads[run - 1], 0.01, *cut.parameters(run), optimizer, cut.optimizer_state(run))
    again.advance([rates] * 4)
    assert torch.equal(all_parameters(again), all_parameters(whole))
    assert again.optimizer_state(1) is None
    assert (again.optimizer_state(4) or {})["step"] == 9


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"step": 3},
        {"step": -1, "exp_avg": torch.zeros(3, 6), "exp_avg_sq": torch.zeros(3, 6)},
        {"step": True, "exp_avg": torch.zeros(3, 6), "exp_avg_sq": torch.zeros(3, 6)},
        {"step": 3, "exp_avg": torch.zeros(3, 5), "exp_avg_sq": torch.zeros(3, 6)},
        {"step": 3, "exp_avg": torch.zeros(3, 6).double(), "exp_avg_sq": torch.zeros(3, 6)},
        {"step": 3, "momentum_buffer": torch.zeros(3, 6)},
    ],
)
def test_a_state_that_is_none_of_the_optimizer_is_refused(state: dict[str, object]) -> None:
    engine = with_runs(Engine(DATA, CPU), ("sigmoid",))
    with pytest.raises(ValueError, match="its"):
        engine.add(2, "sigmoid", 0.0, *engine.parameters(1), Optimizer("adam"), state)
    assert engine.runs == [1]


def test_a_trial_of_engines_leaves_the_state_as_it_was_and_finds_a_wrong_step() -> None:
    engine, untouched = (with_runs(Engine(DATA, CPU), HEADS * 2, optimizers=ALL_OPTIMIZERS) for _ in range(2))
    rates = dict.fromkeys(engine.runs, 0.01)
    for each in (engine, untouched):
        each.advance([rates] * 3)
    engine.use(EngineChoice(EAGER))
    truth = tried(engine, rates)
    assert _difference(engine, truth, rates) == 0
    with pytest.raises(DisagreementError, match="parameters after two updates"):
        _difference(
            engine,
            replace(truth, parameters=truth.parameters * torch.tensor([1, 1, 1, 1.01])[:, None]),
            rates,
        )
    for each in (engine, untouched):
        each.advance([rates] * 3)
    assert torch.equal(all_parameters(engine), all_parameters(untouched))


def test_settings_of_plain_gradient_descent_are_written_as_before_there_was_a_choice() -> None:
    assert list(run_to_json(RunSettings())) == ["head", "l2", "learning_rate", "seed", "schedule"]
    for optimizer in OPTIMIZERS:
        run = RunSettings(optimizer=optimizer)
        assert run_from_json(run_to_json(run)) == run
    assert run_to_json(RunSettings(optimizer=OPTIMIZERS[1]))["optimizer"] == {
        "kind": "momentum",
        "momentum": 0.9,
    }


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "lion"},
        {"kind": "momentum", "momentum": 1.0},
        {"kind": "momentum", "momentum": float("nan")},
        {"kind": "momentum", "momentum": True},
        {"kind": "adam", "betas": [0.9, 1.5]},
        {"kind": "adam", "betas": [0.9]},
        {"kind": "adam", "betas": "09"},
        {"kind": "adam", "weight_decay": 0.1},
    ],
)
def test_an_optimizer_that_makes_no_sense_is_refused(record: dict[str, object]) -> None:
    with pytest.raises((UsageError, ValueError, TypeError)):
        optimizer_from_json(record)
