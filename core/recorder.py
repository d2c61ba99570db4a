"""Between trainer and front end: writes each event to the directory before anyone sees it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from logreg_tui.core import events
from logreg_tui.core.checkpoint import write_checkpoint, write_model
from logreg_tui.core.events import Event
from logreg_tui.core.experiment import EVENTS, Experiment
from logreg_tui.core.replay import Replay
from logreg_tui.core.training import Training


def record(
    happenings: Iterator[Event], training: Training, experiment: Experiment, replay: Replay | None = None
) -> Iterator[Event]:
    """Yield the events of a training, each of them safe on disk before.

    What `replay` knows to be recorded already is not recorded twice. A checkpoint follows every
    report point, a pause and every clean end; the models follow the clean end. Raises UserError
    where the disk refuses a write.
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

    def take(self, event: Event) -> None:
        if isinstance(event, events.RowLogged):
            self._experiment.append_row(event)
            self._is_due = self._is_due or event.is_report
            return
        if isinstance(event, events.AllRunsEnded | events.ExperimentEnded):
            # Said last: what is recorded as ended has its checkpoint and its models.
            self._save_checkpoint()
            _save_models(self._training, self._experiment)
        if self._is_news(event):
            self._experiment.append_event(event)
        # Between the rows of one step a training is not whole: Progressed says that they are logged.
        if isinstance(event, events.Paused) or (self._is_due and isinstance(event, events.Progressed)):
            self._save_checkpoint()

    def _is_news(self, event: Event) -> bool:
        if self._replay.is_recorded(event):
            return False
        # Left in the middle of a replay: for the experiment nothing ended.
        return not (isinstance(event, events.ExperimentEnded) and self._replay.requests)

    def _save_checkpoint(self) -> None:
        self._is_due = False
        lengths = self._experiment.lengths
        if self._replay.offset is not None:
            lengths[EVENTS] = self._replay.offset
        self._experiment.save_checkpoint(lambda file: write_checkpoint(file, self._training, lengths))


def _save_models(training: Training, experiment: Experiment) -> None:
    for run in training.runs.values():
        experiment.save(f"model-{run.number}.safetensors", partial(write_model, training=training, run=run))
