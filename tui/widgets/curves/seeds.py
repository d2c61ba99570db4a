"""Runs that differ only in their seed as one: the mean of their rows, and its band."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from logreg_tui.core.training.history import COLUMNS, Columns, RunHistory


@dataclass(slots=True)
class SeedMean(RunHistory):
    """Several seeds under the number of the first: their means at the epochs that all have logged."""

    seeds: int = 0
    deviations: Columns = field(default_factory=Columns)
    """The standard deviation over n seeds, sqrt(sum((x - mean)^2) / (n - 1)), of each column."""


def fold_seeds(runs: Iterable[RunHistory]) -> tuple[list[RunHistory], dict[int, int]]:
    """Return the runs, those that differ only in their seed as one; and by which number a run is known then.

    A run that diverged or was ended stands alone: a mean over others would leap where it stops.
    """
    groups: dict[Hashable, list[RunHistory]] = {}
    for run in runs:
        if run.last is None or run.status not in ("training", "finished"):
            groups[run.number] = [run]
            continue
        turns = tuple((mark.epoch, mark.detail) for mark in run.marks if mark.is_knob)
        alike = replace(run.settings, seed=0), turns
        # A seed that comes again is a repetition, not another draw.
        turn = 0
        while run.settings.seed in {each.settings.seed for each in groups.get((alike, turn), ())}:
            turn += 1
        groups.setdefault((alike, turn), []).append(run)
    folded = [group[0] if len(group) == 1 else _mean(group) for group in groups.values()]
    known_as = {run.number: group[0].number for group in groups.values() for run in group}
    return folded, known_as


def _mean(runs: list[RunHistory]) -> RunHistory:
    """Return runs as one; the first alone if they have no epoch in common."""
    # The first frame of the app does not wait for it, and the legend knows these runs.
    import numpy as np

    first = runs[0]
    epochs = first.columns.read("epoch")[0]
    for run in runs[1:]:
        epochs = np.intersect1d(epochs, run.columns.read("epoch")[0])
    if not len(epochs) or first.last is None:
        return first
    # Shape (seeds, columns, epochs).
    columns = [np.stack(run.columns.read(*COLUMNS)) for run in runs]
    rows = np.stack([each[:, np.searchsorted(each[0], epochs)] for each in columns])
    mean, deviation = rows.mean(0), rows.std(0, ddof=1)
    newest: dict[str, Any] = {name: float(mean[at, -1]) for at, name in enumerate(COLUMNS) if name != "epoch"}
    known = {each.name: getattr(first, each.name) for each in fields(RunHistory)}
    known |= {
        "status": "training" if any(run.is_training for run in runs) else first.status,
        "columns": Columns.of(mean),
        "last": replace(first.last, epoch=int(epochs[-1]), **newest),
    }
    return SeedMean(**known, seeds=len(runs), deviations=Columns.of(deviation))
