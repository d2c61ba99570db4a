"""Settings: what is refused, how grids are numbered, schedules against torch.optim."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from helpers.loops import scheduler

from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule, check_name, grid
from logreg_tui.core.training.requests import SetKnob

BAD: dict[str, Callable[[], object]] = {
    "negative lambda": lambda: RunSettings(l2=-1e-9),
    "lambda nan": lambda: RunSettings(l2=math.nan),
    "lambda infinite": lambda: RunSettings(l2=math.inf),
    "lambda beyond float32": lambda: RunSettings(l2=1e39),
    "learning rate 0": lambda: RunSettings(learning_rate=0.0),
    "learning rate nan": lambda: RunSettings(learning_rate=math.nan),
    "unknown head": lambda: RunSettings(head="softmax"),
    "seed beyond 64 bits": lambda: RunSettings(seed=2**63),
    "unknown schedule": lambda: Schedule("linear"),
    "step size 0": lambda: Schedule("step", step_size=0),
    "gamma 0": lambda: Schedule("step", gamma=0.0),
    "gamma infinite": lambda: Schedule("exponential", gamma=math.inf),
    "no runs": lambda: ExperimentSettings(runs=()),
    "no epochs": lambda: ExperimentSettings(epochs=0),
    "log_every 0": lambda: ExperimentSettings(log_every=0),
    "report_every negative": lambda: ExperimentSettings(report_every=-1),
    "unknown pixels": lambda: ExperimentSettings(pixels="log"),
    "no threads": lambda: ExperimentSettings(threads=0),
    "no memory": lambda: ExperimentSettings(memory_limit=0),
    "memory beyond 64 bits": lambda: ExperimentSettings(memory_limit=2**63),
    "request with a bad lambda": lambda: SetKnob(1, "l2", -1.0),
    "request with a bad rate": lambda: SetKnob(1, "learning_rate", 0.0),
    "request with a bad head": lambda: SetKnob(1, "head", "tanh"),
    "name with a slash": lambda: check_name("a/b"),
    "name that starts with a dot": lambda: check_name(".hidden"),
    "empty name": lambda: check_name(""),
    "name of 65 letters": lambda: check_name("a" * 65),
    "name with a line break": lambda: check_name("a\n"),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_bad_settings_are_refused_in_one_line(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) > 10


def test_a_grid_numbers_head_lambda_rate_seed_with_the_last_running_fastest() -> None:
    runs = grid(["sigmoid", "logits"], [0.0, 1.0], [0.1], [5, 6], Schedule())
    assert [(run.head, run.l2, run.learning_rate, run.seed) for run in runs] == [
        ("sigmoid", 0.0, 0.1, 5),
        ("sigmoid", 0.0, 0.1, 6),
        ("sigmoid", 1.0, 0.1, 5),
        ("sigmoid", 1.0, 0.1, 6),
        ("logits", 0.0, 0.1, 5),
        ("logits", 0.0, 0.1, 6),
        ("logits", 1.0, 0.1, 5),
        ("logits", 1.0, 0.1, 6),
    ]


SCHEDULES = [
    Schedule(),
    Schedule("step", 1000, 0.1),
    Schedule("step", 7, 0.5),
    Schedule("exponential", gamma=0.999),
    Schedule("exponential", gamma=1.01),
    Schedule("cosine", period=500),
    Schedule("cosine", period=3000),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_schedules_equal_those_of_torch_optim(schedule: Schedule) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.01)
    theirs = scheduler(optimizer, schedule)
    run = RunSettings(learning_rate=0.01, schedule=schedule)
    for epoch in range(2500):
        expected = optimizer.param_groups[0]["lr"]
        # Where cosine comes down to 0, PyTorch's recursion keeps a rest of rounding.
        assert run.learning_rate_at(epoch) == pytest.approx(expected, rel=1e-9, abs=1e-15), epoch
        optimizer.step()
        theirs.step()


def test_a_schedule_that_explodes_gives_infinity_not_an_error() -> None:
    assert Schedule("exponential", gamma=10.0).factor(1000) == math.inf


def test_settings_survive_json() -> None:
    settings = ExperimentSettings(
        runs=grid(["sigmoid", "logits"], [0.001], [0.01], [0], Schedule("step", 500, 0.2)),
        dataset="digits",
        threads=2,
        memory_limit=1 << 30,
        name="first-try",
    )
    assert ExperimentSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_settings_from_before_there_was_a_memory_limit_can_be_read() -> None:
    record = ExperimentSettings().to_json()
    del record["memory_limit"]
    assert ExperimentSettings.from_json(record) == ExperimentSettings()


@pytest.mark.parametrize(
    "record", [{}, {"runs": []}, {"runs": [{"schedule": {}}], "colour": "red"}, {"runs": [{"head": "x"}]}]
)
def test_settings_that_cannot_be_read_are_refused(record: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        ExperimentSettings.from_json(record)


def test_the_name_of_an_experiment_is_its_heads_unless_given() -> None:
    both = grid(["sigmoid", "logits"], [0.0, 1.0], [0.1], [0], Schedule())
    assert ExperimentSettings(runs=both).label == "sigmoid-logits"
    assert ExperimentSettings(runs=both, name="x").label == "x"
