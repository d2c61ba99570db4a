"""Parameters and data of an experiment as its directory has them, for readers that do not train.

Both are read only if somebody asks for them: the checkpoint needs torch, the data need time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import ExperimentConfig
from logreg_tui.core.experiment.directory import CHECKPOINT
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.snapshots import DatasetLoaded, ParametersSnapshot

if TYPE_CHECKING:
    from logreg_tui.core.data.dataset import Dataset


class SavedModel:
    """The model of an experiment that another process trains, read from its files when it is asked for."""

    def __init__(self, directory: Path, config: ExperimentConfig) -> None:
        self._directory = directory
        self._config = config
        self._has_looked_for_data = False

    def read(self, run: int) -> Iterator[Event]:
        """Yield the data, once and if they are on this machine, and the run's newest saved parameters.

        A checkpoint that cannot be read, or does not have the run yet, yields nothing.
        """
        if not self._has_looked_for_data:
            self._has_looked_for_data = True
            dataset = data_at_hand(self._config)
            if dataset is not None:
                yield DatasetLoaded(0, dataset)
        parameters = saved_parameters(self._directory).get(run)
        if parameters is not None:
            yield parameters


def data_at_hand(config: ExperimentConfig) -> Dataset | None:
    """Return the data of an experiment, None if this machine does not have the very same.

    Nothing is downloaded.
    """
    from logreg_tui.core.data.dataset import data_folder, load_dataset
    from logreg_tui.core.data.mnist_files import FAMILIES

    settings = config.safe_settings
    family = FAMILIES.get(settings.dataset)
    # An experiment names the data it took; a file that says "auto" is not of this program.
    if settings.dataset == "auto":
        return None
    try:
        if family is not None and family.missing(data_folder(settings.data_dir)):
            return None
        dataset = load_dataset(
            settings.dataset,
            settings.data_dir,
            settings.pixels,
            lambda text: None,
            lambda: False,
            file=settings.file,
        )
    except UserError:
        return None
    return dataset if dataset.fingerprint == config.fingerprint else None


def saved_parameters(directory: Path) -> dict[int, ParametersSnapshot]:
    """Return the parameters of the newest checkpoint by run; without those that cannot be read."""
    return _parameters(directory, "")


def logged_parameters(directory: Path) -> dict[int, ParametersSnapshot]:
    """Return, likewise, those of the newest row that the newest checkpoint knows of.

    A training that was stopped has gone on from that row.
    """
    return _parameters(directory, "kept_")


def _parameters(directory: Path, prefix: str) -> dict[int, ParametersSnapshot]:
    """Return the tensors of a checkpoint whose names begin with a prefix; nothing if it cannot be read."""
    from logreg_tui.core.experiment.checkpoint import read_checkpoint

    def snapshot(step: int, run: dict[str, Any]) -> ParametersSnapshot:
        is_newest = not prefix and run["status"] == "training"
        epoch = step - run["joined_at"] if is_newest else run["logged_epoch"]
        weight, bias = run[f"{prefix}weight"].numpy(), run[f"{prefix}bias"].numpy()
        return ParametersSnapshot(step, run["number"], epoch, run["settings"]["head"], weight, bias)

    try:
        record = read_checkpoint(directory / CHECKPOINT)
        return {run["number"]: snapshot(record["step"], run) for run in record["runs"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
