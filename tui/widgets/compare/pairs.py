"""Which test samples each run gets right, for paired intervals: asked for once a run rests.

While a run trains its newest parameters are not those of its newest row, so it has no pairs then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from logreg_tui.core.analysis.compared_runs import ComparedRun, RunKey
from logreg_tui.core.analysis.comparison import ContingencyTable
from logreg_tui.core.analysis.paired_answers import agrees, overlap, rests

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.training.snapshots import ParametersSnapshot


class _Moment(NamedTuple):
    """A run and the epoch at which it is looked at."""

    run: int
    epoch: int


@dataclass
class Wanted:
    """What is missing for the intervals to be paired."""

    parameters: list[int] = field(default_factory=list)
    """Runs whose parameters have to be asked for."""
    shown: list[ParametersSnapshot] = field(default_factory=list)
    """Parameters whose predictions have to be made."""


class Predictions:
    """Remembers which test samples the runs of one experiment get right."""

    def __init__(self) -> None:
        self._right: dict[_Moment, np.ndarray] = {}
        self._asked: set[_Moment] = set()

    def missing(
        self, runs: Iterable[ComparedRun], pinned: int, shown: Mapping[int, ParametersSnapshot]
    ) -> Wanted:
        """Return what is to be had where the pinned run and others rest; nothing is asked for twice."""
        wanted = Wanted()
        resting = {
            run.run: _Moment(run.run, run.epochs) for run in runs if rests(run) and run.epochs is not None
        }
        if pinned not in resting:
            return wanted
        for moment in resting.values():
            parameters = shown.get(moment.run)
            is_there = parameters is not None and parameters.epoch == moment.epoch
            if moment in self._right:
                continue
            if parameters is not None and is_there:
                wanted.shown.append(parameters)
            elif moment not in self._asked:
                self._asked.add(moment)
                wanted.parameters.append(moment.run)
        return wanted

    def work(
        self, shown: Sequence[ParametersSnapshot], dataset: Dataset
    ) -> Callable[[], dict[_Moment, np.ndarray]]:
        """Return work for another thread that finds out which samples are right, shape (test samples,)."""

        def find() -> dict[_Moment, np.ndarray]:
            from logreg_tui.core.analysis.inspection import inspect_mistakes

            found = {}
            for parameters in shown:
                mistakes = inspect_mistakes(parameters, dataset.test_inputs, dataset.test_labels)
                found[_Moment(parameters.run, parameters.epoch)] = mistakes.predicted == mistakes.labels
            return found

        return find

    def take(self, found: object) -> None:
        """Take in what `work` found."""
        assert isinstance(found, dict)
        self._right.update(found)

    def pairs(self, runs: Sequence[ComparedRun], pinned: int | None) -> dict[RunKey, ContingencyTable]:
        """Return how the right answers of each run and of the pinned one overlap, where it is known."""
        right = {run.run: self._right_of(run) for run in runs}
        reference = None if pinned is None else right.get(pinned)
        if reference is None:
            return {}
        found = {}
        for run in runs:
            own = right[run.run]
            if own is not None:
                found[run.key] = overlap(own, reference)
        return found

    def _right_of(self, run: ComparedRun) -> np.ndarray | None:
        """Return what is known of the run's newest row."""
        if run.epochs is None:
            return None
        right = self._right.get(_Moment(run.run, run.epochs))
        return right if right is not None and agrees(right, run) else None
