"""Export, listing and the files of the user's: nothing half written, nothing overwritten by accident."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import IO

import pytest

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import write_config
from logreg_tui.core.experiment.listing import list_experiments, summarize
from logreg_tui.core.export.rows import export_csv, join_csv
from logreg_tui.core.files import replace_file
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.training.requests import Control
from tests.helpers.configs import config_of

HEADER = (
    "run,epoch,elapsed_s,head,l2,learning_rate,train_loss,l2_penalty,test_loss,train_accuracy,test_accuracy"
)


def make_experiment(folder: Path, rows: int = 2, tail: str = "") -> Path:
    folder.mkdir(parents=True)
    lines = [HEADER, *(f"1,{10 * n},0.5,sigmoid,0.001,0.01,2.3,0.1,2.4,0.1,0.1" for n in range(rows))]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n" + tail)
    write_config(folder, config_of(ExperimentSettings(dataset="digits")))
    (folder / "events.jsonl").write_text("")
    return folder


def test_export_copies_every_whole_row_and_counts_them(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path / "a", rows=3, tail="1,30,0.5,sigm")
    assert export_csv(experiment, tmp_path / "out.csv") == 3
    assert (tmp_path / "out.csv").read_bytes() == (experiment / "metrics.csv").read_bytes()[
        : -len("1,30,0.5,sigm")
    ]


def test_joined_experiments_have_their_name_in_front(tmp_path: Path) -> None:
    folders = [make_experiment(tmp_path / "a"), make_experiment(tmp_path / "b", rows=1)]
    assert join_csv(folders, tmp_path / "out.csv") == 3
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == f"experiment,{HEADER}"
    assert [line.split(",")[:3] for line in lines[1:]] == [["a", "1", "0"], ["a", "1", "10"], ["b", "1", "0"]]


@pytest.mark.parametrize(
    ("name", "cell"),
    [("=1+1", "'=1+1"), ("a,b", '"a,b"'), ("x\x1b[31m", "x?[31m"), ("-2", "'-2"), ('q"', '"q"""')],
)
def test_a_folders_name_is_inert_in_the_joined_csv(tmp_path: Path, name: str, cell: str) -> None:
    join_csv([make_experiment(tmp_path / name, rows=1)], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith(cell + ",1,0,")


def test_an_experiment_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not an experiment directory"):
        export_csv(tmp_path, tmp_path / "out.csv")
    (tmp_path / "metrics.csv").write_text("something else\n")
    with pytest.raises(UserError, match="no header"):
        export_csv(tmp_path, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("target", ["metrics.csv", "other.csv"])
def test_nothing_is_exported_into_the_experiment_itself(tmp_path: Path, target: str) -> None:
    experiment = make_experiment(tmp_path / "a")
    before = (experiment / "metrics.csv").read_bytes()
    with pytest.raises(UserError, match="own directory"):
        export_csv(experiment, experiment / target)
    assert (experiment / "metrics.csv").read_bytes() == before


@pytest.mark.parametrize("target", ["no/such/folder.csv", "."])
def test_a_target_that_cannot_be_written_is_named(tmp_path: Path, target: str) -> None:
    experiment = make_experiment(tmp_path / "a")
    with pytest.raises(UserError, match="cannot write"):
        export_csv(experiment, tmp_path / target)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_file(target, fail)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_link_is_written_through_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    replace_file(link, lambda file: file.write(b"new"))
    assert link.is_symlink()
    assert real.read_text() == "new"
    device = os.stat(os.devnull)
    replace_file(Path(os.devnull), lambda file: file.write(b"gone"))
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert os.stat(os.devnull).st_ino == device.st_ino


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
    folder = make_experiment(tmp_path / "a")
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
    make_experiment(tmp_path / "good")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (make_experiment(tmp_path / "bad") / "config.json").write_text("{not json")
    (make_experiment(tmp_path / ".new-1") / "config.json").write_text("{}")
    assert [(found.directory.name, found.state) for found in list_experiments(tmp_path)] == [
        ("bad", "damaged"),
        ("good", "interrupted"),
    ]


def test_a_missing_runs_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--runs-dir"):
        list_experiments(tmp_path / "nowhere")
