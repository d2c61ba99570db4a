"""Runs as a grid of two settings, such as the learning rate across and lambda down: no widget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

from logreg_tui.core.analysis.compared_runs import ComparedRun, RunKey
from logreg_tui.core.analysis.comparison import ComparisonRow, rows_of
from logreg_tui.core.analysis.comparison_columns import COLUMNS
from logreg_tui.core.analysis.diagnostics import DIVERGED

SETTINGS = ("learning_rate", "l2", "optimizer", "head", "schedule", "pixels")
"""Settings that may be an axis; of two the one that stands first goes across."""
LATEST, BEST = "test_accuracy", "best_test_accuracy"
"""The figures that a grid may be of."""


class Axes(NamedTuple):
    """The two settings of a grid, by the names of COLUMNS."""

    across: str
    down: str


@dataclass(frozen=True, slots=True)
class GridCell:
    """The runs of a place of the grid: of one seed or several, and the best of what else differs."""

    runs: tuple[ComparedRun, ...]
    """Those that `value` is of, which differ in their seed alone; the best of them first."""
    value: float | None
    """Mean over the runs that have a row and have not diverged; over those that have if all diverged."""
    count: int
    """The number of runs of the mean."""
    diverged: int
    keys: tuple[RunKey, ...]
    """All runs of the place, also those whose other settings are not its best."""

    @property
    def others(self) -> int:
        """The number of runs of the place that `value` says nothing of."""
        return len(self.keys) - len(self.runs)

    @property
    def has_only_diverged(self) -> bool:
        """True if no run of the cell is sound."""
        return self.diverged == len(self.runs)


@dataclass(frozen=True, slots=True)
class RunGrid:
    """The cells of two settings, where there are runs."""

    axes: Axes
    metric: str
    across: tuple[Any, ...]
    """The values of the setting across, rising or in the order of the runs."""
    down: tuple[Any, ...]
    cells: dict[tuple[int, int], GridCell]
    """By place: down, across."""
    averages_seeds: bool
    takes_best: bool
    """True if other settings than these two and the seed differ: a cell is the best of them."""

    @property
    def best(self) -> tuple[int, int] | None:
        """The place of the highest value of what has not diverged; the first one of several."""
        sound = {
            place: cell.value
            for place, cell in self.cells.items()
            if cell.value is not None and not cell.has_only_diverged
        }
        return max(sound, key=lambda place: (sound[place], [-at for at in place])) if sound else None

    def place_of(self, key: object) -> tuple[int, int] | None:
        """Return the place of a run; None if it is none of the grid's."""
        return next((place for place, cell in self.cells.items() if key in cell.keys), None)


def axes_of(runs: Sequence[ComparedRun]) -> list[Axes]:
    """Return the pairs of settings that these runs span, the pair with the most cells first."""
    counts = {name: len({run.value(name) for run in runs}) for name in SETTINGS}
    varying = [name for name in SETTINGS if counts[name] > 1]
    pairs = [Axes(*pair) for pair in combinations(varying, 2)]
    # Two settings that change together, one value each, are a line and no grid.
    pairs = [pair for pair in pairs if _spans(runs, pair)]
    return sorted(pairs, key=lambda pair: -counts[pair.across] * counts[pair.down])


def _spans(runs: Iterable[ComparedRun], axes: Axes) -> bool:
    """Return whether some value of each setting goes with several of the other."""
    places = {(run.value(axes.across), run.value(axes.down)) for run in runs}
    return all(len({place[at] for place in places}) < len(places) for at in (0, 1))


def grid_of(runs: Sequence[ComparedRun], axes: Axes, metric: str = LATEST) -> RunGrid:
    """Return the runs by two settings; runs that differ in their seed alone share the mean of a cell."""
    across, down = (_values(runs, name) for name in axes)
    places: dict[tuple[int, int], list[ComparisonRow]] = {}
    for row in rows_of(runs, folds_seeds=True, ignores_state=True):
        place = down.index(row.first.value(axes.down)), across.index(row.first.value(axes.across))
        places.setdefault(place, []).append(row)
    cells = {place: _cell(rows, metric) for place, rows in sorted(places.items())}
    return RunGrid(
        axes,
        metric,
        across,
        down,
        cells,
        averages_seeds=any(len(cell.runs) > 1 for cell in cells.values()),
        takes_best=any(cell.others for cell in cells.values()),
    )


def _values(runs: Iterable[ComparedRun], name: str) -> tuple[Any, ...]:
    values = list(dict.fromkeys(run.value(name) for run in runs))
    return tuple(values if COLUMNS[name].is_text else sorted(values))


def _cell(rows: Sequence[ComparisonRow], metric: str) -> GridCell:
    """Return the cell of rows that share both settings: the best of them."""
    candidates = [_mean(row, metric) for row in rows]
    first = max(
        candidates, key=lambda cell: (not cell.has_only_diverged, -1 if cell.value is None else cell.value)
    )
    return replace(first, keys=tuple(key for row in rows for key in row.keys))


def _mean(row: ComparisonRow, metric: str) -> GridCell:
    diverged = [run for run in row.runs if run.state == DIVERGED]
    sound = [run for run in row.runs if run.state != DIVERGED] or diverged
    values = [value for run in sound if (value := run.value(metric)) is not None]
    mean = values[0] + sum(value - values[0] for value in values) / len(values) if values else None
    # The one to be selected: a sound one before one that has diverged.
    ordered = sorted(row.runs, key=lambda run: (run.state == DIVERGED, -(run.value(metric) or 0)))
    return GridCell(tuple(ordered), mean, len(values), len(diverged), row.keys)


def value_text(name: str, value: object) -> str:
    """Return a value of a setting as the axis shows it."""
    return COLUMNS[name].text(value)
