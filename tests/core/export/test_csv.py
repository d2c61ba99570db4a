"""Rows copied and joined as CSV."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.experiments import write_experiment

from logreg_tui.core.errors import UserError
from logreg_tui.core.export.rows import export_csv, join_csv
from logreg_tui.core.settings import ExperimentSettings

HEADER = (
    "run,epoch,elapsed_s,head,l2,learning_rate,train_loss,l2_penalty,test_loss,train_accuracy,test_accuracy"
)


def make_experiment(folder: Path, rows: int = 2, tail: str = "") -> Path:
    lines = [f"1,{10 * n},0.5,sigmoid,0.001,0.01,2.3,0.1,2.4,0.1,0.1" for n in range(rows)]
    write_experiment(folder, ExperimentSettings(dataset="digits"), lines)
    with (folder / "metrics.csv").open("a") as file:
        file.write(tail)
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
