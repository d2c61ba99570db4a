"""The experiments of a report, as their directories have them, each read once.

Directories may come from strangers: values that do not fit together are refused, or are None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from logreg_tui.core.analysis.compared_runs import ComparedRun, RunReader, origin_of, read_history
from logreg_tui.core.analysis.diagnostics import DIVERGED
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import ExperimentConfig, read_config
from logreg_tui.core.experiment.listing import Skip, each_readable
from logreg_tui.core.experiment.saved_model import saved_parameters
from logreg_tui.core.files import different_folders
from logreg_tui.core.training.events import RowLogged
from logreg_tui.core.training.history import History, RunHistory

if TYPE_CHECKING:
    from logreg_tui.core.training.snapshots import ParametersSnapshot


@dataclass(frozen=True, slots=True)
class ReportedExperiment:
    """An experiment that is reported on."""

    directory: Path
    """As it was named."""
    letter: str
    """Tells it from the others of the report; empty if it is the only one."""
    config: ExperimentConfig


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run with all that the report tells of it."""

    experiment: ReportedExperiment
    compared: ComparedRun
    history: RunHistory
    rows: tuple[RowLogged, ...]
    """One for each report point."""
    parameters: ParametersSnapshot | None
    """The newest that are kept; None if they cannot be read."""

    @property
    def label(self) -> str:
        """The run's number, behind the letter of its experiment."""
        return f"{self.experiment.letter}{self.compared.run}"

    @property
    def name(self) -> str:
        """Its name in the text."""
        return f"run {self.label}"

    @property
    def has_figures(self) -> bool:
        """True if there is a row in which everything is finite."""
        return self.compared.epochs is not None


def read_experiments(directories: Sequence[Path], skip: Skip | None = None) -> list[list[ReportedRun]]:
    """Return the runs of experiments, in a list for each data they are tested on.

    Raises UserError if a directory is no experiment or damaged, which with `skip` is left out if there are
    others, or if nothing has been logged in any.
    """
    read = list(each_readable(different_folders(directories), _read, skip))
    letters = _letters(len(read)) if len(read) > 1 else [""]
    groups: dict[str, list[ReportedRun]] = {}
    for (directory, found), letter in zip(read, letters, strict=True):
        for run in _reported(directory, letter, *found):
            groups.setdefault(run.compared.origin.data, []).append(run)
    if not any(run.has_figures for group in groups.values() for run in group):
        raise UserError(f"{str(directories[0])!r} has no rows yet: let it train before it is reported on")
    return list(groups.values())


def _letters(count: int) -> list[str]:
    """Return A to Z, AA, AB and so on."""
    letters = [""]
    for at in range(count):
        # Base 26 without a zero: each name is an earlier one with a letter behind it.
        letters.append(letters[at // 26] + chr(ord("A") + at % 26))
    return letters[1:]


def _read(directory: Path) -> tuple[ExperimentConfig, History]:
    return read_config(directory), read_history(directory)


def _reported(directory: Path, letter: str, config: ExperimentConfig, history: History) -> list[ReportedRun]:
    experiment = ReportedExperiment(directory, letter, config)
    parameters = saved_parameters(directory)
    return [
        ReportedRun(
            experiment,
            compared,
            history.runs[compared.run],
            tuple(_report_rows(history, compared.run)),
            _checked(parameters.get(compared.run), experiment.config, compared),
        )
        for compared in RunReader(origin_of(directory)).read(history)
    ]


def _report_rows(history: History, number: int) -> list[RowLogged]:
    rows = [row for row in history.reports if row.run == number]
    last = history.runs[number].last
    return rows if last is None or (rows and rows[-1].epoch == last.epoch) else [*rows, last]


def _checked(
    parameters: ParametersSnapshot | None, config: ExperimentConfig, compared: ComparedRun
) -> ParametersSnapshot | None:
    """Return the parameters, None unless they are of the data's shape and finite float32 throughout."""
    if parameters is None:
        return None
    weight, bias = parameters.weight, parameters.bias
    if (weight.shape, bias.shape) != ((config.classes, config.features), (config.classes,)):
        return None
    if not all(values.dtype == np.float32 and np.isfinite(values).all() for values in (weight, bias)):
        return None
    # A run that diverged keeps the parameters of its last sound row, under the epoch of the row after.
    if compared.state == DIVERGED and compared.epochs is not None:
        return replace(parameters, epoch=compared.epochs)
    return parameters
