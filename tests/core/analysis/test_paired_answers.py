"""Pairs of right answers out of experiment directories."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.experiments import HEADS, trained
from safetensors.numpy import load_file

from logreg_tui.core.analysis import paired_answers
from logreg_tui.core.analysis.compared_runs import ComparedRun, read_runs
from logreg_tui.core.analysis.comparison import ContingencyTable
from logreg_tui.core.analysis.paired_answers import MOST_SAMPLES, TOLERANCE, contingency_table, pairs_of
from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.experiment import saved_model
from logreg_tui.core.experiment.config import ExperimentConfig
from logreg_tui.core.training.snapshots import ParametersSnapshot


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[ComparedRun]:
    """Two runs on raw pixels, and one of another experiment on the same data with pixels in 0..1."""
    folder = tmp_path_factory.mktemp("runs")
    directories = [trained(folder), trained(folder, HEADS[1:], pixels="unit")]
    return [run for directory in directories for run in read_runs(directory)]


def right_answers(run: ComparedRun) -> np.ndarray:
    digits = load_dataset("digits", None, run.origin.pixels, print, lambda: False)
    model = load_file(Path(run.origin.directory) / f"model-{run.run}.safetensors")
    outputs = np.asarray(digits.test_inputs) @ model["weight"].T + model["bias"]
    if run.settings.head == "sigmoid":
        outputs = 1 / (1 + np.exp(-outputs, dtype=np.float32))
    return np.asarray(outputs.argmax(1) == digits.test_labels)


def counted(one: np.ndarray, other: np.ndarray) -> ContingencyTable:
    cells = [(True, True), (True, False), (False, True), (False, False)]
    return ContingencyTable(*(int(np.sum((one == a) & (other == b))) for a, b in cells))


def test_they_are_counted_from_the_saved_parameters_each_run_with_its_own_pixels(
    runs: list[ComparedRun],
) -> None:
    found = pairs_of(runs, runs[0])
    expected = {run.key: counted(right_answers(run), right_answers(runs[0])) for run in runs[1:]}
    assert found == expected
    assert all(sum(pair) == 360 for pair in found.values())


def test_the_pinned_run_may_be_of_any_experiment(runs: list[ComparedRun]) -> None:
    there, back = pairs_of(runs, runs[0])[runs[2].key], pairs_of(runs, runs[2])[runs[0].key]
    assert back == (there.both, there.only_second, there.only_first, there.neither)


@pytest.mark.parametrize("pinned", [0, 1])
@pytest.mark.parametrize(
    "changes",
    [
        {"state": "training"},
        {"epochs": 10},
        {"epochs": None},
        {"test_accuracy": None},
    ],
)
def test_a_run_whose_parameters_are_not_those_of_its_row_has_none(
    runs: list[ComparedRun], changes: dict[str, object], pinned: int
) -> None:
    changed = [replace(runs[0], **changes), runs[1]]
    assert pairs_of(changed, changed[pinned]) == {}


def test_a_stopped_run_is_taken_at_its_newest_row(runs: list[ComparedRun], tmp_path: Path) -> None:
    directory = tmp_path / "stopped"
    shutil.copytree(runs[0].origin.directory, directory)
    record = torch.load(directory / "checkpoint.pt")
    record["step"] += 5
    for run in record["runs"]:
        run["status"], run["weight"] = "training", -run["weight"]
    torch.save(record, directory / "checkpoint.pt")
    stopped = read_runs(directory)[0]
    assert pairs_of([stopped], runs[1])[stopped.key] == pairs_of(runs, runs[1])[runs[0].key]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_checkpoint_that_cannot_be_read_makes_no_pairs(
    runs: list[ComparedRun], tmp_path: Path, content: bytes
) -> None:
    directory = tmp_path / "damaged"
    shutil.copytree(runs[0].origin.directory, directory)
    (directory / "checkpoint.pt").write_bytes(content)
    assert pairs_of(read_runs(directory), runs[0]) == {}
    (directory / "checkpoint.pt").unlink()
    assert pairs_of(read_runs(directory), runs[0]) == {}


def test_an_accuracy_that_the_parameters_do_not_have_makes_no_pairs(runs: list[ComparedRun]) -> None:
    accuracy = runs[1].test_accuracy
    assert accuracy is not None
    assert pairs_of([runs[0], replace(runs[1], test_accuracy=accuracy + 0.9 * TOLERANCE)], runs[0])
    assert not pairs_of([runs[0], replace(runs[1], test_accuracy=accuracy + 1.1 * TOLERANCE)], runs[0])


@pytest.mark.parametrize("origin", [{"fingerprint": "0" * 64}, {"test_samples": MOST_SAMPLES + 1}])
def test_runs_on_other_or_too_many_samples_have_none(
    runs: list[ComparedRun], origin: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_model, "data_at_hand", lambda config: pytest.fail("the data were read in vain"))
    other = replace(runs[1], origin=replace(runs[1].origin, **origin))
    assert pairs_of([runs[0], other], runs[0]) == {}


def test_without_the_data_no_checkpoint_is_read(
    runs: list[ComparedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_model, "data_at_hand", lambda config: None)
    monkeypatch.setattr(saved_model, "logged_parameters", lambda directory: pytest.fail("torch for nothing"))
    assert pairs_of(runs, runs[0]) == {}


def test_data_that_several_experiments_share_are_read_once(
    runs: list[ComparedRun], monkeypatch: pytest.MonkeyPatch, digits: Dataset
) -> None:
    seen = []
    monkeypatch.setattr(
        saved_model, "data_at_hand", lambda config: (seen.append(config.settings.pixels), digits)[1]
    )
    pairs_of([runs[2], *runs, runs[2]], runs[0])
    assert seen == ["raw", "unit"]


@pytest.mark.parametrize(
    ("weight", "bias"),
    [((10, 63), (10,)), ((9, 64), (9,)), ((10, 64), (1,)), ((10, 64), ()), ((640,), (10,))],
)
def test_parameters_of_another_model_have_none(
    runs: list[ComparedRun], weight: tuple[int, ...], bias: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ParametersSnapshot(20, 1, 20, "logits", np.zeros(weight, np.float32), np.zeros(bias, np.float32))
    monkeypatch.setattr(saved_model, "logged_parameters", lambda directory: {1: shown, 2: shown})
    assert pairs_of(runs[:2], runs[0]) == {}


def test_parameters_that_overflow_have_none(
    runs: list[ComparedRun], monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    weight = np.full((10, 64), np.finfo(np.float32).max)
    shown = ParametersSnapshot(20, 1, 20, "logits", weight, np.full(10, np.nan, np.float32))
    monkeypatch.setattr(saved_model, "logged_parameters", lambda directory: {1: shown, 2: shown})
    assert pairs_of(runs[:2], runs[0]) == {}
    assert not recwarn.list


def test_an_experiment_that_has_gone_meanwhile_has_none(runs: list[ComparedRun], tmp_path: Path) -> None:
    gone = replace(runs[1], origin=replace(runs[1].origin, directory=str(tmp_path / "gone")))
    assert pairs_of([runs[0], gone], runs[0]) == {}
    assert pairs_of([gone, runs[0]], gone) == {}


def test_more_classes_than_a_table_shows_have_pairs(
    runs: list[ComparedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pairs_of(runs, runs[0])
    monkeypatch.setattr("logreg_tui.core.analysis.inspection.MOST_CLASSES", 5)
    assert pairs_of(runs, runs[0]) == expected != {}


def test_overlaps_are_those_that_numpy_counts() -> None:
    one, other = np.random.default_rng(3).random((2, 1000)) < 0.8
    assert contingency_table(one, other) == counted(one, other)
    assert contingency_table(one, one)[1:3] == (0, 0)


def test_the_config_of_an_experiment_is_read_once_for_all_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = trained(tmp_path, (*HEADS, *HEADS))
    first, *others = read_runs(directory)
    looked_at: list[Path] = []
    read = paired_answers.read_config

    def noted(path: Path) -> ExperimentConfig:
        looked_at.append(path)
        return read(path)

    monkeypatch.setattr(paired_answers, "read_config", noted)
    assert set(pairs_of(others, first)) == {run.key for run in others}
    assert len(looked_at) == 1
