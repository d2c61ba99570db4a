"""What a watcher can see of a model that somebody else trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.experiments import trained
from safetensors.numpy import load_file

from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.experiment.saved_model import SavedModel
from logreg_tui.core.training.snapshots import DatasetLoaded, ParametersSnapshot


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return trained(tmp_path)


def test_the_data_come_once_and_the_parameters_whenever_they_are_asked_for(directory: Path) -> None:
    saved_model = SavedModel(directory, read_config(directory))
    data, first = saved_model.read(2)
    (again,) = saved_model.read(1)
    assert isinstance(data, DatasetLoaded)
    assert isinstance(first, ParametersSnapshot)
    assert isinstance(again, ParametersSnapshot)
    assert data.dataset.name == "digits"
    assert (first.run, first.epoch, first.head) == (2, 20, "logits")
    assert (again.run, again.epoch, again.head) == (1, 20, "sigmoid")
    assert np.array_equal(first.weight, load_file(directory / "model-2.safetensors")["weight"])


def test_a_run_that_no_checkpoint_has_shows_nothing(directory: Path) -> None:
    saved_model = SavedModel(directory, read_config(directory))
    assert [type(event) for event in saved_model.read(3)] == [DatasetLoaded]


def test_a_damaged_checkpoint_shows_nothing(directory: Path) -> None:
    (directory / "checkpoint.pt").write_bytes(b"not a checkpoint")
    assert [type(event) for event in SavedModel(directory, read_config(directory)).read(1)] == [DatasetLoaded]


def test_other_data_than_those_that_were_trained_on_are_not_shown(directory: Path) -> None:
    config = directory / "config.json"
    kept = read_config(directory)
    config.write_text(config.read_text().replace(kept.fingerprint, "0" * 64))
    assert [type(event) for event in SavedModel(directory, read_config(directory)).read(1)] == [
        ParametersSnapshot
    ]
