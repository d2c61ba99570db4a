"""Training on a table, from its file to predictions for new rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from helpers.experiments import read_rows, trained, untimed_rows

from logreg_tui.core.analysis.compared_runs import read_runs
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.experiment.saved_model import data_at_hand
from logreg_tui.core.file_options import FileOptions
from logreg_tui.core.report.heads import compare_heads
from logreg_tui.core.report.runs import read_experiments
from logreg_tui.core.report.tables import weights_table
from logreg_tui.core.session.resume import repeat_experiment, resume_experiment
from logreg_tui.core.settings import Schedule, grid
from logreg_tui.core.training.requests import Control
from logreg_tui.tui.cli.main import main

IRIS = Path(__file__).parents[3] / "docs/data/iris.csv"
SPECIES = ["setosa", "versicolor", "virginica"]
RUNS = grid(["logits", "sigmoid"], [0.001], [0.5], [0], Schedule(period=40))
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment on the irises, beside its table."""
    folder = tmp_path_factory.mktemp("iris")
    shutil.copy(IRIS, folder / "iris.csv")
    table = {"dataset": str(folder / "iris.csv"), "file": FileOptions(label="species")}
    return trained(folder / "runs", RUNS, epochs=40, pixels="standardized", **table)


@pytest.fixture
def directory(kept: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it, whose table may be changed."""
    shutil.copytree(kept, tmp_path / "runs" / kept.name)
    table = kept.parents[1] / "iris.csv"
    yield tmp_path / "runs" / kept.name
    shutil.copy(IRIS, table)


def table_of(directory: Path) -> Path:
    return Path(read_config(directory).settings.dataset)


def test_the_config_keeps_how_the_table_is_read(directory: Path) -> None:
    config = read_config(directory)
    assert config.settings.file == FileOptions(label="species")
    assert config.class_names == tuple(SPECIES)
    assert config.table is not None
    assert config.table.feature_names == config.feature_names
    assert len(config.table.shift) == 4
    data = data_at_hand(config)
    assert data is not None
    assert data.table == config.table


@pytest.mark.parametrize(
    "damage",
    [
        {"columns": []},
        {"columns": [{"name": 3}]},
        {"shift": [1.0, 2.0]},
        {"fill": "median"},
        {"label": None},
        {"divisor": "abcd"},
    ],
)
def test_a_damaged_encoding_is_told_of(directory: Path, damage: dict[str, object]) -> None:
    record = json.loads((directory / "config.json").read_text())
    record["dataset"]["table"] |= damage
    (directory / "config.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="config.json' is damaged"):
        read_config(directory)


def test_it_goes_on_and_is_repeated_exactly(directory: Path, tmp_path: Path) -> None:
    rows = untimed_rows(directory)
    list(resume_experiment(directory, Control(), lambda text: None, epochs=60))
    longer = untimed_rows(directory)
    assert longer[: len(rows)] == rows
    assert len(longer) == len(rows) + 4
    list(repeat_experiment(directory, str(tmp_path / "again"), Control(), lambda text: None))
    (again,) = (tmp_path / "again").iterdir()
    assert untimed_rows(again) == longer


@pytest.mark.parametrize("change", [("5.1,3.5", "5.2,3.5"), ("setosa", "Setosa"), ("petal length", "length")])
def test_a_table_that_has_changed_is_not_trained_on(directory: Path, change: tuple[str, str]) -> None:
    path = table_of(directory)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(UserError, match="are not those the experiment was started with"):
        list(resume_experiment(directory, Control(), lambda text: None, epochs=60))
    assert data_at_hand(read_config(directory)) is None


def test_the_report_tells_the_largest_weights_by_name(directory: Path) -> None:
    ((run, _),) = read_experiments([directory])
    assert compare_heads([run]).config.class_names == tuple(SPECIES)
    lines = weights_table(run).splitlines()
    assert [line.split()[1] for line in lines[2:]] == SPECIES
    assert run.parameters is not None
    strongest = read_config(directory).feature_names[abs(run.parameters.weight[0]).argmax()]
    assert lines[2].split("|")[3].strip().startswith(f"`{strongest}`")


# Predictions


def predicted(directory: Path, rows: Path, capfd: Printed, *words: str) -> tuple[pl.DataFrame, str]:
    """Return what `predict` writes to stdout as a table of texts, and what it says on stderr."""
    assert main(["predict", str(directory), str(rows), *words]) == 0
    printed = capfd.readouterr()
    separator = "\t" if rows.suffix == ".tsv" else ","
    return pl.read_csv(printed.out.encode(), infer_schema=False, separator=separator), printed.err


def test_rows_are_predicted_without_the_table_that_was_trained_on(
    directory: Path, tmp_path: Path, capfd: Printed
) -> None:
    table_of(directory).unlink()
    frame, said = predicted(directory, IRIS, capfd)
    plain = pl.read_csv(IRIS, infer_schema=False)
    assert frame[:, :5].equals(plain)
    config = read_config(directory)
    assert config.table is not None
    inputs = (plain[:, :4].to_numpy().astype(float) - config.table.shift) / config.table.divisor
    from safetensors.numpy import load_file

    for number, run in enumerate(read_runs(directory), 1):
        model = load_file(directory / f"model-{number}.safetensors")
        outputs = inputs @ model["weight"].T.astype(float) + model["bias"]
        if number == 2:
            outputs = 1 / (1 + np.exp(-outputs))
        shares = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
        names = [f"probability_{number}_{name}" for name in SPECIES]
        np.testing.assert_allclose(frame.select(names).to_numpy().astype(float), shares, atol=1e-5)
        answers = frame[f"prediction_{number}"].to_list()
        assert answers == [SPECIES[at] for at in outputs.argmax(1)]
        # As many as the training counted in both sets.
        row = read_rows(directory)[number - 3]
        expected = round(120 * float(row["train_accuracy"]) + 30 * float(row["test_accuracy"]))
        assert run.epochs == int(row["epoch"]) == 40
        assert (
            sum(answer == label for answer, label in zip(answers, plain["species"], strict=True)) == expected
        )
        assert f"run {number}: accuracy {expected / 150:.4f}, {expected} of 150 labels" in said


def test_cells_stay_as_they_are_and_columns_may_stand_in_any_order(
    directory: Path, tmp_path: Path, capfd: Printed
) -> None:
    header = "id\tpetal width (cm)\tpetal length (cm)\tsepal width (cm)\tsepal length (cm)\tis_new\n"
    rows = tmp_path / "rows.tsv"
    rows.write_text(header + "007\t0.20\t1.4\t3.5\t5.1\tTRUE\n\n008\t2.0\t6.0\t3.0\t7.0\tfalse\n")
    frame, said = predicted(directory, rows, capfd, "--run", "1")
    assert frame["id"].to_list() == ["007", "008"]
    assert frame["petal width (cm)"][0] == "0.20"
    assert frame["is_new"].to_list() == ["TRUE", "false"]
    assert frame["prediction"].to_list() == ["setosa", "virginica"]
    assert "accuracy" not in said
    target = tmp_path / "out.parquet"
    assert main(["predict", str(directory), str(rows), "--run", "1", "-o", str(target)]) == 0
    assert pl.read_parquet(target)["prediction"].to_list() == ["setosa", "virginica"]


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("sepal length (cm)\n5\n", [], "has no column 'sepal width (cm)', 'petal length (cm)', 'petal width"),
        ("5.1,3.5,1.4,0.2\n", [], "has no header line"),
        (None, ["-o", "out.xlsx"], "no format of tables has this ending"),
        (None, ["seven.png"], "one table, and no pictures"),
        ("5.1,,1.4,0.2", [], "1 value missing in 1 row ('sepal width (cm)' 1)"),
        ("5.1,a,1.4,0.2", [], "column 'sepal width (cm)' holds no numbers ('a'), as in training"),
        ("5.1,1e39,1.4,0.2", [], "holds 1e+39 in row 1"),
        ("5.1,3e38,1.4,0.2", [], "rows.csv: a value is too far from those of the training set"),
    ],
)
def test_rows_that_cannot_be_predicted_are_named_in_one_line(
    text: str | None, words: list[str], line: str, directory: Path, tmp_path: Path, capfd: Printed
) -> None:
    rows = tmp_path / "rows.csv"
    whole = text is not None and "\n" in text
    header = IRIS.read_text().splitlines()[0].rpartition(",")[0]
    rows.write_text(text if whole and text else f"{header}\n{text or '5,3,1,0.2'}\n")
    assert main(["predict", str(directory), str(rows), *words]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert line in printed.err
    assert printed.err.count("\n") == 1


def test_a_second_prediction_does_not_replace_the_first(
    directory: Path, tmp_path: Path, capfd: Printed
) -> None:
    target = tmp_path / "out.csv"
    assert main(["predict", str(directory), str(IRIS), "--run", "1", "-o", str(target)]) == 0
    assert main(["predict", str(directory), str(target), "--run", "1"]) == 2
    assert "has a column 'prediction', 'probability_setosa'" in capfd.readouterr().err
    assert (
        main(["predict", str(directory), str(target), "--run", "1", "-o", str(tmp_path / "no" / "x.csv")])
        == 2
    )


def test_texts_and_gaps_of_new_rows_are_encoded_as_in_training(tmp_path: Path, capfd: Printed) -> None:
    table = tmp_path / "people.csv"
    lines = [f"{at % 7},{'Ulm' if at % 2 else 'Bonn'},{at % 2 + 1}" for at in range(40)]
    table.write_text("age,town,label\n,Ulm,2\n" + "\n".join(lines) + "\n")
    file = FileOptions(label="label", one_hot=True, fill="mean")
    directory = trained(tmp_path / "runs", RUNS[:1], dataset=str(table), file=file, epochs=30)
    rows = tmp_path / "rows.csv"
    rows.write_text("town,age\nUlm,NA\nBonn,3\nRom,3\n,3\n")
    frame, said = predicted(directory, rows, capfd)
    assert frame["prediction"].to_list()[:2] == ["2", "1"]
    assert frame["probability_1"].to_list()[2:] == [frame["probability_1"][2]] * 2
    assert "1 text that was not in training counts as none, in column 'town'" in said


def test_new_texts_that_look_like_numbers_are_texts_as_in_training(tmp_path: Path, capfd: Printed) -> None:
    table = tmp_path / "codes.csv"
    rows = "".join(
        f"{code},{label}\n" for code, label in (("01", "1"), ("x", "no"), ("true", "1")) for _ in "abcd"
    )
    table.write_text("code,label\n" + rows)
    file = FileOptions(label="label", one_hot=True)
    directory = trained(tmp_path / "runs", RUNS[:1], dataset=str(table), file=file, epochs=30)
    (tmp_path / "rows.csv").write_text("code,label\n01,1\n01,1\n")
    frame, said = predicted(directory, tmp_path / "rows.csv", capfd)
    assert frame["prediction"].to_list() == ["1", "1"]
    assert "accuracy 1.0000, 2 of 2 labels" in said
    assert "not in training" not in said


def test_a_label_that_is_a_formula_is_none_in_the_predictions(tmp_path: Path, capfd: Printed) -> None:
    table = tmp_path / "signs.csv"
    table.write_text("x,label\n" + "".join(f"{at % 3},{('=1+1', '+', '-')[at % 3]}\n" for at in range(30)))
    directory = trained(tmp_path / "runs", RUNS[:1], dataset=str(table), file=FileOptions(label="label"))
    frame, said = predicted(directory, table, capfd)
    assert set(frame["prediction"]) <= {"'=1+1", "+", "-"}
    assert "of 30 labels" in said


def test_labels_with_control_characters_are_known_again(tmp_path: Path, capfd: Printed) -> None:
    table = tmp_path / "spaces.csv"
    table.write_text("x,label\n" + "0,Sao\xa0Tome\n1,Ulm\n" * 15)
    directory = trained(tmp_path / "runs", RUNS[:1], dataset=str(table), file=FileOptions(label="label"))
    frame, said = predicted(directory, table, capfd)
    right = sum(frame["prediction"] == frame["label"].str.replace("\xa0", r"\xa0", literal=True))
    assert f"{right} of 30 labels" in said


def test_an_experiment_on_other_data_predicts_no_rows(tmp_path: Path, capfd: Printed) -> None:
    directory = trained(tmp_path / "runs", RUNS[:1])
    assert main(["predict", str(directory), str(IRIS)]) == 2
    assert "was not trained on a table" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--dataset", str(IRIS)], "needs --label COLUMN, one of its columns: 'sepal length (cm)'"),
        (["--dataset", str(IRIS), "--label", "kind"], "has no column 'kind' for --label: its columns are"),
        (["--dataset", "digits", "--label", "species"], "--label is for tables"),
        (["--dataset", "digits", "--one-hot"], "--one-hot is for tables"),
        (["--dataset", str(IRIS), "--label", "species", "--test-share", "2"], "test share is 2"),
        (["--dataset", str(IRIS), "--label", "petal width (cm)"], "which is a quantity"),
    ],
)
@pytest.mark.parametrize("command", ["train", "bench"])
def test_wrong_options_of_a_table_make_nothing(
    words: list[str],
    line: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Printed,
) -> None:
    monkeypatch.chdir(tmp_path)
    others = ["--no-startup", "--no-screen"] if command == "bench" else []
    assert main([command, *words, *others]) == 2
    assert line in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_defaults_of_the_user_wait_for_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Printed
) -> None:
    from argparse import Namespace

    from logreg_tui.tui.cli.data_options import data_settings

    values = vars(Namespace(
        dataset="digits", pixels=None, label="y", test=None, test_share=None, split_seed=None, one_hot=True,
        fill="mean", drop=["id"], from_file=frozenset({"label", "one_hot", "fill", "drop"}),
    ))  # fmt: skip
    assert data_settings(values) == {"pixels": "raw", "file": FileOptions()}
    table = {**values, "dataset": "gone.csv"}
    file = FileOptions(label="y", one_hot=True, fill="mean", drop=("id",))
    assert data_settings(table) == {"pixels": "standardized", "file": file}
