"""CSV and JSON Lines, as pandas and a strict parser read them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NoReturn

import pandas
import pytest
from helpers.experiments import DIVERGED, ROWS, SIGMOID, TURNED, make_experiment
from pandas.api.types import is_float_dtype, is_integer_dtype

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.metrics import CSV_COLUMNS
from logreg_tui.core.export.rows import export_jsonl, join_csv
from logreg_tui.tui.cli import main as cli

FIGURES = [name for name in CSV_COLUMNS if name not in ("run", "epoch", "head")]


def numbers_of(row: str) -> list[float]:
    cells = dict(zip(CSV_COLUMNS, row.split(","), strict=True))
    return [float(cells[name] or "nan") for name in FIGURES]


def check_table(table: pandas.DataFrame, precision: float = 0.0) -> None:
    """Every column is of numbers, and they are those of ROWS."""
    assert all(is_integer_dtype(table[name]) for name in ("run", "epoch"))
    assert all(is_float_dtype(table[name]) for name in FIGURES)
    assert list(table["head"]) == ["sigmoid", "logits", "logits"]
    for read, row in zip(table[FIGURES].to_numpy().tolist(), ROWS, strict=True):
        assert read == pytest.approx(numbers_of(row), rel=precision, abs=0.0, nan_ok=True)


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def strictly(line: str) -> dict[str, object]:
    record: dict[str, object] = json.loads(line, parse_constant=refuse)
    return record


def records(directory: Path, target: Path) -> list[dict[str, object]]:
    export_jsonl([directory], target)
    return [strictly(line) for line in target.read_text().splitlines()]


def test_pandas_reads_metrics_csv_and_a_joined_one_without_options(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path / "a")
    check_table(pandas.read_csv(experiment / "metrics.csv"))
    join_csv([experiment], tmp_path / "all.csv")
    table = pandas.read_csv(tmp_path / "all.csv")
    check_table(table)
    assert list(table["experiment"]) == ["a"] * 3


def test_pandas_reads_json_lines_without_options(tmp_path: Path) -> None:
    target = tmp_path / "all.jsonl"
    assert export_jsonl([make_experiment(tmp_path / "a")], target) == (3, 0, 0)
    # Its quick way of reading numbers is not exact in the last digits.
    check_table(pandas.read_json(target, lines=True), precision=1e-11)
    check_table(pandas.read_json(target, lines=True, precise_float=True))


def test_json_lines_have_the_digits_of_metrics_csv_and_whole_numbers(tmp_path: Path) -> None:
    target = tmp_path / "all.jsonl"
    record = records(make_experiment(tmp_path / "a", [TURNED]), target)[0]
    assert list(record) == ["experiment", *CSV_COLUMNS]
    assert (type(record["run"]), record["epoch"]) == (int, 10)
    text = target.read_text()
    assert all(f": {cell}" in text for cell in TURNED.split(",") if cell != "logits")


def test_json_lines_tell_what_diverged_from_what_was_not_measured(tmp_path: Path) -> None:
    record = records(make_experiment(tmp_path / "a", [DIVERGED]), tmp_path / "all.jsonl")[0]
    assert [record[name] for name in ("train_loss", "l2_penalty", "test_loss")] == ["nan", "inf", "-inf"]
    assert record["test_accuracy"] is None
    assert math.isnan(float(str(record["train_loss"])))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1,0",
        SIGMOID + ",1",
        SIGMOID.replace("sigmoid", "=cmd()"),
        SIGMOID.replace("0.1", "\x1b[31m"),
        SIGMOID.replace("1,0,", "0,0,", 1),
        SIGMOID.replace("1,0,", "1,-1,", 1),
        SIGMOID.replace("1,0,", f"1,{2**63},", 1),
        SIGMOID.replace("1,0,", f"{'9' * 5000},0,", 1),
    ],
)
def test_a_line_that_is_no_row_is_left_out_of_json_lines_and_counted(tmp_path: Path, line: str) -> None:
    target = tmp_path / "all.jsonl"
    assert export_jsonl([make_experiment(tmp_path / "a", [line, SIGMOID])], target) == (1, 1, 0)
    assert strictly(target.read_text())["train_loss"] == math.log(10)


def test_a_header_of_other_columns_is_refused_by_json_lines(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path / "a")
    (experiment / "metrics.csv").write_text("run,epoch,other\n1,0,3\n")
    with pytest.raises(UserError, match="no header"):
        export_jsonl([experiment], tmp_path / "all.jsonl")


def test_a_row_still_being_written_is_left_out_and_not_counted(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path / "a")
    with (experiment / "metrics.csv").open("a") as file:
        file.write("1,20,0.5,sigm")
    assert export_jsonl([experiment], tmp_path / "all.jsonl") == (3, 0, 0)


def test_a_name_is_inert_in_json_lines(tmp_path: Path) -> None:
    record = records(make_experiment(tmp_path / "x\x1b[31m\u2028"), tmp_path / "all.jsonl")[0]
    assert record["experiment"] == r"x\x1b[31m\u2028"


def test_a_directory_named_twice_is_written_once_and_two_of_one_name_are_told_apart(tmp_path: Path) -> None:
    first, second = (make_experiment(tmp_path / place / "a", [SIGMOID]) for place in ("x", "y"))
    directories = [first, second, first / ".." / "a"]
    assert join_csv(directories, tmp_path / "all.csv") == 2
    export_jsonl(directories, tmp_path / "all.jsonl")
    assert list(pandas.read_csv(tmp_path / "all.csv")["experiment"]) == ["a", "a-2"]
    assert list(pandas.read_json(tmp_path / "all.jsonl", lines=True)["experiment"]) == ["a", "a-2"]


def test_json_lines_are_not_written_into_the_experiment(tmp_path: Path) -> None:
    experiment = make_experiment(tmp_path / "a")
    with pytest.raises(UserError, match="own directory"):
        export_jsonl([experiment], experiment / "all.jsonl")


def test_the_command_says_what_is_where_and_what_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, target = make_experiment(tmp_path / "a", [SIGMOID, "edited"]), tmp_path / "all.jsonl"
    assert cli.main(["export", str(experiment), "-o", str(target), "--format", "jsonl"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert f"1 row in {target}" in said.err
    assert "left out of metrics.csv, since it is no row of a run: 1 line" in said.err


def test_the_ending_of_the_file_chooses_the_format(tmp_path: Path) -> None:
    experiment, target = make_experiment(tmp_path / "a"), tmp_path / "all.jsonl"
    assert cli.main(["export", str(experiment), "-o", str(target)]) == 0
    assert json.loads(target.read_text().splitlines()[0])["experiment"] == "a"
    assert cli.main(["export", str(experiment), "-o", str(target), "--format", "csv"]) == 0
    assert target.read_text().startswith("experiment,run,")
