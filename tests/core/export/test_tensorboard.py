"""TensorBoard's format, as TensorBoard's own reader reads it."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.experiments import DIVERGED, JOINED, SIGMOID, STARTED, TURNED, make_experiment
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from logreg_tui.core.errors import UserError
from logreg_tui.core.export.tensorboard import FILE_NAME, export_tensorboard
from logreg_tui.tui.cli import main as cli

TRAIN = ["accuracy", "l2_penalty", "learning_rate", "loss", "objective"]


def read(folder: Path) -> Any:  # noqa: ANN401  a class of TensorBoard's, without types
    return EventAccumulator(str(folder)).Reload()


def values(folder: Path, tag: str) -> list[float]:
    return [scalar.value for scalar in read(folder).Scalars(tag)]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The export of one experiment `a`."""
    assert export_tensorboard([make_experiment(tmp_path / "runs" / "a")], tmp_path / "log") == (3, 0, 2)
    return tmp_path / "log"


def test_train_and_test_of_one_metric_have_the_same_tag_in_one_folder_per_run(log: Path) -> None:
    runs = [log / "a" / "run-1-sigmoid", log / "a" / "run-2-logits"]
    assert sorted((log / "a").iterdir()) == runs
    assert sorted(read(runs[0] / "train").Tags()["scalars"]) == TRAIN
    assert sorted(read(runs[0] / "test").Tags()["scalars"]) == ["accuracy", "loss"]
    assert read(runs[0]).Tags()["scalars"] == []


def test_the_values_are_those_of_metrics_csv_as_float32(log: Path) -> None:
    folder = log / "a" / "run-1-sigmoid"
    rows = [list(map(float, row.split(",")[4:])) for row in (SIGMOID, TURNED)]
    expected = np.array([[*row, row[2] + row[3]] for row in rows], np.float32).T.tolist()
    names = ("learning_rate", "loss", "l2_penalty", "accuracy", "objective")
    columns = [expected[at] for at in (1, 2, 3, 5, 7)]
    assert [values(folder / "train", name) for name in names] == columns
    assert [values(folder / "test", name) for name in ("loss", "accuracy")] == [expected[4], expected[6]]


def test_steps_are_epochs_and_relative_time_is_the_time_of_training(log: Path) -> None:
    first = read(log / "a" / "run-1-sigmoid" / "train").Scalars("loss")
    assert [scalar.step for scalar in first] == [0, 10]
    assert [scalar.wall_time for scalar in first] == [seconds(STARTED) + 0.5, seconds(STARTED) + 1.5e-07]
    joined = read(log / "a" / "run-2-logits" / "test").Scalars("loss")
    assert [scalar.wall_time for scalar in joined] == [seconds(JOINED) + 0.25]


def test_what_diverged_is_written_and_what_was_not_measured_is_not(log: Path) -> None:
    folder = log / "a" / "run-2-logits"
    assert np.isnan(values(folder / "train", "loss"))
    assert np.isnan(values(folder / "train", "objective"))
    assert values(folder / "train", "l2_penalty") == [np.inf]
    assert values(folder / "test", "loss") == [-np.inf]
    assert read(folder / "test").Tags()["scalars"] == ["loss"]


def test_the_settings_are_hyperparameters_and_the_knobs_a_text(log: Path) -> None:
    run = read(log / "a" / "run-1-sigmoid")
    content = run.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    session = metadata.parse_session_start_info_plugin_data(content)
    found = {name: value.string_value or value.number_value for name, value in dict(session.hparams).items()}
    settings = {"head": "logits", "l2": 1e-05, "learning_rate": 0.01, "schedule": "constant", "seed": 0}
    assert found == {**settings, "optimizer": "sgd", "dataset": "digits", "pixels": "raw", "knobs_turned": 2}
    assert session.group_name == "a/run-1-sigmoid"
    (text,) = run.Tensors("knobs turned")
    assert text.tensor_proto.string_val[0].decode().splitlines() == [
        "- epoch 5: sigmoid → logits",
        "- epoch 7: λ 0.001 → 1e-05",
    ]


