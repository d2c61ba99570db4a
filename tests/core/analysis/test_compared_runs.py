"""Comparison: runs out of a history and out of directories."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from helpers.experiments import write_experiment
from helpers.records import history_of, row

from logreg_tui.core.analysis.compared_runs import (
    ComparedRun,
    Origin,
    RunReader,
    origin_of_history,
    read_runs,
)
from logreg_tui.core.analysis.comparison import ComparisonRow
from logreg_tui.core.analysis.comparison_columns import cell_text
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.metrics import csv_line
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History


def row_at(run: int, epoch: int, accuracy: float, loss: float = 1.5) -> events.RowLogged:
    return row(run, epoch, train_loss=loss, l2_penalty=0.25, test_accuracy=accuracy)


def begun(*happenings: events.Event, directory: str = "/nowhere/a") -> History:
    return history_of(*happenings, directory=directory, epochs=100)


def reader_of(history: History) -> RunReader:
    origin = origin_of_history(history)
    assert origin is not None
    return RunReader(origin)


def compared(*happenings: events.Event) -> ComparedRun:
    history = begun(*happenings)
    return reader_of(history).read(history)[0]


# Out of a history


def test_a_run_is_described_by_its_newest_row_and_its_best_one() -> None:
    run = compared(row_at(1, 0, 0.1), row_at(1, 10, 0.92), row_at(1, 20, 0.92), row_at(1, 30, 0.91, 1.25))
    assert (run.epochs, run.test_accuracy, run.train_accuracy) == (30, 0.91, 0.9)
    assert (run.train_loss, run.test_loss, run.l2_penalty, run.gap) == (1.25, 1.375, 0.25, 0.125)
    assert (run.best_test_accuracy, run.best_epoch) == (0.92, 10)
    assert run.seconds == pytest.approx(0.6)
    assert run.epochs_per_s == pytest.approx(50)
    assert run.correct == 9100
    assert run.state == "training"


def test_rows_that_come_later_are_taken_in() -> None:
    accuracies = np.random.default_rng(0).integers(8000, 9500, size=60) / 10_000
    history = begun()
    reader = reader_of(history)
    for epoch, accuracy in enumerate(accuracies):
        history.apply(row_at(1, epoch, float(accuracy)))
        if epoch % 7 == 0:
            run = reader.read(history)[0]
            so_far = accuracies[: epoch + 1]
            assert (run.best_epoch, run.best_test_accuracy) == (so_far.argmax(), so_far.max())
            assert run.test_accuracy == accuracy


def test_a_history_with_fewer_rows_is_read_anew() -> None:
    history, frozen = begun(row_at(1, 0, 0.9), row_at(1, 10, 0.5)), begun(row_at(1, 0, 0.7))
    reader = reader_of(history)
    reader.read(history)
    assert reader.read(frozen)[0].best_test_accuracy == 0.7


def test_a_run_that_diverged_shows_its_last_finite_row() -> None:
    run = compared(
        row_at(1, 0, 0.1), row_at(1, 10, 0.8), row_at(1, 20, 0.95, math.nan),
        events.RunDiverged(20, 1, 20, "train_loss is nan"),
    )  # fmt: skip
    assert (run.state, run.epochs, run.test_accuracy, run.best_test_accuracy) == ("diverged", 10, 0.8, 0.8)
    assert run.changes == ()


@pytest.mark.parametrize("rows", [(), (row_at(1, 0, 0.1, math.inf),), (row_at(1, 0, 7.0),)])
def test_a_run_without_a_sound_row_has_no_figures(rows: tuple[events.RowLogged, ...]) -> None:
    run = compared(*rows)
    assert (run.epochs, run.test_accuracy, run.gap, run.epochs_per_s, run.best_epoch) == (None,) * 5


def test_at_epoch_0_there_is_no_speed_yet() -> None:
    assert compared(row_at(1, 0, 0.1)).epochs_per_s is None


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (events.Paused(10), "paused"),
        (events.Stepped(10), "training"),
        (events.RunEnded(10, 1, 10, "ended"), "ended"),
        (events.ExperimentEnded(10, "stopped"), "stopped"),
        (events.ExperimentLeft(10, "SIGTERM"), "stopped"),
    ],
)
def test_the_state_is_the_runs_own_or_the_experiments(event: events.Event, state: str) -> None:
    assert compared(row_at(1, 0, 0.1), event).state == state


def test_a_knob_that_was_turned_is_remembered() -> None:
    run = compared(events.SettingChanged(10, 1, 10, "l2", 0.001, 0.0))
    assert (run.settings.l2, len(run.changes)) == (0.0, 1)
    assert cell_text(ComparisonRow((run,)), "head") == "sigmoid*"


# Out of a directory


def written(
    directory: Path,
    rows: Iterable[events.RowLogged],
    happenings: Iterable[events.Event] = (),
    runs: tuple[RunSettings, ...] = (RunSettings(),),
) -> Path:
    settings = ExperimentSettings(runs=runs, dataset="mnist", pixels="unit", epochs=100)
    starts = [events.RunStarted(0, number, run, 100) for number, run in enumerate(runs, 1)]
    data = {"fingerprint": "e" * 64, "test_samples": 10_000}
    return write_experiment(directory, settings, rows, [*starts, *happenings], **data)


def test_a_directory_gives_what_the_training_gave(tmp_path: Path) -> None:
    rows = [row_at(run, epoch, (80 + run + epoch / 10) / 100) for epoch in (0, 10, 20) for run in (1, 2)]
    runs = (RunSettings(), RunSettings("logits", 0.0, 0.1, 3, Schedule("step", 10, 0.5)))
    second = events.RunStarted(0, 2, runs[1], 100)
    happenings = [
        events.SettingChanged(10, 1, 10, "learning_rate", 0.01, 0.5),
        events.RunEnded(20, 1, 20, "ended"),
        events.RunEnded(20, 2, 20, "finished"),
        events.ExperimentEnded(20, "finished"),
    ]
    directory = written(tmp_path / "x", rows, happenings, runs)
    history = begun(second, *rows, *happenings, directory=str(directory))
    found = read_runs(directory)
    assert found == reader_of(history).read(history)
    assert [(run.state, run.test_accuracy) for run in found] == [("ended", 0.83), ("finished", 0.84)]
    assert found[0].origin == Origin(str(directory), "x", "mnist", "unit", "e" * 64, 10_000)


def test_a_row_that_is_still_being_written_does_not_count(tmp_path: Path) -> None:
    directory = written(tmp_path / "x", [row_at(1, 0, 0.5)])
    with (directory / "metrics.csv").open("a") as file:
        file.write(csv_line(row_at(1, 10, 0.875))[:-3])
    assert read_runs(directory)[0].test_accuracy == 0.5


def test_an_experiment_that_nobody_trains_was_interrupted(tmp_path: Path) -> None:
    assert read_runs(written(tmp_path / "x", [row_at(1, 0, 0.5)]))[0].state == "interrupted"


def test_runs_that_events_jsonl_has_lost_are_those_of_config_json(tmp_path: Path) -> None:
    directory = written(tmp_path / "x", [row_at(1, 0, 0.5)])
    (directory / "events.jsonl").write_text("no json\n")
    assert [run.test_accuracy for run in read_runs(directory)] == [0.5]


def drop(name: str) -> Callable[[Path], object]:
    return lambda directory: (directory / name).unlink()


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda directory: (directory / name).write_text(text)


def edit_dataset(name: str, value: object) -> Callable[[Path], object]:
    def edit(directory: Path) -> None:
        config = json.loads((directory / "config.json").read_text())
        config["dataset"][name] = value
        (directory / "config.json").write_text(json.dumps(config))

    return edit


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (drop("config.json"), "not an experiment directory"),
        (drop("metrics.csv"), "damaged"),
        (drop("events.jsonl"), "damaged"),
        (write("config.json", "{"), "damaged"),
        (write("config.json", "[]"), "damaged"),
        (write("metrics.csv", ""), "no header"),
        (write("metrics.csv", "a,b\n1,2\n"), "no header"),
        (edit_dataset("test_samples", 0), "damaged"),
        (edit_dataset("test_samples", "many"), "damaged"),
        (edit_dataset("test_samples", True), "damaged"),
    ],
)
def test_a_damaged_directory_is_named_in_one_line(
    tmp_path: Path, damage: Callable[[Path], object], named: str
) -> None:
    directory = written(tmp_path / "x", [row_at(1, 0, 0.5)])
    damage(directory)
    with pytest.raises(UserError) as caught:
        read_runs(directory)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        read_runs(tmp_path / "nothing")
