"""What the comparison shows: the runs, the pinned one, the order, the row under the cursor. No widget."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.compared_runs import ComparedRun, Origin, RunKey, RunReader, origin_of_history
from logreg_tui.core.analysis.comparison import Row, find_row, rows_of, sort_rows, with_differences
from logreg_tui.core.analysis.comparison_columns import cell_text, columns_of
from logreg_tui.tui.widgets.compare.pairs import Predictions, Wanted
from logreg_tui.tui.widgets.compare.table import Order

if TYPE_CHECKING:
    from logreg_tui.core.training.history import History
    from logreg_tui.core.training.snapshots import ParametersSnapshot


class Comparison:
    """The rows of a training's runs and of experiments that were included."""

    def __init__(self) -> None:
        self.order = Order()
        self.folds_seeds = False
        self.included: dict[Path, list[ComparedRun]] = {}
        """Runs of other experiments, by directory, as they were when they were read."""
        self.predictions = Predictions()
        self.rows: list[Row] = []
        """In their order."""
        self.origin: Origin | None = None
        """Of the training; None before it has begun."""
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
        # Again and again where the fingerprint is not known: the dataset comes later.
        if self.origin is None or not self.origin.fingerprint:
            origin = origin_of_history(history)
            if origin is not None and origin != self.origin:
                self.origin, self._reader = origin, RunReader(origin)
        if self._reader is not None:
            self._live = self._reader.read(history)
        self.arrange()

    def arrange(self) -> None:
        """Make the rows anew, in their order."""
        runs = [*self._live, *(run for runs in self.included.values() for run in runs)]
        rows = rows_of(runs, folds_seeds=self.folds_seeds)
        pinned = self.pinned
        if pinned is not None:
            rows = with_differences(rows, pinned, self.predictions.pairs(self._live, self._pinned_here))
        if self.order.name not in columns_of(rows):
            self.order = Order()
        self.rows = sort_rows(rows, self.order.name, descending=self.order.descending)

    # The cursor

    @property
    def cursor(self) -> int:
        """The index of the row under the cursor; 0 where it is gone."""
        return next((at for at, row in enumerate(self.rows) if self._cursor in row.keys), 0)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, the nearest there is."""
        if self.rows:
            self._cursor = self.rows[max(0, min(index, len(self.rows) - 1))].first.key

    def select(self, run: int) -> None:
        """Put the cursor on a run of the training."""
        self._cursor = RunKey(self.directory, run)

    # What is pinned

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
        row = self.rows[self.cursor]
        self._pinned_here, self._pinned_elsewhere = (
            (None, None)
            if self.pinned in row.keys
            else (row.first.run, None)
            if self.is_here(row)
            else (None, row.first.key)
        )
        return self._pinned_here

    def is_here(self, row: Row) -> bool:
        """Whether a row is of the training itself."""
        return row.first.key.directory == self.directory

    @property
    def reference(self) -> str:
        """The pinned row in words; empty where there is none."""
        row = find_row(self.rows, self.pinned)
        if row is None:
            return ""
        runs = f"run{'' if len(row.runs) == 1 else 's'} {cell_text(row, 'run')}"
        return runs if self.is_here(row) else f"{row.first.experiment} {runs}"

    def wanted(self, shown: Mapping[int, ParametersSnapshot]) -> Wanted:
        """Return what is missing for paired intervals."""
        if self._pinned_here is None:
            return Wanted()
        return self.predictions.missing(self._live, self._pinned_here, shown)

    # The order

    def sort_beside(self, columns: int) -> None:
        """Sort by another column, so many further to the right; the best comes first."""
        names = columns_of(self.rows)
        self.sort_by(names[(names.index(self.order.name) + columns) % len(names)])

    def sort_by(self, name: str) -> None:
        """Sort by a column; by the same again turns the order round."""
        self.order = self.order.reversed() if name == self.order.name else Order.by(name)
