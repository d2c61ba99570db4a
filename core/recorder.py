"""Between trainer and front end: writes each event to the directory before anyone sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from logreg_tui.core import events
from logreg_tui.core.checkpoint import write_checkpoint, write_model
from logreg_tui.core.events import Event
from logreg_tui.core.experiment import EVENTS, Experiment
from logreg_tui.core.replay import Replay
from logreg_tui.core.training import Training

CHECKPOINT_INTERVAL_S = 2.0
CHECKPOINT_SHARE = 0.01
"""Share of the training time that checkpoints may take; where they are slow, they are rarer."""
LONGEST_INTERVAL_S = 30.0


def record(
    happenings: Iterator[Event], training: Training, experiment: Experiment, replay: Replay | None = None
) -> Iterator[Event]:
    """Yield the events of a training, each of them safe on disk before.

    What `replay` knows to be recorded already is not recorded twice. A checkpoint follows every
    report point, a pause, every clean end and about every two seconds of training; the models
    follow the clean end. Raises UserError where the disk refuses a write.
    """
    recorder = _Recorder(training, experiment, replay or Replay())
    for event in happenings:
        recorder.take(event)
        yield event


class _Recorder:
    def __init__(self, training: Training, experiment: Experiment, replay: Replay) -> None:
        self._training = training
        self._experiment = experiment
        self._replay = replay
        self._is_due = False
        self._next_at = training.stopwatch.read() + CHECKPOINT_INTERVAL_S

    def take(self, event: Event) -> None:
        if isinstance(event, events.RowLogged):
            self._experiment.append_row(event)
            self._is_due = self._is_due or event.is_report
            return
        if isinstance(event, events.AllRunsEnded | events.ExperimentEnded | events.ExperimentLeft):
            # Said last: what is recorded as ended has its checkpoint and its models.
            self._save_checkpoint()
            _save_models(self._training, self._experiment)
        if not self._replay.is_recorded(event):
            self._experiment.append_event(event)
        # Between the rows of one step a training is not whole: Progressed says that they are logged.
        if isinstance(event, events.Paused) or (isinstance(event, events.Progressed) and self._is_time()):
            self._save_checkpoint()

    def _is_time(self) -> bool:
        return self._is_due or self._training.stopwatch.read() >= self._next_at

    def _save_checkpoint(self) -> None:
        started = time.perf_counter()
        lengths = self._experiment.lengths
        if self._replay.offset is not None:
            lengths[EVENTS] = self._replay.offset
        self._experiment.save_checkpoint(lambda file: write_checkpoint(file, self._training, lengths))
        cost = time.perf_counter() - started
        self._is_due = False
        self._next_at = self._training.stopwatch.read() + checkpoint_interval(cost)


def checkpoint_interval(cost: float) -> float:
    """Return the seconds of training between checkpoints, of which the last one took `cost`."""
    return min(max(CHECKPOINT_INTERVAL_S, cost / CHECKPOINT_SHARE), LONGEST_INTERVAL_S)


def _save_models(training: Training, experiment: Experiment) -> None:
    for run in training.runs.values():
        experiment.save(f"model-{run.number}.safetensors", partial(write_model, training=training, run=run))
