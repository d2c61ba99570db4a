"""The command `runs`: a table that fits, and JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.experiments import write_experiment
from helpers.records import row

from logreg_tui.core.experiment.listing import Summary
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.tui.cli.commands.runs import listing
from logreg_tui.tui.cli.main import main

LONG = Summary(
    Path("runs/20261122T184530-sigmoid-logits-of-a-long-name"), "training", "fashion-mnist", 12, 1_234_567,
    "machine-of-a-long-name", 1234567, 0.9171,
)  # fmt: skip


def test_the_accuracy_stands_in_the_table_and_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ExperimentSettings(dataset="digits")
    write_experiment(tmp_path / "a", settings, [row(test_accuracy=0.25), row(epoch=10, test_accuracy=0.5)])
    write_experiment(tmp_path / "b", settings)
    assert main(["runs", "--runs-dir", str(tmp_path)]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["experiment", "state", "dataset", "runs", "rows", "accuracy", "host", "pid"]
    assert first.split() == ["a", "interrupted", "digits", "1", "2", "0.5000"]
    assert second.split() == ["b", "interrupted", "digits", "1", "0"]
    assert main(["runs", "--runs-dir", str(tmp_path), "--format", "json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert records[0] == {
        "experiment": "a",
        "directory": str(tmp_path / "a"),
        "state": "interrupted",
        "dataset": "digits",
        "optimizers": ["sgd"],
        "runs": 1,
        "rows": 2,
        "test_accuracy": 0.5,
        "host": None,
        "pid": None,
    }
    assert records[1]["test_accuracy"] is None


def test_optimizers_are_named_where_one_is_not_plain_gradient_descent() -> None:
    both = replace(LONG, optimizers=("sgd", "momentum 0.9"))
    header, line, other = listing([both, replace(LONG, optimizers=("sgd",))]).splitlines()
    assert header.split()[3] == "optimizer"
    assert "sgd, momentum 0.9" in line
    assert other.split()[3] == "sgd"
    assert max(map(len, listing([both], 80).splitlines()[:2])) <= 80


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_table_fits_the_terminal(width: int) -> None:
    lines = listing([LONG], width).splitlines()
    assert max(map(len, lines[:2])) <= width
    assert "0.9171" in lines[1]
    assert "training" in lines[1]


def test_without_a_terminal_nothing_is_left_out() -> None:
    (_, line) = listing([LONG]).splitlines()
    assert line.split()[-2:] == ["machine-of-a-long-name", "1234567"]
