"""The command `compare`, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from helpers.experiments import write_experiment
from helpers.records import row

from logreg_tui.core.analysis import paired_answers as pairs
from logreg_tui.core.analysis.comparison import ContingencyTable
from logreg_tui.core.analysis.comparison_columns import COLUMNS, FIELDS
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.tui.cli.commands.compare import SORTABLE
from logreg_tui.tui.cli.main import main

RUNS = (RunSettings(seed=0), RunSettings(seed=1), RunSettings("logits"))


def written(directory: Path, accuracies: Iterable[float] = (0.9, 0.92, 0.95)) -> str:
    """Write the files of an experiment whose runs have these accuracies; return its directory."""
    settings = ExperimentSettings(runs=RUNS, dataset="mnist", epochs=100)
    rows = [row(run, 10, test_accuracy=accuracy) for run, accuracy in enumerate(accuracies, 1)]
    return str(write_experiment(directory, settings, rows, fingerprint="e" * 64, test_samples=10_000))


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return written(tmp_path / "first")


@pytest.fixture(autouse=True)
def no_pairs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Pairs need torch and the data: say how often they were asked for, and for which runs."""
    asked: list[Any] = []

    def pairs_of(runs: list[Any], pinned: Any) -> dict[Any, ContingencyTable]:  # noqa: ANN401
        asked.append([run.run for run in runs])
        return {run.key: ContingencyTable(8900, 300, 100, 700) for run in runs if run.key != pinned.key}

    monkeypatch.setattr(pairs, "pairs_of", pairs_of)
    return asked


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["compare", *words]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], status: int, *words: str) -> str:
    assert main(["compare", *words]) == status
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    return error


def test_the_first_run_is_the_measure_and_means_over_seeds_follow(
    capsys: pytest.CaptureFixture[str], directory: str
) -> None:
    text = told(capsys, directory)
    assert "minus that of run 1," in text
    assert "+5.00" in text
    assert "p: paired" in text
    assert "0.9100 ±0.0141" in text


def test_another_run_can_be_pinned(capsys: pytest.CaptureFixture[str], directory: str) -> None:
    text = told(capsys, directory, "--pin", "3")
    assert "minus that of run 3," in text
    assert "-5.00" in text


def test_pairs_are_not_asked_for_where_no_interval_needs_them(
    capsys: pytest.CaptureFixture[str], directory: str, no_pairs: list[Any]
) -> None:
    assert "unpaired" in told(capsys, directory, "--no-paired")
    assert "no 95 % interval: mean of seeds" in told(capsys, directory, "--seeds")
    assert no_pairs == []
    told(capsys, directory, "--seeds", "--pin", "3")
    assert no_pairs == [[3]]


@pytest.mark.parametrize("form", ["plain", "markdown", "csv", "json"])
def test_seeds_alone_are_printed_folded(
    capsys: pytest.CaptureFixture[str], directory: str, form: str
) -> None:
    text = told(capsys, directory, "--seeds", "--format", form)
    folded = {"plain": "\n1-2 ", "markdown": "\n| 1-2 ", "csv": "\nfirst,1 2,", "json": '"run": "1 2"'}
    assert text.count(folded[form]) == 1
    assert "0.92" not in text


def test_other_programs_get_every_field(capsys: pytest.CaptureFixture[str], directory: str) -> None:
    assert told(capsys, directory, "--format", "csv").splitlines()[0] == ",".join(FIELDS)
    records = json.loads(told(capsys, directory, "--format", "json", "--sort", "test_accuracy"))
    assert [(record["run"], record["test_accuracy"]) for record in records] == [
        (3, 0.95),
        (2, 0.92),
        (1, 0.9),
    ]
    assert records[0]["interval_method"] == "paired"


def test_a_directory_that_is_named_twice_counts_once(
    capsys: pytest.CaptureFixture[str], directory: str, tmp_path: Path
) -> None:
    other = written(tmp_path / "second")
    (tmp_path / "link").symlink_to(directory)
    records = json.loads(
        told(capsys, directory, other, str(tmp_path / "link"), directory, "--format", "json")
    )
    assert [record["experiment"] for record in records] == ["first"] * 3 + ["second"] * 3


def test_every_column_can_be_sorted_by(capsys: pytest.CaptureFixture[str], directory: str) -> None:
    assert tuple(COLUMNS) == SORTABLE
    for name in SORTABLE:
        told(capsys, directory, "--sort", name)


def test_a_run_that_there_is_not_cannot_be_pinned(capsys: pytest.CaptureFixture[str], directory: str) -> None:
    assert "--pin 7: the first directory has no such run, it has 1, 2, 3" in refused(
        capsys, 2, directory, "--pin", "7"
    )


@pytest.mark.parametrize("option", [["--sort", "beauty"], ["--format", "xml"], ["--pin", "first"]])
def test_wrong_options_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], directory: str, option: list[str]
) -> None:
    refused(capsys, 2, directory, *option)


def test_what_is_no_experiment_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], directory: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    assert "not an experiment directory" in refused(capsys, 1, str(tmp_path / "folder"))
    assert "not an experiment directory" in refused(capsys, 1, directory, str(tmp_path / "nothing"))
    (tmp_path / "first" / "config.json").write_text("{")
    assert "damaged" in refused(capsys, 1, directory)


def test_an_experiment_without_rows_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "has no figures yet" in refused(capsys, 1, written(tmp_path / "empty", ()))


def test_a_terminal_without_the_sign_gets_two(
    directory: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    with path.open("w", encoding="ascii") as file:
        monkeypatch.setattr("sys.stdout", file)
        assert main(["compare", directory]) == 0
    assert "0.9100 +-0.0141" in path.read_text()
