"""The runs directory as a list: every experiment with its state."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from helpers.experiments import write_experiment
from helpers.records import row

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.listing import list_experiments, summarize
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.training.requests import Control

SETTINGS = ExperimentSettings(dataset="digits")


def record(event: str, **others: object) -> str:
    return json.dumps({"time": "", "event": event, "step": 0, **others}) + "\n"


@pytest.mark.parametrize(
    ("happened", "state"),
    [
        (record("experiment_ended", reason="finished"), "finished"),
        (record("experiment_ended", reason="stopped"), "stopped"),
        (record("run_started", run=1), "interrupted"),
        ("", "interrupted"),
        (record("run_started") + '{"event": "experi', "interrupted"),
        ("\x00\xff", "interrupted"),
    ],
)
def test_the_state_of_an_experiment_nobody_trains(tmp_path: Path, happened: str, state: str) -> None:
    folder = write_experiment(tmp_path / "a", SETTINGS, [row(epoch=0), row(epoch=10)])
    (folder / "events.jsonl").write_text(happened)
    summary = summarize(folder)
    assert (summary.state, summary.rows, summary.dataset, summary.pid) == (state, 2, "digits", None)


def test_a_running_experiment_shows_its_process(tmp_path: Path) -> None:
    settings = ExperimentSettings(dataset="digits", device="cpu", epochs=20, runs_dir=str(tmp_path))
    happenings = run_experiment(settings, Control(), print)
    next(happenings)
    (live,) = list_experiments(tmp_path)
    assert (live.state, live.pid) == ("training", os.getpid())
    list(happenings)
    (done,) = list_experiments(tmp_path)
    assert (done.state, done.pid, done.rows) == ("finished", None, 3)


def test_folders_that_are_no_experiments_are_left_out_and_damaged_ones_named(tmp_path: Path) -> None:
    write_experiment(tmp_path / "good", SETTINGS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (write_experiment(tmp_path / "bad", SETTINGS) / "config.json").write_text("{not json")
    (write_experiment(tmp_path / ".new-1", SETTINGS) / "config.json").write_text("{}")
    assert [(found.directory.name, found.state) for found in list_experiments(tmp_path)] == [
        ("bad", "damaged"),
        ("good", "interrupted"),
    ]


def test_a_missing_runs_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--runs-dir"):
        list_experiments(tmp_path / "nowhere")
