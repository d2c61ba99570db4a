"""Many epochs at once: the rows, events and parameters of epoch by epoch, whatever the stride."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count

import pytest
import torch
from helpers.loops import CPU, start
from helpers.made_data import ALL_OPTIMIZERS, all_parameters, cut_into_blocks, dataset, values, with_runs

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.errors import Cancelled
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.replay import Replay, TimedRequest
from logreg_tui.core.training.requests import Control, Request
from logreg_tui.core.training.state import Training
from logreg_tui.core.training.trainer import train

SCHEDULES = {
    "constant": Schedule(),
    "step": Schedule("step", step_size=4, gamma=0.5),
    "exponential": Schedule("exponential", gamma=0.9),
    "cosine": Schedule("cosine", period=23),
}
SIGMOID, LOGITS = RunSettings("sigmoid", learning_rate=0.02), RunSettings("logits", learning_rate=0.01)
LOG_EPOCHS = [0, 7, 10, 14, 20, 21, 23]
"""Where rows stand for --log-every 7, --report-every 10 and --epochs 23."""

PAST: tuple[tuple[int, Request], ...] = (
    (3, requests.SetKnob(1, "l2", 0.5)),
    (3, requests.SetKnob(2, "head", "sigmoid")),
    (5, requests.AddRun(LOGITS)),
    (9, requests.SetKnob(1, "learning_rate", 0.001)),
    (10, requests.SetKnob(1, "head", "logits")),
    (16, requests.LogRows()),
    (18, requests.EndRun(2)),
    (19, requests.Extend(25)),
)


class Strides:
    """Trains with strides of some length, and notes them and what was logged when."""

    def __init__(
        self, data: Dataset, longest: int, monkeypatch: pytest.MonkeyPatch, *runs: RunSettings
    ) -> None:
        monkeypatch.setattr(Engine, "longest_stride", longest)
        self.training: Training = start(data, *runs, epochs=23, log_every=7, report_every=10)
        self.control = Control()
        self.lengths: list[int] = []
        self._advance = self.training.engine.advance
        self.training.engine.advance = self.note  # type: ignore[method-assign]

    def note(self, rates: Sequence[Mapping[int, float]]) -> None:
        self.lengths.append(len(rates))
        self._advance(rates)

    def events(self, *past: tuple[int, Request]) -> list[Event]:
        """Train to the end, carrying out requests of the past; leave out what tells of time."""
        timed = deque(TimedRequest(step, request, 0) for step, request in past)
        happened = list(train(self.training, self.control, replay=Replay(requests=timed)))
        return [
            dataclasses.replace(event, elapsed_s=0.0) if isinstance(event, events.RowLogged) else event
            for event in happened
            if not isinstance(event, events.Progressed)
        ]

    def parameters(self) -> list[torch.Tensor]:
        training = self.training
        return [part for run in training.runs.values() for part in training.parameters(run)]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return dataset(values(60, 5), values(20, 5, seed=1))


def assert_same(one: Strides, other: Strides, *past: tuple[int, Request]) -> list[Event]:
    """Train both, and return what happened in either."""
    happened = one.events(*past)
    assert other.events(*past) == happened
    assert all(map(torch.equal, one.parameters(), other.parameters()))
    return happened


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("longest", [2, 100])
def test_strides_change_no_bit_of_rows_and_parameters(
    data: Dataset, schedule: Schedule, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [dataclasses.replace(run, schedule=schedule) for run in (SIGMOID, LOGITS)]
    single = Strides(data, 1, monkeypatch, *runs)
    happened = single.events()
    strided = Strides(data, longest, monkeypatch, *runs)
    assert strided.events() == happened
    assert all(map(torch.equal, single.parameters(), strided.parameters()))
    rows = [event for event in happened if isinstance(event, events.RowLogged)]
    assert [row.epoch for row in rows if row.run == 1] == LOG_EPOCHS
    assert [row.epoch for row in rows if row.run == 2 and row.is_report] == [0, 10, 20, 23]
    assert single.lengths == [1] * 23
    assert max(strided.lengths) == min(longest, 7)
    assert sum(strided.lengths) == 23


def test_strides_end_at_the_next_row(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    strided = Strides(data, 100, monkeypatch, SIGMOID)
    strided.events()
    assert strided.lengths == [7, 3, 4, 6, 1, 2]


@pytest.mark.parametrize("longest", [2, 5, 100])
@pytest.mark.parametrize("optimizers", [("sgd", "sgd"), ("adam", "nesterov")])
def test_the_past_is_carried_out_again_at_its_steps(
    data: Dataset, longest: int, optimizers: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [
        dataclasses.replace(run, optimizer=Optimizer(kind))
        for run, kind in zip((SIGMOID, LOGITS), optimizers, strict=True)
    ]
    single = Strides(data, 1, monkeypatch, *runs)
    happened = single.events(*PAST)
    strided = Strides(data, longest, monkeypatch, *runs)
    assert strided.events(*PAST) == happened
    assert all(map(torch.equal, single.parameters(), strided.parameters()))
    changes = [event for event in happened if isinstance(event, events.SettingChanged)]
    assert [(event.step, event.name) for event in changes] == [
        (3, "l2"),
        (3, "head"),
        (9, "learning_rate"),
        (10, "head"),
    ]
    assert [event.step for event in happened if isinstance(event, events.RunExtended)] == [19, 19]
    added = [event.epoch for event in happened if isinstance(event, events.RowLogged) and event.run == 3]
    assert added == [0, 7, 10, 11, 14, 20, 21, 25]
    assert len(strided.lengths) < len(single.lengths)


def test_what_is_asked_for_within_a_stride_takes_effect_at_its_end(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[Request] = [
        requests.SetKnob(1, "l2", 0.5),
        requests.AddRun(LOGITS),
        requests.SetKnob(1, "head", "logits"),
    ]
    strided = Strides(data, 100, monkeypatch, SIGMOID)

    def ask(rates: Sequence[Mapping[int, float]]) -> None:
        strided.note(rates)
        if wanted:
            strided.control.send(wanted.pop(0))

    strided.training.engine.advance = ask  # type: ignore[method-assign]
    happened = strided.events()
    changes = [event for event in happened if isinstance(event, events.SettingChanged | events.RunStarted)]
    assert [event.step for event in changes] == [0, 7, 10, 14]
    past = (
        (7, requests.SetKnob(1, "l2", 0.5)),
        (10, requests.AddRun(LOGITS)),
        (14, requests.SetKnob(1, "head", "logits")),
    )
    single = Strides(data, 1, monkeypatch, SIGMOID)
    assert single.events(*past) == happened
    assert all(map(torch.equal, single.parameters(), strided.parameters()))


@pytest.mark.parametrize(("longest", "expected"), [(1, 1), (4, 4), (100, 7)])
def test_a_stop_within_a_stride_ends_at_its_end(
    data: Dataset, longest: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    strided = Strides(data, longest, monkeypatch, SIGMOID)

    def stop(rates: Sequence[Mapping[int, float]]) -> None:
        strided.note(rates)
        strided.control.send(requests.Stop())

    strided.training.engine.advance = stop  # type: ignore[method-assign]
    happened = strided.events()
    assert happened[-1] == events.ExperimentEnded(expected, "stopped")
    rows = [event.epoch for event in happened if isinstance(event, events.RowLogged)]
    assert rows == [0, expected]


@pytest.mark.parametrize("optimizers", [(), ALL_OPTIMIZERS])
def test_a_stride_that_is_cancelled_is_as_if_it_had_not_begun(
    optimizers: Sequence[Optimizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 20)
    data = dataset(values(100, 5), values(20, 5, seed=1))
    heads = ["sigmoid", "logits"] * 2
    engine, expected = (with_runs(Engine(data, CPU), heads, optimizers=optimizers) for _ in range(2))
    rates = [dict.fromkeys(engine.runs, 0.05)] * 6
    expected.advance(rates)
    before = all_parameters(engine)
    for polls in (0, 3, 7, 19, 29):
        asked = count()
        engine.is_cancelled = lambda asked=asked, polls=polls: next(asked) >= polls
        with pytest.raises(Cancelled):
            engine.advance(rates)
        assert torch.equal(all_parameters(engine), before)
    engine.is_cancelled = lambda: False
    engine.advance(rates)
    assert torch.equal(all_parameters(engine), all_parameters(expected))


def test_leaving_within_a_stride_keeps_step_and_parameters_together(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    strided = Strides(data, 100, monkeypatch, SIGMOID)
    asked = count()

    def is_leaving() -> bool:
        # The second of the three epochs behind the row of epoch 7.
        if next(asked) == 8:
            strided.control.send(requests.Leave("SIGTERM"))
        return strided.control.leave_cause is not None

    happenings = train(strided.training, strided.control)
    seen = [next(happenings) for _ in ("run started", "row of epoch 0")]
    strided.training.engine.is_cancelled = is_leaving
    seen += happenings
    assert seen[-1] == events.ExperimentLeft(strided.training.step, "SIGTERM")
    single = Strides(data, 1, monkeypatch, SIGMOID)
    for _ in range(strided.training.step):
        single.training.engine.advance([{1: 0.02}])
    assert all(map(torch.equal, single.parameters(), strided.parameters()))
