"""An experiment watched from outside: what its two growing files say, as the events they were made of.

Writes nothing, and loads no torch unless somebody looks at the parameters, so that any number of
watchers may look at a training. Rows that a resume computes again are told as they were computed
first; what is never recorded, such as a write that the disk refused, cannot be seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import ExperimentConfig, read_config
from logreg_tui.core.experiment.event_log import EVENTS, joins_of, read_events, started_event
from logreg_tui.core.experiment.lock import is_locked, read_owner
from logreg_tui.core.experiment.metrics import METRICS
from logreg_tui.core.experiment.saved_model import SavedModel
from logreg_tui.core.files import MOST_BYTES, open_regular, reason
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event, RowLogged
from logreg_tui.core.training.history import INTERRUPTED
from logreg_tui.core.training.requests import Control, Detach, Request, ShowParameters, Stop
from logreg_tui.core.training.snapshots import RowsRecorded

POLL_S = 0.25
SLICE_S = 0.05
"""Seconds that a stop may go unnoticed between two polls."""

_CHANGES = (
    events.RunStarted,
    events.SettingChanged,
    events.RunDiverged,
    events.RunEnded,
    events.RunExtended,
)
"""Events that belong to the rows around them; the others tell of the process, in their own order."""

ORDERS = 3
"""Ranks among what has the same step."""
_Order = tuple[int, int]
_Timed = tuple[_Order, Event]


def follow_experiment(
    directory: Path, control: Control, progress: Callable[[str], None]
) -> Generator[Event, None, None]:
    """Yield what happened to an experiment, then what happens, until `control` says that nobody watches.

    An end is no end here: somebody may resume. Where the process that trained died without a word,
    ExperimentLeft with the cause INTERRUPTED is yielded. Raises UserError if the directory is no
    experiment, or goes away.
    """
    progress(f"Reading {directory}")
    follower = _Follower(directory, read_config(directory))
    # Twice: what was read at the first look is certain at the second.
    past = [*follower.poll(), *follower.poll()]
    yield follower.started()
    # A long past must not hold up a quit.
    yield from takewhile(lambda _: not control.is_stopping, past)
    saved_model = SavedModel(directory, follower.config)
    while not isinstance(request := _asked_meanwhile(control), Stop | Detach):
        if isinstance(request, ShowParameters):
            yield from saved_model.read(request.run)
        yield from follower.poll()


def _asked_meanwhile(control: Control) -> Request | None:
    """Wait for a request until the next poll; return Stop if nobody watches any more."""
    end = time.monotonic() + POLL_S
    while time.monotonic() < end:
        if control.is_stopping:
            return Stop()
        if (request := control.take()) is not None:
            return request
        time.sleep(SLICE_S)
    return None


class _Follower:
    """Reads what was appended since the last poll."""

    def __init__(self, directory: Path, config: ExperimentConfig) -> None:
        self.config = config
        self._directory = directory
        self._started: events.ExperimentStarted | None = None
        self._metrics_offset = 0
        self._events_offset = -1
        """Byte offset of the newest event that was read."""
        self._newest_step = 0
        """The highest step that an event named."""
        self._beginnings: list[Event] = []
        self._joins: dict[int, list[tuple[int, int]]] = {}
        self._shown: dict[int, int] = {}
        """The newest epoch of each run that was told."""
        self._waiting: list[_Timed] = []
        """Events whose rows may not have been read yet."""
        self._is_trained = False
        """True if a process has begun and has not said that it ended."""
        self._step = 0

    def started(self) -> events.ExperimentStarted:
        """Return what is trained, as the experiment said when it began, else as its config says."""
        directory = self._directory.absolute()
        begun = self._started or started_event(self.config, directory)
        return replace(
            begun,
            directory=str(directory),
            class_names=self.config.class_names,
            feature_names=self.config.feature_names,
        )

    def poll(self) -> list[Event]:
        """Return what happened since the last poll. Raises UserError."""
        # Looked at first: a process that is gone by now has written all that is read below.
        is_gone = self._is_trained and not self._has_owner()
        try:
            offset = self._metrics_offset
            data = self._read_lines()
            later = self._read_events()
        except OSError as error:
            raise UserError(f"cannot follow {str(self._directory)!r} any longer: {reason(error)}") from error
        if any(isinstance(event, events.ExperimentResumed) for _, event in later):
            is_gone = False
            if offset:
                # Rows were cut and computed again: the old offset may be anywhere in a line.
                data, self._metrics_offset = b"", 0
        happened = self._merge(self._new_rows(data), later, is_complete=is_gone)
        for event in happened:
            if isinstance(event, events.ExperimentEnded | events.ExperimentLeft):
                self._is_trained = False
            elif isinstance(event, events.RunStarted | events.ExperimentResumed):
                self._is_trained = True
            elif isinstance(event, RowLogged | RowsRecorded):
                self._step = max(self._step, event.step)
        if is_gone and self._is_trained:
            happened.append(events.ExperimentLeft(self._step, INTERRUPTED))
            self._is_trained = False
        return happened

    def _read_lines(self) -> bytes:
        """Return the whole lines that were added to metrics.csv."""
        with open_regular(self._directory / METRICS, most=MOST_BYTES) as file:
            if file.seek(0, 2) < self._metrics_offset:
                self._metrics_offset = 0
            file.seek(self._metrics_offset)
            data = file.read()
        end = data.rfind(b"\n") + 1
        self._metrics_offset += end
        return data[:end]

    def _read_events(self) -> list[_Timed]:
        """Return the events that were added to events.jsonl."""
        recorded = read_events(self._directory / EVENTS, max(self._events_offset, 0))
        added = [line for line in recorded if line.offset > self._events_offset]
        if added:
            self._events_offset = added[-1].offset
        taken = ((self._take(line.event), line.event) for line in added)
        return [(order, event) for order, event in taken if order is not None]

    def _take(self, event: Event) -> _Order | None:
        """Return the place of an event among the rows, or None if nobody needs it."""
        if isinstance(event, events.ExperimentStarted):
            self._started = event
            return None
        if isinstance(event, events.RunStarted | events.RunExtended):
            self._beginnings.append(event)
            self._joins = joins_of(self._beginnings)
        if isinstance(event, _CHANGES):
            return (event.step, 1) if event.run in self._joins else None
        # After a crash the steps start again at the checkpoint, but what was said later is later.
        self._newest_step = max(self._newest_step, event.step)
        return self._newest_step, 1

    def _has_owner(self) -> bool:
        """Return whether a process trains the experiment; one on another host is never presumed dead."""
        # While it does, looking takes no lock. Once nobody does it is not asked again: a resume says so.
        owner = read_owner(self._directory)
        return is_locked(self._directory) or (owner is not None and not owner.is_here)

    def _new_rows(self, data: bytes) -> RowsRecorded:
        """Return the rows of some lines that were not told before, as far as they can be read."""
        import numpy as np

        from logreg_tui.core.experiment.row_table import logged_rows, read_table

        rows = logged_rows(read_table(data), self._joins, self.config.settings)
        is_new = np.zeros(len(rows), bool)
        for run, at in rows.of_runs():
            # Once each epoch: what a resume computed again is no news.
            newest = np.maximum.accumulate(np.concatenate(([self._shown.get(run, -1)], rows.epoch[at])))
            is_new[at] = rows.epoch[at] > newest[:-1]
            self._shown[run] = int(newest[-1])
        return rows.taken(is_new)

    def _merge(self, rows: RowsRecorded, later: list[_Timed], *, is_complete: bool) -> list[Event]:
        """Return in order what is certain: rows are read before events, and so may lag behind them."""
        import numpy as np

        # Events of a step come after its rows, a run's first row comes after it has started.
        orders = ORDERS * rows.steps + np.where(rows.epoch > 0, 0, 2)
        rows, orders = rows.taken(at := np.argsort(orders, kind="stable")), orders[at]
        newest = [divmod(int(orders[-1]), ORDERS)] if len(orders) else []
        limit = max([*newest, *(order for order, _ in self._waiting)], default=(-1, 0))
        ready = [*self._waiting, *(timed for timed in later if is_complete or timed[0] < limit)]
        self._waiting = [] if is_complete else [timed for timed in later if timed[0] >= limit]
        happened: list[Event] = []
        given = 0
        for (step, rank), event in sorted(ready, key=lambda timed: timed[0]):
            before = int(orders.searchsorted(ORDERS * step + rank))
            happened += [*rows.taken(slice(given, before)).told(), event]
            given = max(given, before)
        happened += rows.taken(slice(given, None)).told()
        return happened
