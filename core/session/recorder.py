"""Between trainer and front end: writes each event to the directory before anyone sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from logreg_tui.core.engine.process_group import PeerLost
from logreg_tui.core.experiment.checkpoint import write_checkpoint, write_model
from logreg_tui.core.experiment.directory import Experiment, WriteError
from logreg_tui.core.experiment.event_log import EVENTS
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event, RowLogged
from logreg_tui.core.training.replay import Replay
from logreg_tui.core.training.requests import Control, Detach, Leave, Request, Resume, Stop
from logreg_tui.core.training.state import Training

CHECKPOINT_INTERVAL_S = 2.0
CHECKPOINT_SHARE = 0.01
"""Share of the training time that checkpoints may take; if they are slow, they are rarer."""
LONGEST_INTERVAL_S = 30.0


def record(
    happenings: Iterator[Event],
    training: Training,
    experiment: Experiment,
    replay: Replay,
    control: Control | None = None,
) -> Iterator[Event]:
    """Yield the events of a training, each of them safe on disk before.

    What `replay` knows to be recorded already is not recorded twice. A checkpoint follows a pause,
    every clean end and about every two seconds of training; the models follow the clean end. If
    the disk refuses a write, training waits for `control` to say Resume and the write is tried
    again; without `control`, or once the terminal is gone, WriteError is raised.
    """
    recorder = _Recorder(training, experiment, replay)
    rows: list[RowLogged] = []
    """Of one step: they are written together before the next event is looked at."""
    for event in _rescued(happenings, recorder, rows):
        if isinstance(event, RowLogged):
            rows.append(event)
            continue
        if rows:
            yield from _insist(partial(experiment.append_rows, rows), recorder, control)
            logged, rows[:] = tuple(rows), ()
            yield from logged
        if isinstance(event, events.Detached):
            control = None
        for write in recorder.writes(event):
            yield from _insist(write, recorder, control)
        yield event


def _rescued(happenings: Iterator[Event], recorder: _Recorder, rows: Sequence[RowLogged]) -> Iterator[Event]:
    """Yield the events; if an error that nobody foresaw ends them, save a checkpoint."""
    try:
        yield from happenings
    except PeerLost:
        raise  # What was not added up to its end may be anything; the checkpoint before is not.
    except Exception:
        if recorder.training.is_whole:
            with suppress(Exception):
                recorder.experiment.append_rows(rows)
                recorder.save_checkpoint()
        raise


def _insist(write: Callable[[], object], recorder: _Recorder, control: Control | None) -> Iterator[Event]:
    """Do a write until it is done. Raises WriteError if nobody can help, or they give up."""
    training = recorder.training
    is_waiting = False
    while True:
        try:
            if is_waiting:
                recorder.experiment.restore_file()
            write()
        except WriteError as error:
            if control is None:
                raise
            is_waiting = True
            training.stopwatch.stop()
            yield events.WriteRefused(training.step, str(error))
            if not _wait_for_resume(control):
                raise
        else:
            break
    if is_waiting:
        if not training.is_paused:
            training.stopwatch.start()
        yield events.Resumed(training.step) if not training.is_paused else events.Paused(training.step)


def _wait_for_resume(control: Control) -> bool:
    """Wait until a write is to be tried again; return whether it is, and not given up."""
    others: list[Request] = []
    while not isinstance(request := control.wait(), Resume | Stop | Leave | Detach):
        others.append(request)
    for other in others:
        control.send(other)
    return isinstance(request, Resume)


class _Recorder:
    def __init__(self, training: Training, experiment: Experiment, replay: Replay) -> None:
        self.training = training
        self.experiment = experiment
        self._replay = replay
        self._saved_models: dict[int, int] = {}
        """The epoch of each run that has left, as of which its model was saved."""
        self._next_at = training.stopwatch.read() + CHECKPOINT_INTERVAL_S

    def writes(self, event: Event) -> Iterator[Callable[[], object]]:
        """Yield what has to be written of an event, each to be done before the next."""
        if isinstance(event, events.AllRunsEnded | events.ExperimentEnded | events.ExperimentLeft):
            # Said last: what is recorded as ended has its checkpoint and its models.
            yield self.save_checkpoint
            yield self._save_models
        if not self._replay.is_recorded(event):
            yield partial(self.experiment.append_event, event)
        if isinstance(event, events.Detached):
            yield self.experiment.lock.lose_screen
        # Between the rows of one step a training is not whole: Progressed says that they are logged.
        is_time = self.training.stopwatch.read() >= self._next_at
        if isinstance(event, events.Paused) or (isinstance(event, events.Progressed) and is_time):
            yield self.save_checkpoint

    def save_checkpoint(self) -> None:
        started = time.perf_counter()
        lengths = self.experiment.lengths
        if self._replay.offset is not None:
            lengths[EVENTS] = self._replay.offset
        checksum = self.experiment.checksum
        self.experiment.save_checkpoint(lambda file: write_checkpoint(file, self.training, lengths, checksum))
        cost = time.perf_counter() - started
        interval = min(max(CHECKPOINT_INTERVAL_S, cost / CHECKPOINT_SHARE), LONGEST_INTERVAL_S)
        self._next_at = self.training.stopwatch.read() + interval

    def _save_models(self) -> None:
        for run in self.training.runs.values():
            name = f"model-{run.number}.safetensors"
            is_saved = not run.is_training and self._saved_models.get(run.number) == run.logged_epoch
            # When all runs have ended, and at the end of the experiment.
            if not (is_saved and os.path.exists(self.experiment.directory / name)):
                self.experiment.save(name, partial(write_model, training=self.training, run=run))
                self._saved_models[run.number] = run.logged_epoch
