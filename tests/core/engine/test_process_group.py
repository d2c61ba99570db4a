"""Ranks that train together: the engine's and the trainer's part, with threads in place of processes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from helpers.loops import CPU, rows
from helpers.made_data import dataset as made_dataset
from helpers.made_data import values

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.engine.process_group import ProcessGroup, launched_rank
from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import ExperimentSettings, RunSettings, grid
from logreg_tui.core.training import events, requests, state
from logreg_tui.core.training.events import Event, RowLogged
from logreg_tui.core.training.replay import Replay, TimedRequest
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.state import Training
from logreg_tui.core.training.trainer import train

T = TypeVar("T")
DEADLINE_S = 60.0
SIGMOID = RunSettings("sigmoid")
LOGITS = RunSettings("logits", learning_rate=0.001)
KNOBS = (
    TimedRequest(20, requests.SetKnob(1, "head", "logits"), 0),
    TimedRequest(30, requests.AddRun(replace(SIGMOID, seed=5)), 0),
    TimedRequest(40, requests.SetKnob(2, "l2", 0.1), 0),
    TimedRequest(50, requests.SetKnob(2, "learning_rate", 0.0005), 0),
    TimedRequest(60, requests.EndRun(1), 0),
    TimedRequest(70, requests.Extend(110), 0),
)


@pytest.fixture(autouse=True)
def one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the threads apart where they use the random state, of which a process has but one."""
    lock = threading.Lock()

    def locked(*shape_and_seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        with lock:
            return initial_parameters(*shape_and_seed)

    monkeypatch.setattr(state, "initial_parameters", locked)


class Meeting:
    """Where some threads exchange what each of them has."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = threading.Barrier(size, timeout=DEADLINE_S)
        self.parts: dict[int, Any] = {}


class Beside(ProcessGroup):
    """One of the threads that train together."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        self.rank, self.size, self._meeting = rank, meeting.size, meeting

    def exchange(self, part: object) -> list[Any]:
        """Return what each of the threads has brought."""
        self._meeting.parts[self.rank] = part
        self._meeting.barrier.wait()
        parts = [self._meeting.parts[rank] for rank in range(self.size)]
        self._meeting.barrier.wait()
        return parts

    def all_reduce(self, tensor: torch.Tensor) -> None:
        tensor.copy_(sum(self.exchange(tensor.clone())))

    def from_first(self, make: Callable[[], T]) -> T:
        first: T = self.exchange(make() if self.rank == 0 else None)[0]
        return first


def trained(
    dataset: Dataset,
    runs: tuple[RunSettings, ...],
    ranks: ProcessGroup,
    knobs: Iterable[TimedRequest],
    control: Control | None = None,
) -> list[Event]:
    """Return what happens in 100 epochs."""
    settings = ExperimentSettings(runs=runs, epochs=100, log_every=10, report_every=25)
    training = Training.start(settings, Engine(dataset, CPU, ranks=ranks))
    return list(train(training, control or Control(), replay=Replay(requests=deque(knobs))))


def together(
    size: int,
    dataset: Dataset,
    runs: tuple[RunSettings, ...],
    knobs: Iterable[TimedRequest],
    *controls: Control,
) -> list[list[Event]]:
    """Return what happens on each of so many ranks that train together."""
    meeting = Meeting(size)
    with ThreadPoolExecutor(size) as pool:
        all_ranks = [
            pool.submit(trained, dataset, runs, Beside(rank, meeting), knobs, *controls[rank : rank + 1])
            for rank in range(size)
        ]
        return [rank.result() for rank in all_ranks]


def assert_equal_alone(
    size: int, dataset: Dataset, runs: tuple[RunSettings, ...], *knobs: TimedRequest
) -> None:
    alone = [figures(row) for row in rows(trained(dataset, runs, ProcessGroup(), knobs))]
    first, *others = ([figures(row) for row in rows(rank)] for rank in together(size, dataset, runs, knobs))
    assert first == [pytest.approx(row, rel=1e-5, nan_ok=True) for row in alone]
    # The same bits: every rank decides alike. NaN is no equal of itself.
    assert all(repr(other) == repr(first) for other in others)


def figures(row: RowLogged) -> dict[str, float]:
    """Return the numbers of a row that do not depend on the clock."""
    names = ("train_loss", "l2_penalty", "test_loss", "train_accuracy", "test_accuracy")
    return {name: getattr(row, name) for name in ("run", "epoch", "learning_rate", *names)}


@pytest.fixture(scope="session")
def centred(digits: Dataset) -> Dataset:
    """The digits at a size at which training is no chaos: 1,437 + 360 samples."""
    return replace(
        digits,
        train_inputs=Inputs.of(np.asarray(digits.train_inputs) / 16),
        test_inputs=Inputs.of(np.asarray(digits.test_inputs) / 16),
    )


@pytest.mark.parametrize("size", [2, 4])
def test_ranks_log_the_rows_of_a_single_process(centred: Dataset, size: int) -> None:
    assert_equal_alone(size, centred, grid(HEADS, [0.0, 0.01], [0.1], [0, 1], SIGMOID.schedule))


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_follow_knobs_and_runs_that_come_and_go(centred: Dataset, size: int) -> None:
    assert_equal_alone(size, centred, (SIGMOID, LOGITS), *KNOBS)


def test_what_the_first_rank_is_asked_while_it_trains_all_do(
    centred: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a GPU: how long a stride is depends on its speed.
    strides = property(lambda engine: 10 if engine.ranks.rank == 0 else 3)
    monkeypatch.setattr(Engine, "longest_stride", strides)
    asked = (
        requests.Pause(),
        requests.SetKnob(1, "head", "logits"),
        requests.AddRun(replace(SIGMOID, seed=5)),
        requests.Resume(),
        requests.SetKnob(2, "l2", 0.1),
    )
    # What another rank is asked is heard by nobody.
    first, other = together(2, centred, (SIGMOID, LOGITS), (), Control(*asked), Control(requests.Stop()))
    kinds = (events.Paused, events.RunStarted, events.Resumed, events.SettingChanged, events.RunEnded)
    first_kinds, other_kinds = ([e for e in of if isinstance(e, kinds)] for of in (first, other))
    assert [type(event) for event in first_kinds if isinstance(event, kinds[:3])].count(events.Resumed) == 1
    assert first_kinds == other_kinds
    assert [figures(row) for row in rows(first)] == [figures(row) for row in rows(other)]
    assert {row.run for row in rows(first)} == {1, 2, 3}


def test_ranks_let_a_run_that_diverged_leave(centred: Dataset) -> None:
    assert_equal_alone(2, centred, (replace(LOGITS, learning_rate=1e38), SIGMOID))


@pytest.mark.parametrize("share", [0.1, 1.0], ids=["sparse", "dense"])
def test_features_that_only_some_ranks_have_are_learned_once(share: float) -> None:
    train_values, test_values = values(101, 40, share), values(31, 40, share, seed=1)
    train_values[:50, 10:20] = 0
    train_values[50:, 25:40] = 0
    test_values[:15, 10:30] = 0
    assert_equal_alone(
        3, made_dataset(train_values, test_values), (replace(SIGMOID, learning_rate=0.1), LOGITS)
    )


def test_the_parts_of_all_ranks_are_all_rows_once() -> None:
    for samples, size in ((7, 7), (10, 3), (1437, 4)):
        parts = [Beside(rank, Meeting(size)).part(np.arange(samples)) for rank in range(size)]
        assert np.concatenate(parts).tolist() == list(range(samples))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("variables", "rank"),
    [
        ({}, None),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "x", "WORLD_SIZE": "2"}, None),
        ({"RANK": "3", "WORLD_SIZE": "4"}, 3),
    ],
)
def test_the_launcher_says_which_rank_this_is(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], rank: int | None
) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launched_rank() == rank
