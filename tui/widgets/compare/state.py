"""State of the tab that compares runs: the runs, the pinned one, the order, the cursor. No widget."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from logreg_tui.core.analysis.compared_runs import ComparedRun, Origin, RunKey, RunReader, origin_of_history
from logreg_tui.core.analysis.comparison import Comparison, ComparisonRow, Order, compare
from logreg_tui.core.analysis.comparison_columns import best_first, columns_of, run_label
from logreg_tui.core.analysis.paired_answers import LiveAnswers
from logreg_tui.core.training.history import History
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.run_filter import FIGURES, FilteredRun, run_filter
from logreg_tui.tui.widgets.compare.run_grid import BEST, LATEST, RunGrid, axes_of, grid_of


class CompareState:
    """The runs of a training and of experiments that were included, and how they are looked at."""

    def __init__(self) -> None:
        self.order = Order()
        self.folds_seeds = False
        self.included: dict[Path, list[ComparedRun]] = {}
        """Runs of other experiments, by directory, as they were when they were read."""
        self.lets_through = run_filter("")
        """The test of runs that are shown; the pinned one always is."""
        self.verdicts: Mapping[int, str] = {}
        """The kinds of the alarms of the training's runs, by number."""
        self.answers = LiveAnswers()
        self.comparison = Comparison()
        """As `arrange` made it."""
        self.grid: RunGrid | None = None
        """As `arrange` made it; None if the runs do not span two settings."""
        self.metric = LATEST
        """The figure of the grid, LATEST or BEST."""
        self.has_other_axes = False
        """True if there are other two settings for a grid."""
        self._axes_turn = 0
        self.origin: Origin | None = None
        """That of the training; None before it has begun."""
        self.is_empty = True
        """True if there are no runs, not even such as the filter hides."""
        self._reader: RunReader | None = None
        self._live: list[ComparedRun] = []
        self._cursor: RunKey | None = None
        self._pinned_here: int | None = None
        self._pinned_elsewhere: RunKey | None = None

    @property
    def directory(self) -> str:
        """The experiment directory of the training; empty before it has begun."""
        return "" if self.origin is None else self.origin.directory

    def read(self, history: History) -> None:
        """Take the training's runs as they are now."""
        # Again and again until the fingerprint is known: the dataset comes later.
        if self.origin is None or not self.origin.fingerprint:
            origin = origin_of_history(history)
            if origin is not None and origin != self.origin:
                self.origin, self._reader = origin, RunReader(origin)
        if self._reader is not None:
            self._live = self._reader.read(history)
        self.arrange()

    def arrange(self) -> None:
        """Compare the runs anew."""
        runs = [*self._live, *(run for runs in self.included.values() for run in runs)]
        self.is_empty = not runs
        matching = list(filter(self._is_shown, runs))
        axes = axes_of(matching)
        self.grid = grid_of(matching, axes[self._axes_turn % len(axes)], self.metric) if axes else None
        self.has_other_axes = len(axes) > 1
        shown = {id(run) for run in matching}
        runs = [run for run in runs if run.key == self.pinned or id(run) in shown]
        pairs = self.answers.pairs(self._live, self._pinned_here)
        made = compare(runs, self.pinned, pairs, order=self.order, folds_seeds=self.folds_seeds)
        if self.order.column not in columns_of(made.rows):
            self.order = Order()
            made = compare(runs, self.pinned, pairs, order=self.order, folds_seeds=self.folds_seeds)
        self.comparison = made

    def _is_shown(self, run: ComparedRun) -> bool:
        verdict = self.verdicts.get(run.run, "") if run.origin.directory == self.directory else ""
        figures = {name: run.value({"epoch": "epochs"}.get(name, name)) for name in FIGURES}
        return self.lets_through(FilteredRun(run.run, run.settings, run.state, verdict, figures))

    # The cursor

    @property
    def cursor(self) -> int:
        """The index of the row under the cursor; 0 if it is gone."""
        return next((at for at, row in enumerate(self.comparison.rows) if self._cursor in row.keys), 0)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, the nearest there is."""
        rows = self.comparison.rows
        if rows:
            self._cursor = rows[max(0, min(index, len(rows) - 1))].first.key

    def select(self, run: int) -> None:
        """Put the cursor on a run of the training."""
        self._cursor = RunKey(self.directory, run)

    # The grid

    @property
    def place(self) -> tuple[int, int]:
        """The place of the grid under the cursor, down and across; the best one if its run is gone."""
        assert self.grid is not None
        place = self.grid.place_of(self._cursor) or self.grid.best
        return place or next(iter(self.grid.cells))

    def move_in_grid(self, down: int, across: int) -> None:
        """Move the cursor to the next cell in a direction, as far as there are cells."""
        assert self.grid is not None
        row, column = self.place
        steps = {}
        for place in self.grid.cells:
            way = (place[0] - row) * down + (place[1] - column) * across
            aside = abs((place[0] - row) * across) + abs((place[1] - column) * down)
            if way > 0:
                steps[place] = aside, way
        if steps:
            self.go_to(min(steps, key=lambda place: steps[place]))

    def go_to(self, place: tuple[int, int]) -> None:
        """Put the cursor on the best run of a cell, if there is one."""
        cell = self.grid.cells.get(place) if self.grid is not None else None
        if cell is not None:
            self._cursor = cell.runs[0].key

    def go_to_best(self) -> None:
        """Put the cursor on the best cell."""
        if self.grid is not None and self.grid.best is not None:
            self.go_to(self.grid.best)

    def switch_metric(self) -> None:
        """Show the best accuracies in place of the latest ones, or the other way round."""
        self.metric = BEST if self.metric == LATEST else LATEST

    def turn_axes(self) -> None:
        """Take the next two settings that the runs span."""
        self._axes_turn += 1

    def chosen(self, *, in_grid: bool) -> RunKey:
        """Return the run under the cursor: the best of a cell of the grid, or the first of a row."""
        if in_grid and self.grid is not None:
            return self.grid.cells[self.place].runs[0].key
        return self.comparison.rows[self.cursor].first.key

    # The pinned run

    @property
    def pinned(self) -> RunKey | None:
        """The run that the others are compared with."""
        if self._pinned_here is not None:
            return RunKey(self.directory, self._pinned_here)
        return self._pinned_elsewhere

    def pin(self, run: int | None) -> None:
        """Pin a run of the training; None unpins it."""
        self._pinned_here = run
        if run is not None:
            self._pinned_elsewhere = None

    def pin_current(self) -> int | None:
        """Pin the row under the cursor or unpin it; return the run of the training that is pinned then."""
        row = self.comparison.rows[self.cursor]
        is_pinned = self.pinned in row.keys
        self._pinned_here = self._pinned_elsewhere = None
        if not is_pinned and self._is_here(row):
            self._pinned_here = row.first.run
        elif not is_pinned:
            self._pinned_elsewhere = row.first.key
        return self._pinned_here

    def _is_here(self, row: ComparisonRow) -> bool:
        return row.first.key.directory == self.directory

    @property
    def reference(self) -> str:
        """The pinned row in words; empty if there is none."""
        row = self.comparison.reference
        if row is None:
            return ""
        return run_label(row) if self._is_here(row) else f"{row.first.origin.experiment} {run_label(row)}"

    def wanted(
        self, snapshots: Mapping[int, ParametersSnapshot]
    ) -> tuple[list[int], list[ParametersSnapshot]]:
        """Return what is missing for paired intervals, as `LiveAnswers.wanted` does."""
        if self._pinned_here is None:
            return [], []
        return self.answers.wanted(self._live, self._pinned_here, snapshots)

    # The order

    def sort_beside(self, columns: int) -> None:
        """Sort by the column this many further to the right; the best comes first."""
        names = columns_of(self.comparison.rows)
        self.sort_by(names[(names.index(self.order.column) + columns) % len(names)])

    def sort_by(self, name: str) -> None:
        """Sort by a column; by the same again turns the order round."""
        if name == self.order.column:
            self.order = Order(name, not self.order.descending)
        else:
            self.order = best_first(name)