def test_exporting_again_gives_the_same_bytes_and_no_further_points(log: Path, tmp_path: Path) -> None:
    before = files_of(log)
    assert {Path(name).name for name in before} == {FILE_NAME}
    export_tensorboard([tmp_path / "runs" / "a"], log)
    assert files_of(log) == before


def test_a_longer_run_replaces_what_was_exported_of_it(log: Path, tmp_path: Path) -> None:
    with (tmp_path / "runs" / "a" / "metrics.csv").open("a") as file:
        file.write(TURNED.replace(",10,", ",20,", 1) + "\n")
    export_tensorboard([tmp_path / "runs" / "a"], log)
    scalars = read(log / "a" / "run-1-sigmoid" / "test").Scalars("loss")
    assert [scalar.step for scalar in scalars] == [0, 10, 20]


def test_a_line_that_is_no_row_of_a_run_is_left_out_and_counted(tmp_path: Path) -> None:
    lines = ["edited", SIGMOID.replace("1,0", "9,0", 1), SIGMOID.replace("0.5", "nan", 1), SIGMOID, DIVERGED]
    experiment = make_experiment(tmp_path / "a", lines)
    assert export_tensorboard([experiment], tmp_path / "log") == (2, 3, 2)


def test_two_experiments_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    directories = [make_experiment(tmp_path / place / "a") for place in ("x", "y")]
    assert export_tensorboard([*directories, directories[0]], tmp_path / "log") == (6, 0, 4)
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["a", "a-2"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("...", "_"),
        (".hidden", "_hidden"),
        ("=c\x1b[31m\n", "_c__31m_"),
        ("\u00e4" * 80, "_" * 80),
        ("-x", "-x"),
    ],
)
def test_a_strangers_name_is_a_plain_folder(tmp_path: Path, name: str, folder: str) -> None:
    export_tensorboard([make_experiment(tmp_path / "runs" / name)], tmp_path / "log")
    assert [path.name for path in (tmp_path / "log").iterdir()] == [folder]


@pytest.mark.parametrize("target", [".", "a", "a/log", "a/x/y", "link"])
def test_nothing_is_written_into_an_experiment(tmp_path: Path, target: str) -> None:
    experiment = make_experiment(tmp_path / "a")
    (tmp_path / "link").symlink_to(experiment)
    before = files_of(tmp_path)
    with pytest.raises(UserError, match="own directory"):
        export_tensorboard([experiment], tmp_path / target)
    assert files_of(tmp_path) == before


def test_a_target_that_is_a_file_or_under_one_is_refused(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path / "a")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is a file"):
        export_tensorboard([experiment], tmp_path / "file")
    with pytest.raises(UserError, match="cannot write"):
        export_tensorboard([experiment], tmp_path / "file" / "log")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_experiment_without_rows_and_times_is_exported_empty(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path / "a", [])
    (experiment / "events.jsonl").write_text('{"event": "run_started", "time": 5}\nnone\n')
    assert export_tensorboard([experiment], tmp_path / "log") == (0, 0, 1)
    assert read(tmp_path / "log" / "a" / "run-1-sigmoid" / "train").Tags()["scalars"] == []


def test_a_directory_that_is_none_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        export_tensorboard([make_experiment(tmp_path / "a"), tmp_path / "nowhere"], tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_a_missing_package_is_one_line_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    words = ["export", str(make_experiment(tmp_path / "a")), "-o", str(tmp_path / "log")]
    assert cli.main([*words, "--format", "tensorboard"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install tensorboard" in line
    assert not (tmp_path / "log").exists()


def test_the_command_says_how_to_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "my log"
    words = ["export", str(make_experiment(tmp_path / "a")), "-o", str(target), "--format", "tensorboard"]
    assert cli.main(words) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"3 rows of 2 runs in {target}",
        f"Look at them with: tensorboard --logdir '{target}'",
    ]
