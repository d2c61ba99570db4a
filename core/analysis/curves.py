"""The curves of runs as numbers to draw: labels of the runs, breaks of the lines, limits of the axes.

Reads experiment directories and trusts nothing in them; draws nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from logreg_tui.core.analysis.compared_runs import Origin, origin_of, read_history
from logreg_tui.core.analysis.drawn_metrics import CEILING, LARGEST, LOSS, METRIC_COLUMNS
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.experiment.listing import Skip, each_readable
from logreg_tui.core.files import different_folders
from logreg_tui.core.heads import SIGMOID, loss_floor
from logreg_tui.core.text import escape_control_chars
from logreg_tui.core.training.history import Mark, RunHistory

FLAT = 20.0
"""A curve is flat on a linear axis if half of it lies that many times below the highest loss."""
BUCKETS = 2000
"""Intervals of epochs that can be told apart in a figure."""
LONGEST_NAME = 48


@dataclass(frozen=True, slots=True)
class Curve:
    """The rows of one run, float64, shape (rows,) each."""

    label: str
    """The name of the run among those that are drawn with it."""
    epochs: np.ndarray
    train: np.ndarray
    test: np.ndarray
    head: str
    """As it is now."""
    marks: tuple[Mark, ...]
    classes: int

    @property
    def diverged_at(self) -> int | None:
        """The epoch at which something stopped being finite."""
        return next((mark.epoch for mark in self.marks if mark.is_divergence), None)

    @property
    def named_marks(self) -> tuple[Mark, ...]:
        """The marks of knobs that were turned, and of the goal that ended the run."""
        return tuple(mark for mark in self.marks if not mark.is_divergence)

    @property
    def floor(self) -> float | None:
        """The loss that the run could not get below while its head was a sigmoid."""
        had_sigmoid = self.head == SIGMOID or any(mark.breaks_line for mark in self.marks)
        return loss_floor(self.classes) if had_sigmoid else None

    def line(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return epochs and values of `train` or `test` with a NaN at each interruption of the line.

        It is interrupted if a value is not finite, and after the head was switched. Of many rows those
        are left out that cannot be seen.
        """
        finite = np.where(np.abs(values) <= LARGEST, values, np.nan)
        breaks = sorted(mark.epoch for mark in self.marks if mark.breaks_line)
        at = np.searchsorted(self.epochs, breaks, side="right")
        return _thinned(np.insert(self.epochs, at, np.nan), np.insert(finite, at, np.nan))

    def place(self, epoch: float) -> tuple[float, float] | None:
        """Return epoch and train value of the last drawn row up to an epoch; None if there is none."""
        drawn = np.flatnonzero((self.epochs <= epoch) & (np.abs(self.train) <= LARGEST))
        return (float(self.epochs[drawn[-1]]), float(self.train[drawn[-1]])) if len(drawn) else None


