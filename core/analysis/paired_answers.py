"""Which test samples pairs of runs get right, for paired intervals: from the parameters of their directories.

Only runs that rest have pairs: while one trains its newest parameters are not those of its newest row.
Reading a checkpoint imports torch, which takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.compared_runs import ComparedRun, Origin, RunKey
from logreg_tui.core.analysis.comparison import ContingencyTable, share_a_test_set
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.training.snapshots import ParametersSnapshot

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.data.dataset import Dataset

MOST_SAMPLES = 200_000
"""Test sets beyond that are left unpaired: going through them would take too long."""
TOLERANCE = 0.001
"""Share of samples by which the accuracy found here may differ from the row's: rounding decides ties."""


def pairs_of(runs: Sequence[ComparedRun], pinned: ComparedRun) -> dict[RunKey, ContingencyTable]:
    """Return how the right answers of each run and of the pinned one overlap, the pinned being the second.

    Runs of which that cannot be had are left out: on another test set, still training, with parameters
    that are not those of the newest row, or whose data are not on this machine.
    """
    others = [
        run
        for run in runs
        if run.key != pinned.key and rests(run) and share_a_test_set(run.origin, pinned.origin)
    ]
    if not others or not rests(pinned):
        return {}
    answers = _Answers()
    reference = answers.of(pinned)
    if reference is None:
        return {}
    found = {}
    # Those of the same pixels one after the other: the data are kept that were read last.
    for run in sorted(others, key=lambda run: (run.pixels != pinned.pixels, run.pixels, run.key)):
        own = answers.of(run)
        if own is not None:
            found[run.key] = overlap(own, reference)
    return found


def rests(run: ComparedRun) -> bool:
    """Whether a run's newest parameters may be those of its newest row, and its test set is not too large."""
    return run.epochs is not None and run.state != "training" and run.origin.test_samples <= MOST_SAMPLES


def agrees(right: np.ndarray, run: ComparedRun) -> bool:
    """Whether right answers, shape (test samples,), come to the accuracy of the run's newest row."""
    return run.test_accuracy is not None and abs(float(right.mean()) - run.test_accuracy) <= TOLERANCE


def overlap(first: np.ndarray, second: np.ndarray) -> ContingencyTable:
    """Count the samples that both get right, and so on; shapes (test samples,), bool."""
    both, one, other = int((first & second).sum()), int(first.sum()), int(second.sum())
    return ContingencyTable(both, one - both, other - both, len(first) - one - other + both)


class _Answers:
    """Finds which test samples a run gets right; keeps the checkpoint and the data that were read last."""

    def __init__(self) -> None:
        self._directory: str | None = None
        self._parameters: Mapping[int, ParametersSnapshot] = {}
        self._data: tuple[object, Dataset | None] | None = None

    def of(self, run: ComparedRun) -> np.ndarray | None:
        """Return the answers, shape (test samples,), bool; None where they are not to be had."""
        # The data first: where there are none, torch is not needed.
        dataset = self._dataset_of(run.origin)
        if dataset is None:
            return None
        parameters = self._parameters_of(run)
        if parameters is None or parameters.epoch != run.epochs or not _fits(parameters, dataset):
            return None
        right = _right(parameters, dataset)
        return right if right is not None and agrees(right, run) else None

    def _dataset_of(self, origin: Origin) -> Dataset | None:
        from logreg_tui.core.experiment.saved_model import data_at_hand

        try:
            config = read_config(Path(origin.directory))
        except UserError:
            return None
        settings = config.settings
        key = config.fingerprint, settings.dataset, settings.data_dir, settings.pixels
        if self._data is None or self._data[0] != key:
            self._data = None
            self._data = key, data_at_hand(config)
        return self._data[1]

    def _parameters_of(self, run: ComparedRun) -> ParametersSnapshot | None:
        from logreg_tui.core.experiment.saved_model import logged_parameters

        if self._directory != run.origin.directory:
            self._directory = run.origin.directory
            self._parameters = logged_parameters(Path(self._directory))
        return self._parameters.get(run.run)


def _fits(parameters: ParametersSnapshot, dataset: Dataset) -> bool:
    """Whether parameters, which come from a file, are those of a model of these data."""
    shapes = (dataset.classes, dataset.test_inputs.shape[1]), (dataset.classes,)
    return (parameters.weight.shape, parameters.bias.shape) == shapes


def _right(parameters: ParametersSnapshot, dataset: Dataset) -> np.ndarray | None:
    import numpy as np

    from logreg_tui.core.analysis.inspection import inspect_mistakes

    try:
        # What overflows answers wrong, which `agrees` finds out.
        with np.errstate(all="ignore"):
            mistakes = inspect_mistakes(parameters, dataset.test_inputs, dataset.test_labels)
    except UserError:
        return None
    return np.asarray(mistakes.predicted == mistakes.labels)
