"""History of a training, as a front end keeps it: one writer, any number of readers, no locks.

The thread that consumes the events calls `apply`; other threads read. Rows stand in numpy
columns whose count is published last, so that a reader never sees a row half written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from logreg_tui.core.goals import NO_LONGER_BETTER, REACHED
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.text import counted
from logreg_tui.core.training import events
from logreg_tui.core.training.snapshots import DatasetLoaded, ParametersSnapshot, RowsRecorded

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.data.dataset import Dataset

COLUMNS = (
    "epoch",
    "elapsed_s",
    "learning_rate",
    "train_loss",
    "l2_penalty",
    "test_loss",
    "train_accuracy",
    "test_accuracy",
)
FIRST_CAPACITY = 1024
EARLY_EPOCHS = (10, 100, 1_000, 10_000, 100_000)
INTERRUPTED = "interrupted"
"""The cause of an ExperimentLeft that nobody said: the process died."""


class Columns:
    """Rows of floats, one growing column per name; one thread appends, others read."""

    def __init__(self) -> None:
        # Imported on the thread that trains: the first frame of the app does not wait for it.
        import numpy as np

        self._table: np.ndarray = np.empty((len(COLUMNS), FIRST_CAPACITY))
        self._count = 0

    @classmethod
    def of(cls, table: np.ndarray) -> Columns:
        """Return columns of rows that are there already, shape (columns, rows)."""
        made = cls()
        made._table, made._count = table, table.shape[1]
        return made

    def __len__(self) -> int:
        return self._count

    def append(self, row: events.RowLogged) -> None:
        """Add a row; only the writing thread may call it."""
        count = self._count
        if count == self._table.shape[1]:
            import numpy as np

            larger = np.empty((len(COLUMNS), 2 * count))
            larger[:, :count] = self._table
            self._table = larger
        self._table[:, count] = [getattr(row, name) for name in COLUMNS]
        self._count = count + 1

    def extend(self, rows: np.ndarray) -> None:
        """Add rows, shape (columns, rows), likewise."""
        import numpy as np

        count = self._count + rows.shape[1]
        if count > self._table.shape[1]:
            larger = np.empty((len(COLUMNS), max(count, 2 * self._count)))
            larger[:, : self._count] = self._table[:, : self._count]
            self._table = larger
        self._table[:, self._count : count] = rows
        self._count = count

    def read(self, *names: str) -> tuple[np.ndarray, ...]:
        """Return views of the named columns, all of the same number of rows, shape (rows,)."""
        # The count first: a table read after it holds at least that many rows.
        count = self._count
        table = self._table
        return tuple(table[COLUMNS.index(name), :count] for name in names)


@dataclass(frozen=True, slots=True)
class Mark:
    """An epoch at which a knob of a run was turned or the run diverged, to be drawn on its curve."""

    epoch: int
    detail: str
    """The change, such as `λ 0.001 → 0`, the value that diverged, such as `train_loss is nan`, or why the run
    ended early."""
    kind: Literal["knob", "head", "divergence", "goal"] = "knob"
    """`head` is the knob that makes the losses before and after values of different functions."""

    @property
    def text(self) -> str:
        """The mark in a few words."""
        return f"diverged: {self.detail}" if self.is_divergence else self.detail

    @property
    def is_divergence(self) -> bool:
        """True if the run diverged, and no knob was turned."""
        return self.kind == "divergence"

    @property
    def is_knob(self) -> bool:
        """True if a knob was turned."""
        return self.kind in ("knob", "head")

    @property
    def breaks_line(self) -> bool:
        """True if a curve of the losses has to be interrupted here."""
        return self.kind == "head"


@dataclass(slots=True)
class RunHistory:
    """One run: its settings as they are now, its state, its rows."""

    number: int
    settings: RunSettings
    epochs: int
    joined_at: int
    """The experiment's step at the run's epoch 0."""
    status: str = "training"
    """`training`, `finished`, `diverged` or one of ENDED_EARLY; `ended` by the user."""
    ended_at: int | None = None
    """The run's epoch when it ended."""
    marks: tuple[Mark, ...] = ()
    columns: Columns = field(default_factory=Columns)
    last: events.RowLogged | None = None
    """The newest row."""

    @property
    def is_training(self) -> bool:
        """True if the run still takes part in the training."""
        return self.status == "training"

    def epoch_at(self, step: int) -> int:
        """Return the run's epoch at a step of the experiment."""
        return self.ended_at if self.ended_at is not None else step - self.joined_at


