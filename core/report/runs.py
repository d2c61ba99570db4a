"""What the report is written from: experiments as their directories have them, each read once.

Directories may come from strangers: what does not fit together is refused, or is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.compared_runs import ComparedRun, RunReader, origin_of, read_history
from logreg_tui.core.analysis.diagnostics import DIVERGED
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import ExperimentConfig, read_config
from logreg_tui.core.experiment.listing import summarize
from logreg_tui.core.experiment.saved_model import saved_parameters
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.training.events import RowLogged
from logreg_tui.core.training.history import History, RunHistory

if TYPE_CHECKING:
    from logreg_tui.core.training.snapshots import ParametersSnapshot

_VERSIONS = ("logreg-tui", "torch", "numpy", "python")


@dataclass(frozen=True, slots=True)
class Setup:
    """An experiment as its config.json describes it."""

    directory: Path
    """As it was named."""
    letter: str
    """Tells it from the others of the report; empty where it is the only one."""
    config: ExperimentConfig
    dataset: str
    train_samples: int
    test_samples: int
    features: int
    classes: int
    image_shape: tuple[int, int] | None
    """Rows and columns where the features of a sample form an image."""
    started: str
    """In words, UTC."""
    device: str
    versions: tuple[str, ...]

    @property
    def settings(self) -> ExperimentSettings:
        """As the experiment was started."""
        return self.config.settings


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run with all that the report tells of it."""

    setup: Setup
    compared: ComparedRun
    history: RunHistory
    rows: tuple[RowLogged, ...]
    """One for each report point."""
    parameters: ParametersSnapshot | None
    """The newest that are kept; None where they cannot be read."""

    @property
    def label(self) -> str:
        """The run's number, behind the letter of its experiment."""
        return f"{self.setup.letter}{self.compared.run}"

    @property
    def name(self) -> str:
        """How the text calls it."""
        return f"run {self.label}"

    @property
    def has_figures(self) -> bool:
        """Whether there is a row in which everything is finite."""
        return self.compared.epochs is not None


def read_experiments(directories: Sequence[Path]) -> list[list[ReportedRun]]:
    """Return the runs of experiments, in a list for each data they are tested on.

    Raises UserError where a directory is none, or damaged, or nothing has been logged in any.
    """
    unique = list({directory.resolve(): directory for directory in reversed(directories)}.values())[::-1]
    letters = _letters(len(unique)) if len(unique) > 1 else [""]
    groups: dict[str, list[ReportedRun]] = {}
    for directory, letter in zip(unique, letters, strict=True):
        for run in _read(directory, letter):
            groups.setdefault(run.compared.origin.data, []).append(run)
    if not any(run.has_figures for group in groups.values() for run in group):
        raise UserError(f"{str(directories[0])!r} has no rows yet: let it train before it is reported on")
    return list(groups.values())


def setups_of(runs: Iterable[ReportedRun]) -> list[Setup]:
    """Return the experiments of runs, each once."""
    return list({run.setup.directory: run.setup for run in runs}.values())


def _letters(count: int) -> list[str]:
    """Return A to Z, AA, AB and so on."""
    letters = [""]
    for at in range(count):
        # Base 26 without a zero: each name is an earlier one with a letter behind it.
        letters.append(letters[at // 26] + chr(ord("A") + at % 26))
    return letters[1:]


def _read(directory: Path, letter: str) -> list[ReportedRun]:
    setup, history = _setup(directory, letter), _history_of(directory)
    parameters = saved_parameters(directory)
    return [
        ReportedRun(
            setup,
            compared,
            history.runs[compared.run],
            _report_rows(history, compared.run),
            _fitting(parameters.get(compared.run), setup, compared),
        )
        for compared in RunReader(origin_of(directory)).read(history)
    ]


def _history_of(directory: Path) -> History:
    history = read_history(directory)
    history.state = summarize(directory).state
    return history


def _report_rows(history: History, number: int) -> tuple[RowLogged, ...]:
    rows = [row for row in history.reports if row.run == number]
    last = history.runs[number].last
    if last is not None and (not rows or rows[-1].epoch != last.epoch):
        rows.append(last)
    return tuple(rows)


def _fitting(
    parameters: ParametersSnapshot | None, setup: Setup, compared: ComparedRun
) -> ParametersSnapshot | None:
    """Return parameters that are of the data's shape, and numbers throughout."""
    import numpy as np

    if parameters is None:
        return None
    weight, bias = parameters.weight, parameters.bias
    fits = weight.shape == (setup.classes, setup.features) and bias.shape == (setup.classes,)
    is_sound = fits and weight.dtype == bias.dtype == np.float32 and bool(np.isfinite(weight).all())
    if not is_sound or not np.isfinite(bias).all():
        return None
    # A run that diverged keeps the parameters of its last sound row, under the epoch of the row after.
    if compared.state == DIVERGED and compared.epochs is not None:
        return replace(parameters, epoch=compared.epochs)
    return parameters


def _setup(directory: Path, letter: str) -> Setup:
    config = read_config(directory)
    return Setup(
        directory,
        letter,
        config,
        config.dataset,
        config.train_samples,
        config.test_samples,
        config.features,
        config.classes,
        config.image_shape,
        "unknown" if config.started is None else f"{config.started:%Y-%m-%d %H:%M} UTC",
        config.device,
        tuple(f"{name} {config.versions[name]}" for name in _VERSIONS if name in config.versions),
    )
