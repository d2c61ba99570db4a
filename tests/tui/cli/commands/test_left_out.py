"""Commands that take several directories: one that cannot be read is told of and left out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.experiments import SIGMOID, make_experiment

from logreg_tui.tui.cli.main import main

COMMANDS = {
    "plot": ["plot"],
    "plot -o": ["plot", "-o", "loss.svg"],
    "compare": ["compare", "--no-paired"],
    "csv": ["export", "-o", "rows.csv"],
    "jsonl": ["export", "-o", "rows.jsonl"],
    "tensorboard": ["export", "-o", "board", "--format", "tensorboard"],
    "report": ["report", "-o", "report.md"],
}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One good experiment among others that are none, or damaged, in the order of their names."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        make_experiment(tmp_path / "runs" / name, [SIGMOID])
    (tmp_path / "runs" / "a" / "metrics.csv").write_text("")
    (tmp_path / "runs" / "c" / "metrics.csv").write_text("run;epoch\n1;0\n")
    (tmp_path / "runs" / "d").mkdir()
    (tmp_path / "runs" / "notes.txt").write_text("mine")
    return [f"runs/{name}" for name in ("a", "b", "c", "d", "notes.txt")]


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_what_cannot_be_read_is_left_out_with_a_line_for_each(
    runs: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command, *options = words
    assert main([command, *runs, *options]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert [line.split("'")[1].split("/")[1] for line in told] == ["a", "c", "d", "notes.txt"]


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_without_one_that_can_be_read_the_status_is_1_and_nothing_is_written(
    runs: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree("runs/b")
    command, *options = words
    assert main([command, *(name for name in runs if name != "runs/b"), *options]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("none of the 4 directories can be used")
    assert [path.name for path in Path().iterdir()] == ["runs"]


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_mistyped_name_is_no_folder_to_be_left_out(
    runs: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command, *options = words
    assert main([command, "runs/b", "runs/bb", *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "'runs/bb' is not an experiment directory" in line
