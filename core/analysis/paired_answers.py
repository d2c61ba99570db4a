"""Test samples that runs classify right, counted for pairs of runs: what paired intervals need.

Only runs that rest have pairs: while one trains its newest parameters are not those of its newest row.
Reading a checkpoint imports torch, which takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.compared_runs import ComparedRun, RunKey
from logreg_tui.core.analysis.comparison import ContingencyTable, share_a_test_set
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import ExperimentConfig, read_config
from logreg_tui.core.training.snapshots import ParametersSnapshot

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.data.dataset import Dataset

MOST_SAMPLES = 200_000
"""Test sets beyond that are left unpaired: going through them would take too long."""
TOLERANCE = 0.001
"""Share of samples by which the accuracy found here may differ from the row's: rounding decides ties."""

RunAtEpoch = tuple[int, int]
"""A run's number, and the epoch of its parameters."""
RightAnswers = dict[RunAtEpoch, "np.ndarray | None"]
"""Arrays of shape (test samples,), bool; None if they cannot be had."""


def pairs_of(runs: Sequence[ComparedRun], pinned: ComparedRun) -> dict[RunKey, ContingencyTable]:
    """Return contingency tables of each run and, as the second, the pinned one, from their directories.

    Runs whose table cannot be had are left out: on another test set, still training, with parameters
    that are not those of the newest row, or whose data are not on this machine.
    """
    others = [
        run
        for run in runs
        if run.key != pinned.key and _rests(run) and share_a_test_set(run.origin, pinned.origin)
    ]
    if not others or not _rests(pinned):
        return {}
    answers = _SavedAnswers()
    reference = answers.of(pinned)
    if reference is None:
        return {}
    # Those of the same pixels one after the other: the data are kept that were read last.
    others.sort(key=lambda run: (run.origin.pixels != pinned.origin.pixels, run.origin.pixels, run.key))
    return _tables({run.key: answers.of(run) for run in others}, reference)


def contingency_table(first: np.ndarray, second: np.ndarray) -> ContingencyTable:
    """Count the samples that both get right, and so on; shapes (test samples,), bool."""
    both, one, other = int((first & second).sum()), int(first.sum()), int(second.sum())
    return ContingencyTable(both, one - both, other - both, len(first) - one - other + both)


def _tables(right: Mapping[RunKey, np.ndarray | None], second: np.ndarray) -> dict[RunKey, ContingencyTable]:
    return {key: contingency_table(first, second) for key, first in right.items() if first is not None}


def _rests(run: ComparedRun) -> bool:
    """Return whether the newest parameters may be those of the newest row, of a test set not too large."""
    return run.epochs is not None and run.state != "training" and run.origin.test_samples <= MOST_SAMPLES


def _agrees(right: np.ndarray | None, run: ComparedRun) -> bool:
    """Return whether right answers, shape (test samples,), come to the accuracy of the run's newest row."""
    if right is None or run.test_accuracy is None:
        return False
    return abs(float(right.mean()) - run.test_accuracy) <= TOLERANCE


def _right_answers(parameters: ParametersSnapshot, dataset: Dataset) -> np.ndarray | None:
    import numpy as np

    from logreg_tui.core.analysis.inspection import predict_classes

    try:
        # What overflows answers wrong, which `_agrees` finds out.
        with np.errstate(all="ignore"):
            predicted = predict_classes(parameters, dataset.test_inputs)
    except UserError:
        return None
    return np.asarray(predicted == dataset.test_labels)


class _SavedAnswers:
    """Right answers by checkpoints; keeps config, checkpoint and data that were read last."""

    def __init__(self) -> None:
        self._config: tuple[str, ExperimentConfig | None] = "", None
        self._checkpoint: tuple[str, Mapping[int, ParametersSnapshot]] = "", {}
        self._data: tuple[object, Dataset | None] = None, None

    def of(self, run: ComparedRun) -> np.ndarray | None:
        """Return right answers, shape (test samples,), bool; None if they are not to be had."""
        from logreg_tui.core.experiment.saved_model import data_at_hand, logged_parameters

        directory = run.origin.directory
        if self._config[0] != directory:
            # Once for all runs of an experiment: it has the settings of each of them.
            self._config = directory, None
            with suppress(UserError):
                self._config = directory, read_config(Path(directory))
        config = self._config[1]
        if config is None:
            return None
        settings = config.settings
        source = config.fingerprint, settings.dataset, settings.data_dir, settings.pixels, settings.file
        if self._data[0] != source:
            # Forgotten first: two datasets may be more than there is room for.
            self._data = None, None
            self._data = source, data_at_hand(config)
        dataset = self._data[1]
        # Without the data torch is not needed.
        if dataset is None:
            return None
        if self._checkpoint[0] != directory:
            self._checkpoint = directory, logged_parameters(Path(directory))
        parameters = self._checkpoint[1].get(run.run)
        if parameters is None or parameters.epoch != run.epochs:
            return None
        # They come from a file: are they those of a model of these data?
        shapes = (dataset.classes, dataset.test_inputs.shape[1]), (dataset.classes,)
        if (parameters.weight.shape, parameters.bias.shape) != shapes:
            return None
        right = _right_answers(parameters, dataset)
        return right if _agrees(right, run) else None


class LiveAnswers:
    """Right answers of the runs of an experiment that trains, asked for once a run rests."""

    def __init__(self) -> None:
        self._right: RightAnswers = {}
        self._asked: set[RunAtEpoch] = set()

    def wanted(
        self, runs: Iterable[ComparedRun], pinned: int, snapshots: Mapping[int, ParametersSnapshot]
    ) -> tuple[list[int], list[ParametersSnapshot]]:
        """Return what is missing for paired intervals, if the pinned run and others rest.

        These are runs whose parameters have to be asked for, each once, and snapshots for
        `find_right_answers`.
        """
        unknown, unanswered = [], []
        resting = {run.run: run.epochs for run in runs if _rests(run) and run.epochs is not None}
        for moment in resting.items() if pinned in resting else ():
            run, epoch = moment
            if moment in self._right:
                continue
            snapshot = snapshots.get(run)
            if snapshot is not None and snapshot.epoch == epoch:
                unanswered.append(snapshot)
            elif moment not in self._asked:
                self._asked.add(moment)
                unknown.append(run)
        return unknown, unanswered

    def add(self, found: RightAnswers) -> None:
        """Take in what `find_right_answers` found."""
        self._right.update(found)

    def pairs(self, runs: Iterable[ComparedRun], pinned: int | None) -> dict[RunKey, ContingencyTable]:
        """Return contingency tables, as far as known, of each run and, as the second, the pinned one."""
        right: dict[RunKey, np.ndarray | None] = {}
        reference = None
        for run in runs:
            answers = None if run.epochs is None else self._right.get((run.run, run.epochs))
            right[run.key] = answers if _agrees(answers, run) else None
            if run.run == pinned:
                reference = right[run.key]
        return {} if reference is None else _tables(right, reference)


def find_right_answers(snapshots: Iterable[ParametersSnapshot], dataset: Dataset) -> RightAnswers:
    """Return which test samples each snapshot classifies right; takes long enough for a thread of its own."""
    return {(each.run, each.epoch): _right_answers(each, dataset) for each in snapshots}
