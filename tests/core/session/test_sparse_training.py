"""Training on an svmlight file, from the file to predictions for new rows, without a row ever being dense."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from helpers.experiments import trained, untimed_rows
from helpers.made_data import ALL_OPTIMIZERS
from sklearn.datasets import load_svmlight_file

from logreg_tui.core.analysis.inspection import head_facts, inspect_mistakes
from logreg_tui.core.data.sparse.csr import CsrSource
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import read_config, write_config
from logreg_tui.core.experiment.saved_model import data_at_hand
from logreg_tui.core.file_options import FileOptions
from logreg_tui.core.predict.predictor import newest_parameters
from logreg_tui.core.report.runs import read_experiments
from logreg_tui.core.report.tables import weights_table
from logreg_tui.core.session.resume import repeat_experiment, resume_experiment
from logreg_tui.core.settings import Schedule, grid
from logreg_tui.core.text import FeatureNumbers
from logreg_tui.core.training.requests import Control
from logreg_tui.tui.cli.main import main
from logreg_tui.tui.widgets.mistakes.error_analysis import CellPage, analyse_errors

SHIPPED = Path(__file__).parents[3] / "docs/data/threes-and-eights.svm"
RUNS = grid(["logits", "sigmoid"], [0.001], [0.01], [0], Schedule(period=40), ALL_OPTIMIZERS)
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment on the file that the docs name, beside a copy of it."""
    folder = tmp_path_factory.mktemp("digits")
    shutil.copy(SHIPPED, folder / "a.svm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CsrSource, "read", refuse)
        return trained(folder / "runs", RUNS, epochs=40, dataset=str(folder / "a.svm"), pixels="unit")


def refuse(self: CsrSource, start: int, stop: int) -> np.ndarray:
    raise AssertionError("rows were read with their zeros")


@pytest.fixture
def directory(kept: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it, whose file may be changed."""
    shutil.copytree(kept, tmp_path / "runs" / kept.name)
    yield tmp_path / "runs" / kept.name
    shutil.copy(SHIPPED, kept.parents[1] / "a.svm")


def file_of(directory: Path) -> Path:
    return Path(read_config(directory).settings.dataset)


def test_the_config_keeps_names_and_numbers_of_features(directory: Path) -> None:
    config = read_config(directory)
    assert config.class_names == ("-1", "1")
    assert config.feature_names == FeatureNumbers(1, 64)
    assert '"first": 1' in (directory / "config.json").read_text()
    data = data_at_hand(config)
    assert data is not None
    assert (data.feature_names, data.class_names) == (config.feature_names, config.class_names)
    for first in (-1, 2, "1", True):
        write_config(directory, replace(config, feature_names=FeatureNumbers(first, 64)))  # type: ignore[arg-type]
        with pytest.raises(UserError, match="config.json' is damaged"):
            read_config(directory)


def test_it_goes_on_and_is_repeated_exactly(directory: Path, tmp_path: Path) -> None:
    rows = untimed_rows(directory)
    list(resume_experiment(directory, Control(), lambda text: None, epochs=60))
    longer = untimed_rows(directory)
    assert longer[: len(rows)] == rows
    list(repeat_experiment(directory, str(tmp_path / "again"), Control(), lambda text: None))
    (again,) = (tmp_path / "again").iterdir()
    assert untimed_rows(again) == longer


@pytest.mark.parametrize("change", [("3:7 ", "3:8 "), ("\n-1 ", "\n2 "), (" 62:9", " 62:9 90:1")])
def test_a_file_that_has_changed_is_not_trained_on(directory: Path, change: tuple[str, str]) -> None:
    path = file_of(directory)
    path.write_text(path.read_text().replace(*change, 1))
    with pytest.raises(UserError, match="are not those the experiment was started with"):
        list(resume_experiment(directory, Control(), lambda text: None, epochs=60))
    assert data_at_hand(read_config(directory)) is None


def test_models_are_looked_into_without_a_dense_row(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_at_hand(read_config(directory))
    assert data is not None
    dense = data.test_inputs.read(0, len(data.test_inputs))
    monkeypatch.setattr(CsrSource, "read", refuse)
    for parameters in newest_parameters(directory).values():
        outputs = dense @ parameters.weight.T + parameters.bias
        found = inspect_mistakes(parameters, data.test_inputs, data.test_labels)
        assert np.array_equal(found.predicted, outputs.argmax(1))
        assert head_facts(parameters, data.train_inputs, data.train_labels).samples == 96


def test_an_enlarged_sample_tells_the_features_that_decided_as_the_file_numbers_them(directory: Path) -> None:
    data = data_at_hand(read_config(directory))
    assert data is not None
    parameters = newest_parameters(directory)[1]
    label, predicted = (int(each) for each in (data.test_labels[0], 0))
    predicted = int(inspect_mistakes(parameters, data.test_inputs, data.test_labels).predicted[0])
    analysis = analyse_errors(data, parameters, CellPage(label, predicted, 0, enlarged=0), None)
    assert not isinstance(analysis, str)
    assert analysis.cell is not None
    assert analysis.cell.enlarged is not None
    first = analysis.cell.enlarged.contributions[0]
    written = load_svmlight_file(str(SHIPPED), zero_based=True)[0].toarray()
    values = written[:, int(analysis.cell.feature_names[first.feature])]
    assert np.isclose(values, first.value).any()


def test_the_report_tells_the_largest_weights_by_the_numbers_of_the_file(directory: Path) -> None:
    ((run, *_),) = read_experiments([directory])
    assert run.parameters is not None
    strongest = abs(run.parameters.weight[0]).argmax() + 1
    assert weights_table(run).splitlines()[2].split("|")[3].strip().startswith(f"{strongest} ")


def predicted(directory: Path, rows: Path, capfd: Printed, *words: str) -> tuple[pl.DataFrame, str]:
    """Return what `predict` writes to stdout as a table, and what it says on stderr."""
    assert main(["predict", str(directory), str(rows), *words]) == 0
    printed = capfd.readouterr()
    return pl.read_csv(printed.out.encode()), printed.err


def test_rows_are_predicted_as_they_are_in_training(directory: Path, capfd: Printed) -> None:
    frame, said = predicted(directory, SHIPPED, capfd, "--run", "1")
    assert frame.columns == ["label", "prediction", "probability_-1", "probability_1"]
    assert frame["label"].to_list() == load_svmlight_file(str(SHIPPED))[1].tolist()
    right = int((frame["label"] == frame["prediction"]).sum())
    assert f"run 1: accuracy {right / 120:.4f}, {right} of 120 labels" in said
    last = [row for row in untimed_rows(directory) if row["run"] == "1"][-1]
    assert right == round(96 * float(last["train_accuracy"])) + round(24 * float(last["test_accuracy"]))
    assert np.allclose(frame["probability_-1"] + frame["probability_1"], 1)


def test_new_rows_may_have_no_labels_and_features_that_were_not_trained_on(
    directory: Path, tmp_path: Path, capfd: Printed
) -> None:
    lines = [f"0{line[2:]} 90:5 900:1" for line in SHIPPED.read_text().splitlines()[1:]]
    rows = tmp_path / "new.libsvm"
    rows.write_text("\n".join(lines))
    known, _ = predicted(directory, SHIPPED, capfd)
    frame, said = predicted(directory, rows, capfd)
    assert frame["label"].unique().to_list() == [0]
    assert frame[:, 1:].equals(known[:, 1:])
    assert "240 values of features that were not in training, left out" in said
    assert "accuracy" not in said


@pytest.mark.parametrize(
    ("line", "expected"),
    [("1 0:1", "has a feature 0"), ("1 5:x", "line 1: '5:x' is no `index:value`"), ("", "holds no samples")],
)
def test_rows_that_cannot_be_predicted_are_told_of_in_one_line(
    directory: Path, tmp_path: Path, capfd: Printed, line: str, expected: str
) -> None:
    rows = tmp_path / "new.svm"
    rows.write_text(line)
    assert main(["predict", str(directory), str(rows)]) == 2
    said = capfd.readouterr().err
    assert expected in said
    assert len(said.splitlines()) == 1


def test_scaled_data_are_needed_to_predict_and_tables_are_no_rows_of_theirs(
    directory: Path, tmp_path: Path, capfd: Printed
) -> None:
    file_of(directory).unlink()
    assert main(["predict", str(directory), str(SHIPPED)]) == 1
    assert "--pixels unit needs the training data" in capfd.readouterr().err
    table = tmp_path / "rows.csv"
    table.write_text("1,2\n3,4\n")
    assert main(["predict", str(directory), str(table)]) == 2
    assert "was not trained on a table" in capfd.readouterr().err
    of_digits = trained(tmp_path / "digits")
    assert main(["predict", str(of_digits), str(SHIPPED)]) == 2
    assert "was not trained on an svmlight file" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--label", "x"], "--label is for tables"),
        (["--one-hot"], "--one-hot is for tables"),
        (["--test", "none.svm"], "none.svm cannot be read"),
        (["--test", "a.svm", "--test-share", "0.1"], "--test names the test set"),
    ],
)
def test_wrong_options_cost_one_line_before_anything_is_made(
    tmp_path: Path, capfd: Printed, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--dataset", str(SHIPPED), *words]) == 2
    said = capfd.readouterr().err
    assert expected in said
    assert list(tmp_path.iterdir()) == []


def test_the_test_set_of_a_file_and_its_options_are_kept(tmp_path: Path) -> None:
    options = FileOptions(test=str(SHIPPED))
    directory = trained(tmp_path, RUNS[:1], dataset=str(SHIPPED), file=options)
    config = read_config(directory)
    assert config.settings.file == options
    assert (config.train_samples, config.test_samples) == (120, 120)


def test_bench_wants_dense_data(capfd: Printed) -> None:
    assert main(["bench", "--dataset", str(SHIPPED), "--no-screen", "--no-startup"]) == 2
    assert "bench compares with a loop over dense rows" in capfd.readouterr().err
