"""History: what events leave behind, and that a reader never sees a row half written."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from helpers import records

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import COLUMNS, Columns, History, Mark, describe_change


def row(run: int = 1, epoch: int = 0, *, is_report: bool = False, value: float = 1.0) -> events.RowLogged:
    measured = ("train_loss", "l2_penalty", "test_loss", "train_accuracy", "test_accuracy")
    values = dict.fromkeys(("elapsed_s", "learning_rate", *measured), value)
    return records.row(run, epoch, is_report=is_report, **values)


def history_of(*happenings: events.Event) -> History:
    """Return a history that no experiment has begun yet."""
    history = History()
    for event in (events.RunStarted(0, 1, RunSettings(), 100), *happenings):
        history.apply(event)
    return history


def test_rows_stand_in_columns_beyond_the_first_capacity() -> None:
    columns = Columns()
    for epoch in range(5000):
        columns.append(row(epoch=epoch, value=epoch / 7))
    epochs, losses = columns.read("epoch", "test_loss")
    assert len(columns) == 5000
    assert np.array_equal(epochs, np.arange(5000))
    assert np.array_equal(losses, np.arange(5000) / 7)


def test_a_reader_never_sees_half_a_row() -> None:
    columns, wrong = Columns(), []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            table = columns.read(*COLUMNS)
            if any(len(column) != len(table[0]) for column in table):
                wrong.append("lengths")
            if not np.array_equal(table[0], np.arange(len(table[0]))):
                wrong.append("values")

    reader = threading.Thread(target=read)
    reader.start()
    for epoch in range(20_000):
        columns.append(row(epoch=epoch, value=float(epoch)))
    done.set()
    reader.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("happenings", "state"),
    [
        ([], "preparing"),
        ([events.Paused(0)], "paused"),
        ([events.Paused(0), events.Resumed(0)], "training"),
        ([events.Paused(0), events.Stepped(0)], "stepping"),
        ([events.AllRunsEnded(5)], "idle"),
        ([events.AllRunsEnded(5), events.RunStarted(5, 2, RunSettings(), 100)], "training"),
        ([events.ExperimentEnded(5, "stopped")], "stopped"),
    ],
)
def test_the_state_follows_the_events(happenings: list[events.Event], state: str) -> None:
    assert history_of(*happenings).state == state


def test_a_turned_knob_changes_the_settings_and_leaves_a_mark() -> None:
    history = history_of(
        events.SettingChanged(20, 1, 20, "l2", 0.001, 0.0),
        events.SettingChanged(30, 1, 30, "head", "sigmoid", "logits"),
    )
    assert history.runs[1].settings == RunSettings("logits", l2=0.0)
    assert history.runs[1].marks == (
        Mark(20, "λ 0.001 → 0"),
        Mark(30, "sigmoid → logits", "head"),
    )


def test_a_learning_rate_is_described_in_short() -> None:
    change = events.SettingChanged(0, 1, 0, "learning_rate", 0.01, 0.001)
    assert describe_change(change) == "lr 0.01 → 0.001"


def test_a_diverged_run_keeps_its_epoch_and_is_marked() -> None:
    history = history_of(row(epoch=10), events.RunDiverged(10, 1, 10, "train_loss is nan"))
    run = history.runs[1]
    assert (run.status, run.ended_at, run.is_training) == ("diverged", 10, False)
    assert run.epoch_at(500) == 10
    assert run.marks == (Mark(10, "train_loss is nan", "divergence"),)


def test_the_last_epoch_has_its_line_in_the_accuracy_log_wherever_a_run_ends() -> None:
    history = history_of(row(epoch=0, is_report=True), row(epoch=10), events.RunEnded(10, 1, 10, "ended"))
    assert [report.epoch for report in history.reports] == [0, 10]
    history.apply(events.ExperimentEnded(10, "stopped"))
    assert [report.epoch for report in history.reports] == [0, 10]


def test_rows_step_and_seconds_are_counted() -> None:
    history = history_of(row(epoch=0), row(epoch=10, value=2.5), events.Progressed(15, 3.0))
    assert (history.rows, history.step, history.elapsed_s) == (2, 15, 3.0)
    assert history.runs[1].last == row(epoch=10, value=2.5)


def test_a_screen_shows_epochs_10_and_100_before_the_first_report_and_the_reports_stay() -> None:
    rows = [row(1, epoch, is_report=epoch in (0, 1000)) for epoch in (0, 10, 20, 100, 1000, 1010)]
    history = records.history_of(*rows)
    assert [each.epoch for each in history.reports] == [0, 1000]
    assert [each.epoch for each in history.shown_reports] == [0, 10, 100, 1000]