class History:
    """All runs of one experiment, by number, and the state of the whole."""

    def __init__(self) -> None:
        self.experiment: events.ExperimentStarted | None = None
        self.runs: dict[int, RunHistory] = {}
        """Replaced, never changed in place: a reader may iterate over it."""
        self.reports: list[events.RowLogged] = []
        """The rows of the accuracy log, in the order of logging; only ever appended to."""
        self.shown_reports: list[events.RowLogged] = []
        """The same for a screen: before the first report of a run also its rows of epochs 10, 100, ..."""
        self.rows = 0
        """Rows in metrics.csv."""
        self.step = 0
        self.elapsed_s = 0.0
        self.state = "preparing"
        """`preparing`, `training`, `stepping`, `paused`, `idle` (no run left), `blocked`
        (a write was refused), `finished`, `stopped` or `interrupted`."""

        self.dataset: Dataset | None = None
        """The data, if this process has them."""
        self.parameters: dict[int, ParametersSnapshot] = {}
        """The parameters of each run that were shown last; replaced, never changed in place."""

    def status(self, run: RunHistory) -> str:
        """Return how a run is: `stopped` or `interrupted` if it could train but the experiment does not."""
        is_left = run.is_training and self.state in ("stopped", INTERRUPTED)
        return self.state if is_left else run.status

    @property
    def is_moving(self) -> bool:
        """True while epochs are being trained."""
        return self.state in ("training", "stepping")

    def apply(self, event: events.Event) -> None:
        """Take in one event; only the thread that consumes the events may call it."""
        match event:
            case events.RowLogged():
                self._append(event)
            case RowsRecorded():
                self._extend(event)
            case ParametersSnapshot(run=number):
                self.parameters = {**self.parameters, number: event}
            case DatasetLoaded(_, dataset):
                self.dataset = dataset
            case events.Progressed(step, elapsed_s):
                self.step, self.elapsed_s = step, elapsed_s
            case events.ExperimentStarted(step):
                self.experiment, self.step, self.state = event, step, "training"
            case events.RunStarted(step, number, settings, epochs):
                self.runs = {**self.runs, number: RunHistory(number, settings, epochs, step)}
                if self.state == "idle":
                    self.state = "training"
            case events.SettingChanged(_, number, epoch, name, _, new):
                run = self.runs[number]
                run.settings = run.settings.changed(name, new)
                mark = Mark(epoch, describe_change(event), "head" if name == "head" else "knob")
                run.marks = (*run.marks, mark)
            case events.RunDiverged(_, number, epoch, cause):
                self._end(self.runs[number], "diverged", epoch, Mark(epoch, cause, "divergence"))
            case events.RunEnded(_, number, epoch, reason):
                run = self.runs[number]
                detail = early_end(reason, run.settings)
                self._end(run, reason, epoch, *([Mark(epoch, detail, "goal")] if detail else []))
            case events.RunExtended(step, number, epoch, epochs):
                run = self.runs[number]
                run.epochs, run.ended_at, run.status = epochs, None, "training"
                run.joined_at = step - epoch
                if self.state == "idle":
                    self.state = "training"
            case _:
                self.state = _STATES.get(type(event), self.state)
                if isinstance(event, events.ExperimentEnded):
                    self._close(event.reason)
                elif isinstance(event, events.ExperimentLeft):
                    self._close(INTERRUPTED if event.cause == INTERRUPTED else "stopped")

    def _append(self, row: events.RowLogged) -> None:
        run = self.runs[row.run]
        run.columns.append(row)
        run.last = row
        if row.is_report:
            self.reports.append(row)
        if row.is_report or self._is_early(row):
            self.shown_reports.append(row)
        self.step, self.elapsed_s = row.step, row.elapsed_s
        self.rows += 1

    def _extend(self, rows: RowsRecorded) -> None:
        import numpy as np

        for number, at in rows.of_runs():
            run = self.runs[number]
            run.columns.extend(rows.columns[:, at])
            run.last = rows.row(int(at[-1]))
        is_shown = rows.is_report | np.isin(rows.epoch, self._early_epochs)
        for place in np.flatnonzero(is_shown).tolist():
            row = rows.row(place)
            self.shown_reports.append(row)
            if row.is_report:
                self.reports.append(row)
        last = rows.row(-1)
        self.step, self.elapsed_s = last.step, last.elapsed_s
        self.rows += len(rows)

    def _end(self, run: RunHistory, status: str, epoch: int, *marks: Mark) -> None:
        run.ended_at = epoch
        run.marks = (*run.marks, *marks)
        run.status = status
        self._report_last(run)

    def _close(self, reason: str) -> None:
        for run in self.runs.values():
            self._report_last(run)
        self.state = reason

    def _report_last(self, run: RunHistory) -> None:
        """Give the last epoch its line in the accuracy log, wherever the run happened to end."""
        if run.last is not None and not run.last.is_report:
            run.last = replace(run.last, is_report=True)
            self.reports.append(run.last)
            if not self._is_early(run.last):
                self.shown_reports.append(run.last)

    def _is_early(self, row: events.RowLogged) -> bool:
        """Return True if a screen shows a row although its first report is still to come."""
        return row.epoch in self._early_epochs

    @property
    def _early_epochs(self) -> Sequence[int]:
        every = 0 if self.experiment is None else self.experiment.report_every
        return [epoch for epoch in EARLY_EPOCHS if epoch < every]


def early_end(reason: str, settings: RunSettings) -> str | None:
    """Return the goal that ended a run, in a few words; None if it ended otherwise."""
    if reason == REACHED:
        return f"{REACHED} {settings.stop_at or 'its goal'}"
    if reason == NO_LONGER_BETTER:
        return f"{NO_LONGER_BETTER} in {counted(settings.patience or 0, 'log point')}"
    return None


_STATES: dict[type[object], str] = {
    events.ExperimentResumed: "training",
    events.Paused: "paused",
    events.Resumed: "training",
    events.Stepped: "stepping",
    events.AllRunsEnded: "idle",
    events.WriteRefused: "blocked",
}

_SHORT_NAMES = {"head": "head", "l2": "λ", "learning_rate": "lr"}


def describe_change(event: events.SettingChanged) -> str:
    """Return the change in a few words, such as `λ 0.001 → 0`."""
    old, new = (f"{value:g}" if isinstance(value, float) else value for value in (event.old, event.new))
    if event.name == "head":
        return f"{old} → {new}"
    return f"{_SHORT_NAMES[event.name]} {old} → {new}"