def _thinned(epochs: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the lowest and the highest value of each of BUCKETS intervals, and a NaN of each gap."""
    if len(epochs) <= 2 * BUCKETS:
        return epochs, values
    bucket, is_gap = np.floor(epochs / np.nanmax(epochs) * BUCKETS), np.isnan(values)
    is_new = (bucket[1:] != bucket[:-1]) | (is_gap[1:] != is_gap[:-1])
    group = np.concatenate(([0], np.cumsum(is_new)))
    ascending = np.lexsort((values, group))
    first = np.flatnonzero(np.diff(group, prepend=-1))
    kept = np.union1d(ascending[first], ascending[np.append(first[1:] - 1, len(group) - 1)])
    return epochs[kept], values[kept]


class NamedRun(NamedTuple):
    """A run that has rows, and its name among those that are drawn with it."""

    label: str
    run: RunHistory
    classes: int

    def curve(self, metric: str) -> Curve:
        """Return its rows; `metric` is LOSS or ACCURACY."""
        epochs, train, test = self.run.columns.read("epoch", *METRIC_COLUMNS[metric])
        return Curve(self.label, epochs, train, test, self.run.settings.head, self.run.marks, self.classes)


def read_curves(directories: Sequence[Path], metric: str = LOSS, skip: Skip | None = None) -> list[Curve]:
    """Return the curves of all runs of these experiments; `metric` is LOSS or ACCURACY.

    Raises UserError if a directory is no experiment, is damaged, or has no rows yet; with `skip` such a one
    is left out if others are left.
    """
    return [named.curve(metric) for named in read_named_runs(directories, skip)]


def read_named_runs(directories: Sequence[Path], skip: Skip | None = None) -> list[NamedRun]:
    """Return all runs of these experiments that have rows, each experiment once. Raises UserError."""
    experiments = each_readable(different_folders(directories), _read_runs, skip)
    found = [run for _, runs in experiments for run in runs]
    labels = _labels([(origin, run) for origin, run, _ in found])
    return [NamedRun(label, run, classes) for label, (_, run, classes) in zip(labels, found, strict=True)]


def _read_runs(directory: Path) -> list[tuple[Origin, RunHistory, int]]:
    origin, classes = origin_of(directory), read_config(directory).classes
    runs = [run for run in read_history(directory).runs.values() if len(run.columns)]
    if not runs:
        raise UserError(f"{str(directory)!r} has no rows yet: let it train first")
    return [(origin, run, classes) for run in runs]


def _labels(runs: Sequence[tuple[Origin, RunHistory]]) -> list[str]:
    """Name each run by its head, by what else of its settings is not the same in all, and by no more
    of its origin than it takes."""
    words = [_words(*each) for each in runs]
    differing = [name for name in words[0] if len({each[name] for each in words}) > 1]
    labels = [", ".join(each[name] for name in dict.fromkeys(["head", *differing])) for each in words]
    for details in (
        [_shortened(origin.experiment) for origin, _ in runs],
        [f"run {run.number}" for _, run in runs],
        [f"no. {at}" for at in range(1, len(runs) + 1)],
    ):
        labels = _told_apart(labels, details)
    return labels


def _words(origin: Origin, run: RunHistory) -> dict[str, str]:
    settings = run.settings
    return {
        "head": settings.head,
        "l2": f"λ {settings.l2:g}",
        "learning_rate": f"lr {settings.learning_rate:g}",
        "optimizer": str(settings.optimizer),
        "schedule": str(settings.schedule),
        "seed": f"seed {settings.seed}",
        "dataset": _shortened(escape_control_chars(origin.dataset)),
        "pixels": f"{origin.pixels} pixels",
    }


def _shortened(name: str) -> str:
    kept = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: kept - 1]}…{name[-kept:]}"


def _told_apart(labels: Sequence[str], details: Sequence[str]) -> list[str]:
    """Add its detail to every label that others have too, unless theirs is the same."""
    alike = defaultdict(set)
    for label, detail in zip(labels, details, strict=True):
        alike[label].add(detail)
    return [
        f"{label}, {detail}" if len(alike[label]) > 1 else label
        for label, detail in zip(labels, details, strict=True)
    ]


def limits(curves: Iterable[Curve]) -> tuple[float, float]:
    """Return the lowest and the highest value to be seen; (0, 1) if there is none."""
    curves = list(curves)
    firsts = [each for curve in curves if curve.diverged_at is None for each in _finite(curve)[:1]]
    # Accuracies reach 1 from any beginning.
    most = max(1.0, CEILING * max(firsts)) if firsts else LARGEST
    drawn = np.empty(0)
    for curve in curves:
        values = _finite(curve)
        drawn = np.append(drawn, values[values <= (LARGEST if curve.diverged_at is None else most)])
    return (float(drawn.min()), float(drawn.max())) if len(drawn) else (0.0, 1.0)


def needs_log(curves: Iterable[Curve]) -> bool:
    """Return True if a linear axis would show one of the curves as a flat line at the bottom."""
    return presses_flat(_finite(curve) for curve in curves if curve.diverged_at is None)


def presses_flat(curves: Iterable[np.ndarray]) -> bool:
    """Return True if a linear axis would show one of these curves as a flat line at the bottom.

    Each holds the values of a curve that can be drawn, in any order: shape (values,).
    """
    values = [each for each in curves if len(each)]
    if not values or min(float(each.min()) for each in values) <= 0:
        return False
    top = max(float(each.max()) for each in values)
    # Of a thousand values the median says as much as of a million.
    return top > FLAT * min(float(np.median(each[:: 1 + len(each) // 1000])) for each in values)


def _finite(curve: Curve) -> np.ndarray:
    """Return the values that can be drawn, the first row's first."""
    values = np.stack((curve.train, curve.test), axis=1).reshape(-1)
    kept: np.ndarray = values[np.abs(values) <= LARGEST]
    return kept
