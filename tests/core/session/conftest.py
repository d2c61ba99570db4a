"""An experiment that was killed, to be damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.experiments import checkpoints_after_every_row

from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.requests import Control


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment that was killed at step 20 of 40."""
    settings = ExperimentSettings(
        runs=(RunSettings(), RunSettings("logits")),
        dataset="digits",
        device="cpu",
        epochs=40,
        report_every=10,
        runs_dir=str(tmp_path_factory.mktemp("left")),
    )
    happenings = run_experiment(settings, Control(), print)
    with checkpoints_after_every_row():
        for event in happenings:
            if isinstance(event, events.Progressed) and event.step == 20:
                break
        happenings.close()
    (directory,) = Path(settings.runs_dir).iterdir()
    return directory


@pytest.fixture
def experiment(tmp_path: Path, left: Path) -> Path:
    """A copy of it to be damaged."""
    return shutil.copytree(left, tmp_path / "runs" / "experiment")
