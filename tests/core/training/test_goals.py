"""Goals that end a run early: read from words, met by rows, exact under resume and repeat."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

import pytest
from helpers.experiments import checkpoints_after_every_row, trained, untimed_rows
from helpers.loops import rows, start, train_to_the_end

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.errors import UsageError
from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.experiment.event_log import EVENTS, read_events
from logreg_tui.core.goals import NO_LONGER_BETTER, REACHED, Goal, GoalProgress, parse_goal
from logreg_tui.core.session.resume import AlreadyFinished, repeat_experiment, resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings, grid, run_from_json, run_to_json
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.trainer import train

ACCURATE = Goal("test_accuracy", ">=", 0.9)
LOGITS = RunSettings("logits", 0.0, 0.01)


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("test_accuracy >= 0.92", Goal("test_accuracy", ">=", 0.92)),
        ("  Test Accuracy>92% ", Goal("test_accuracy", ">", 0.92)),
        ("train-loss < 1e-3", Goal("train_loss", "<", 0.001)),
        ("objective<=.5", Goal("objective", "<=", 0.5)),
    ],
)
def test_a_goal_is_read_as_people_write_it(text: str, goal: Goal) -> None:
    assert parse_goal(text) == goal
    assert parse_goal(str(goal)) == goal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no goal"),
        ("test_accuracy", "is no goal: give a figure, >=, <=, > or < and a number, in quotes"),
        ("test_accuracy = 0.9", "is no goal"),
        ("accuracy > 0.9", "'accuracy' is no figure of a run: use train_accuracy, test_accuracy, train_loss"),
        ("test_loss < low", "'low' is not a number"),
        ("test_loss < nan", "nan is not a finite number"),
        ("test_accuracy >= 92", "an accuracy is a share from 0 to 1, or 0% to 100%"),
        ("a" + " " * 10**6 + "b", "is no goal"),
    ],
)
def test_what_is_no_goal_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parse_goal(text)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def ends(happenings: list[Event]) -> dict[int, tuple[int, str]]:
    return {
        event.run: (event.epoch, event.reason) for event in happenings if isinstance(event, events.RunEnded)
    }


def test_each_run_of_a_grid_ends_at_the_first_row_that_meets_its_goal(digits: Dataset) -> None:
    runs = grid(["logits"], [0.0], [0.01, 0.005, 1e-6], [0], LOGITS.schedule, stop_at=ACCURATE)
    happenings = train_to_the_end(digits, *runs, epochs=300)
    for run in (1, 2):
        logged = rows(happenings, run)
        assert ends(happenings)[run] == (logged[-1].epoch, REACHED)
        assert logged[-1].test_accuracy >= 0.9
        assert all(row.test_accuracy < 0.9 for row in logged[:-1])
    assert ends(happenings)[1][0] < ends(happenings)[2][0] < 300
    assert ends(happenings)[3] == (300, "finished")
    assert happenings[-1] == events.ExperimentEnded(300, "finished")


def test_training_ends_when_all_runs_have_reached_their_goals(digits: Dataset) -> None:
    happenings = train_to_the_end(digits, RunSettings(stop_at=Goal("train_loss", "<", 100.0)), epochs=10**9)
    assert ends(happenings) == {1: (0, REACHED)}
    assert isinstance(happenings[-2], events.AllRunsEnded)


def test_patience_counts_rows_without_a_better_test_loss(digits: Dataset) -> None:
    # So large steps that the loss goes up and down.
    settings = RunSettings("logits", 0.0, 1.0, patience=3)
    happenings = train_to_the_end(digits, settings, epochs=2000)
    losses = [row.test_loss for row in rows(happenings)]
    epoch, reason = ends(happenings)[1]
    assert reason == NO_LONGER_BETTER
    assert epoch == rows(happenings)[-1].epoch
    best = losses.index(min(losses))
    assert len(losses) - 1 - best == 3
    assert all(min(losses[at - 3 : at]) < min([*losses[: at - 3], math.inf]) for at in range(3, best + 1))


def test_what_is_equal_is_not_better_and_a_better_one_begins_anew() -> None:
    def outcomes(*losses: float) -> list[str | None]:
        progress = GoalProgress()
        made = [rows([event], 1)[0] for event in logged(losses)]
        return [progress.take(row, None, 2) for row in made]

    def logged(losses: tuple[float, ...]) -> Iterator[Event]:
        for epoch, loss in enumerate(losses):
            yield events.RowLogged(epoch, 1, epoch, 0, "logits", 0, 0, 0, 0, loss, 0, 0, False)

    assert outcomes(3.0, 3.0, 2.9, 3.0, 2.9) == [None, None, None, None, NO_LONGER_BETTER]
    assert outcomes(3.0, 2.0, 1.0) == [None] * 3


def test_a_knob_that_is_turned_begins_the_count_anew(digits: Dataset) -> None:
    # A loss without the sigmoid is larger at first: that is no reason to end.
    training = start(digits, RunSettings("sigmoid", 0.0, 0.01, patience=2), epochs=100)
    control, happened = Control(), []
    for event in train(training, control):
        happened.append(event)
        if isinstance(event, events.Progressed) and event.step == 40:
            control.send(requests.SetKnob(1, "learning_rate", 1e-5))
            control.send(requests.SetKnob(1, "head", "logits"))
    losses = {row.epoch: row.test_loss for row in rows(happened)}
    assert min(losses[epoch] for epoch in range(50, 101, 10)) > losses[40]
    assert ends(happened) == {1: (100, "finished")}


def test_a_run_that_goes_on_behind_its_goal_trains_to_its_epochs(digits: Dataset) -> None:
    training, control = (
        start(digits, RunSettings("logits", 0.0, 0.01, stop_at=ACCURATE), epochs=300),
        Control(),
    )
    happened = []
    for event in train(training, control, stays_open=True):
        happened.append(event)
        if isinstance(event, events.AllRunsEnded):
            is_first = training.step < 300
            control.send(requests.Extend(300, (1,)) if is_first else requests.Stop())
    reasons = [event.reason for event in happened if isinstance(event, events.RunEnded)]
    assert reasons == [REACHED, "finished"]
    assert rows(happened)[-1].epoch == 300


RUNS = (
    RunSettings("logits", 0.0, 0.01, stop_at=ACCURATE),
    RunSettings("logits", 0.0, 1.0, patience=4),
    RunSettings("sigmoid", 0.001, 0.01, patience=50, stop_at=ACCURATE),
)


def settings_in(folder: Path) -> ExperimentSettings:
    return ExperimentSettings(RUNS, "digits", device="cpu", epochs=300, runs_dir=str(folder))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a training that nothing interrupted."""
    return trained(tmp_path_factory.mktemp("whole"), RUNS, epochs=300)


