"""Snapshots that a training shows when asked, or once: never recorded, no part of what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.heads import HEADS
from logreg_tui.core.training.events import Event, RowLogged

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.data.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class DatasetLoaded(Event):
    """The data that are trained and tested on."""

    dataset: Dataset


@dataclass(frozen=True, slots=True, eq=False)
class ParametersSnapshot(Event):
    """The parameters of one run at an epoch, as ShowParameters asks for them."""

    run: int
    epoch: int
    head: str
    weight: np.ndarray
    """Shape (classes, features), float32, a copy."""
    bias: np.ndarray
    """Shape (classes,), float32, a copy."""


FEW_ROWS = 1000
"""Up to so many rows of the past are told one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class RowsRecorded(Event):
    """Many rows of the past at once, in the order in which they were logged; shape (rows,) each."""

    steps: np.ndarray
    run: np.ndarray
    head: np.ndarray
    """Places in HEADS."""
    l2: np.ndarray
    is_report: np.ndarray
    columns: np.ndarray
    """The columns of a History, shape (columns, rows)."""

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def epoch(self) -> np.ndarray:
        """The epochs of the rows, which are whole numbers."""
        epochs: np.ndarray = self.columns[0]
        return epochs

    def taken(self, at: np.ndarray | slice) -> RowsRecorded:
        """Return some of the rows."""
        steps = self.steps[at]
        last = int(steps[-1]) if len(steps) else self.step
        own = self.run[at], self.head[at], self.l2[at], self.is_report[at], self.columns[:, at]
        return RowsRecorded(last, steps, *own)

    def row(self, at: int) -> RowLogged:
        """Return one row."""
        epoch, elapsed_s, rate, train_loss, l2_penalty, test_loss, *accuracies = self.columns[:, at].tolist()
        return RowLogged(
            step=int(self.steps[at]),
            run=int(self.run[at]),
            epoch=int(epoch),
            elapsed_s=elapsed_s,
            head=HEADS[self.head[at]],
            l2=float(self.l2[at]),
            learning_rate=rate,
            train_loss=train_loss,
            l2_penalty=l2_penalty,
            test_loss=test_loss,
            train_accuracy=accuracies[0],
            test_accuracy=accuracies[1],
            is_report=bool(self.is_report[at]),
        )

    def of_runs(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each run with the places of its rows."""
        # Only on a thread that reads: the first frame of the app does not wait for it.
        import numpy as np

        order = np.argsort(self.run, kind="stable")
        for at in np.split(order, np.flatnonzero(np.diff(self.run[order])) + 1) if len(order) else ():
            yield int(self.run[at[0]]), at

    def told(self) -> Iterator[Event]:
        """Yield the rows one by one if they are few, else all at once."""
        if len(self) > FEW_ROWS:
            yield self
        else:
            yield from map(self.row, range(len(self)))
