"""The command `export`: formats by ending, stdout, and files that are replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.experiments import SIGMOID, make_experiment

from logreg_tui.core.experiment.metrics import CSV_HEADER
from logreg_tui.tui.cli.main import main


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_experiment(tmp_path / "a", [SIGMOID])


@pytest.mark.parametrize("name", ["m.txt", "rows.xlsx", "rows.json", "board.d"])
def test_an_ending_that_no_format_has_is_refused_and_nothing_written(
    directory: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = directory.parent / name
    target.write_text("mine")
    assert main(["export", str(directory), "-o", str(target)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "use .csv or .jsonl, or say --format csv, jsonl or tensorboard" in line
    assert target.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "beginning"),
    [
        (["-o", "rows"], CSV_HEADER),
        (["-o", "rows.CSV"], CSV_HEADER),
        (["-o", "rows.jsonl"], '{"experiment": "a"'),
        (["-o", "rows.txt", "--format", "jsonl"], '{"experiment": "a"'),
    ],
)
def test_the_ending_or_the_option_chooses_the_format(
    directory: Path, words: list[str], beginning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory.parent)
    assert main(["export", str(directory), *words]) == 0
    assert beginning in Path(words[1]).read_text()


def test_what_is_replaced_is_told(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = directory.parent / "rows.csv"
    for said in ("", ", replacing the file that was there"):
        assert main(["export", str(directory), "-o", str(target)]) == 0
        assert capsys.readouterr().err == f"1 row in {target}{said}\n"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_minus_is_stdout(directory: Path, capfd: pytest.CaptureFixture[str], form: str) -> None:
    target = directory.parent / f"rows.{form}"
    assert main(["export", str(directory), "-o", str(target)]) == 0
    capfd.readouterr()
    assert main(["export", str(directory), "-o", "-", "--format", form]) == 0
    out, err = capfd.readouterr()
    assert out == target.read_text()
    assert err == "1 row in stdout\n"
    assert not Path("-").exists()


def test_a_folder_does_not_go_to_stdout(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(directory), "-o", "-", "--format", "tensorboard"]) == 2
    assert "TensorBoard's format is a folder" in capsys.readouterr().err
