"""Between trainer and front end: writes each event to the directory before anyone sees it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from logreg_tui.core import events
from logreg_tui.core.checkpoint import write_checkpoint, write_model
from logreg_tui.core.events import Event
from logreg_tui.core.experiment import Experiment
from logreg_tui.core.training import Training


def record(happenings: Iterator[Event], training: Training, experiment: Experiment) -> Iterator[Event]:
    """Yield the events of a training, each of them safe on disk before.

    A checkpoint follows every report point, a pause and every clean end; the models follow the
    clean end. Raises UserError where the disk refuses a write.
    """
    is_due = False
    for event in happenings:
        if isinstance(event, events.RowLogged):
            experiment.append_row(event)
            is_due = is_due or event.is_report
        else:
            experiment.append_event(event)
            is_due = _checkpoint(event, is_due, training, experiment)
        yield event


def _checkpoint(event: Event, is_due: bool, training: Training, experiment: Experiment) -> bool:
    """Write what an event calls for; return whether a checkpoint is still due."""
    is_end = isinstance(event, events.AllRunsEnded | events.ExperimentEnded)
    # Between the rows of one step a training is not whole: Progressed says that they are logged.
    if is_end or isinstance(event, events.Paused) or (is_due and isinstance(event, events.Progressed)):
        _save_checkpoint(training, experiment)
        is_due = False
    if is_end:
        _save_models(training, experiment)
    return is_due


def _save_checkpoint(training: Training, experiment: Experiment) -> None:
    experiment.save_checkpoint(lambda file: write_checkpoint(file, training, experiment.lengths))


def _save_models(training: Training, experiment: Experiment) -> None:
    for run in training.runs.values():
        experiment.save(f"model-{run.number}.safetensors", partial(write_model, training=training, run=run))