def recorded_ends(directory: Path) -> dict[int, tuple[int, str]]:
    return ends([line.event for line in read_events(directory / EVENTS)])


def test_goals_are_kept_in_files_and_ends_in_the_events(whole: Path) -> None:
    assert read_config(whole).settings.runs == RUNS
    assert [run_from_json(run_to_json(run)) for run in RUNS] == list(RUNS)
    assert run_to_json(RUNS[2])["stop_at"] == "test_accuracy >= 0.9"
    assert not {"stop_at", "patience"} & run_to_json(RunSettings()).keys()
    found = recorded_ends(whole)
    assert {run: reason for run, (_, reason) in found.items()} == {
        1: REACHED,
        2: NO_LONGER_BETTER,
        3: "finished",
    }
    history = History()
    for line in read_events(whole / EVENTS):
        if isinstance(line.event, events.RunStarted | events.RunEnded):
            history.apply(line.event)
    marks = {number: [mark.text for mark in run.marks] for number, run in history.runs.items()}
    assert marks == {1: ["reached test_accuracy >= 0.9"], 2: ["no longer better in 4 log points"], 3: []}


@pytest.mark.parametrize("seen", [8, 23, 41, 60])
def test_after_a_crash_runs_end_where_they_would_have(tmp_path: Path, whole: Path, seen: int) -> None:
    with checkpoints_after_every_row():
        happenings = run_experiment(settings_in(tmp_path), Control(), print)
        for _ in zip(range(seen), happenings, strict=False):
            pass
        happenings.close()
        (directory,) = tmp_path.iterdir()
        list(resume_experiment(directory, Control(), print))
    assert untimed_rows(directory) == untimed_rows(whole)
    assert recorded_ends(directory) == recorded_ends(whole)


def test_a_repetition_ends_each_run_at_the_same_row(tmp_path: Path, whole: Path) -> None:
    list(repeat_experiment(whole, str(tmp_path), Control(), print))
    (again,) = tmp_path.iterdir()
    assert untimed_rows(again) == untimed_rows(whole)
    assert recorded_ends(again) == recorded_ends(whole)


def test_a_stop_between_log_points_does_not_count_as_one(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, advance, epochs = Control(), Engine.advance, count(1)

    def stopping(engine: Engine, rates: Sequence[Mapping[int, float]]) -> None:
        advance(engine, rates)
        if next(epochs) == 25:
            control.send(requests.Stop())

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "advance", stopping)
        list(run_experiment(settings_in(tmp_path), control, print))
    (directory,) = tmp_path.iterdir()
    list(resume_experiment(directory, Control(), print))
    assert recorded_ends(directory) == recorded_ends(whole)
    assert "25" in {row["epoch"] for row in untimed_rows(directory)}
    with pytest.raises(AlreadyFinished, match="with `--run` a run that ended early"):
        list(resume_experiment(directory, Control(), print))
    list(resume_experiment(directory, Control(), print, epochs=310, runs=(1,)))
    assert recorded_ends(directory)[1] == (310, "finished")
    list(repeat_experiment(directory, str(tmp_path / "again"), Control(), print))
    (again,) = (tmp_path / "again").iterdir()
    assert untimed_rows(again) == untimed_rows(directory)
