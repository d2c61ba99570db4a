"""The runs directory as a list: every experiment with its state."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname

import pytest
from helpers.experiments import write_experiment
from helpers.records import row

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment import metrics
from logreg_tui.core.experiment.listing import list_experiments, newest_experiment, summarize
from logreg_tui.core.experiment.lock import Lock, Owner
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings
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


@pytest.mark.parametrize(
    ("happened", "state"),
    [
        (["run_started"], "training"),
        (["paused"], "paused"),
        (["paused", "resumed"], "training"),
        (["paused", "experiment_left", "experiment_resumed"], "training"),
        (["paused", "experiment_left", "experiment_resumed", "paused"], "paused"),
    ],
)
def test_the_state_of_an_experiment_that_is_trained(tmp_path: Path, happened: list[str], state: str) -> None:
    folder = write_experiment(tmp_path / "a", SETTINGS)
    (folder / "events.jsonl").write_text("".join(map(record, happened)))
    lock = Lock(folder)
    assert summarize(folder).state == state
    lock.release()


def test_a_running_experiment_shows_its_process(tmp_path: Path) -> None:
    settings = ExperimentSettings(dataset="digits", device="cpu", epochs=20, runs_dir=str(tmp_path))
    happenings = run_experiment(settings, Control(), print)
    next(happenings)
    (live,) = list_experiments(tmp_path)
    assert (live.state, live.pid) == ("training", os.getpid())
    list(happenings)
    (done,) = list_experiments(tmp_path)
    assert (done.state, done.pid, done.rows) == ("finished", None, 3)


def test_the_accuracy_is_the_best_of_the_newest_rows(tmp_path: Path) -> None:
    rows = [
        row(1, 0, test_accuracy=0.99),
        row(2, 0, test_accuracy=0.1),
        row(2, 10, test_accuracy=0.8),
        row(1, 10, test_accuracy=0.7),
    ]
    settings = ExperimentSettings(dataset="digits", runs=(RunSettings(), RunSettings(seed=1)))
    folder = write_experiment(tmp_path / "a", settings, rows)
    assert summarize(folder).accuracy == 0.8
    with (folder / "metrics.csv").open("a") as file:
        file.write("1,20,3.0,sigmoid,0.001,0.01,1.0,0.1,1.0,0.9,0.97")
    assert summarize(folder).accuracy == 0.8
    assert summarize(write_experiment(tmp_path / "b", SETTINGS)).accuracy is None


@pytest.mark.parametrize("block", [16, 100, 1 << 16])
def test_the_newest_rows_are_found_however_far_back_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(metrics, "BLOCK_BYTES", block)
    rows = [row(3, 0), *(row(run, epoch) for epoch in (0, 10, 20) for run in (1, 2))]
    path = write_experiment(tmp_path / "a", SETTINGS, [*rows, "no row at all"]) / "metrics.csv"
    with path.open("a") as file:
        file.write("1,30,still being written")
    found = metrics.newest_rows(path, 4)
    assert {number: newest.epoch for number, newest in found.items()} == {1: 20, 2: 20, 3: 0}


def test_the_newest_experiment_is_the_one_that_started_last(tmp_path: Path) -> None:
    assert newest_experiment(tmp_path) is None
    assert newest_experiment(tmp_path / "nowhere") is None
    for name, day in (("z", 1), ("b", 3), ("c", 2)):
        write_experiment(tmp_path / name, SETTINGS, started=datetime(2026, 11, day, tzinfo=UTC))
    (write_experiment(tmp_path / "zz", SETTINGS) / "config.json").write_text("{")
    assert newest_experiment(tmp_path) == tmp_path / "b"
    lock = Lock(tmp_path / "c")
    assert newest_experiment(tmp_path) == tmp_path / "b"
    assert newest_experiment(tmp_path, trained=True) == tmp_path / "c"
    lock.release()


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


def test_what_killed_processes_left_is_cleared_away_and_what_is_worked_on_stays(
    tmp_path: Path,
) -> None:
    left = [".new-0123abcd", ".new-4711-0123abcd", ".new-00000000"]
    kept = [".new-ideas", ".new-1111aaaa", "training", "killed", "elsewhere"]
    for name in [*left, *kept]:
        write_experiment(tmp_path / name, SETTINGS)
        (tmp_path / name / ".checkpoint.pt.0123abcd.new").touch()
        (tmp_path / name / "..checkpoint.pt.new.0123abcd.new").touch()
    (tmp_path / ".new-00000000" / "lock").write_text(json.dumps(asdict(Owner(gethostname(), "", 4711))))
    (tmp_path / "elsewhere" / "lock").write_text(json.dumps(asdict(Owner("elsewhere", "", 4711))))
    (tmp_path / ".new-aaaa0000").symlink_to(tmp_path / "killed")
    locks = Lock(tmp_path / ".new-1111aaaa"), Lock(tmp_path / "training")
    list_experiments(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, ".new-aaaa0000"])
    for name in kept:
        drafts = [path.name for path in (tmp_path / name).glob(".*.new")]
        assert len(drafts) == (0 if name == "killed" else 2), name
    for lock in locks:
        lock.release()


def test_a_missing_runs_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--runs-dir"):
        list_experiments(tmp_path / "nowhere")
