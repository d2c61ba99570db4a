"""Runs to compare, with their newest figures: of a training that is watched, or of a directory.

`comparison` puts them side by side, `comparison_columns` makes text of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.experiment.event_log import EVENTS, MOST_EVENT_BYTES
from logreg_tui.core.experiment.metrics import METRICS, check_header
from logreg_tui.core.files import MOST_BYTES, read_regular, reason
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.core.text import escape_control_chars
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History, RunHistory

FIGURES = ("train_loss", "test_loss", "l2_penalty", "train_accuracy", "test_accuracy")


@dataclass(frozen=True, slots=True)
class Origin:
    """The experiment a run belongs to, and the data it is tested on."""

    directory: str
    """Absolute path."""
    experiment: str
    """The directory's name."""
    dataset: str
    pixels: str
    """One of PIXELS; empty if it is not known."""
    fingerprint: str
    """SHA-256 of the data before `--pixels`; empty if it is not known."""
    test_samples: int

    @property
    def data(self) -> str:
        """A name of the data: origins of the same data have the same."""
        return self.fingerprint or self.directory


class RunKey(NamedTuple):
    """A run of all experiments' runs."""

    directory: str
    run: int


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run with the figures of its newest row in which all are finite, as the saved parameters are; None
    if there is no such row."""

    origin: Origin
    run: int
    settings: RunSettings
    """As they are now."""
    changes: tuple[str, ...]
    """The knobs that were turned, with their epochs: the settings did not hold from epoch 0 on then."""
    state: str
    """`finished`, `ended` or `diverged`, else the experiment's: `training`, `paused`, `stopped` ..."""
    epochs: int | None = None
    train_loss: float | None = None
    test_loss: float | None = None
    l2_penalty: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    best_test_accuracy: float | None = None
    """Highest test accuracy of all rows. Chosen on the test set, so it flatters the run."""
    best_epoch: int | None = None
    """The first epoch that had it."""
    seconds: float | None = None
    """Seconds of training up to the newest row."""

    @property
    def key(self) -> RunKey:
        """The run among those of all experiments."""
        return RunKey(self.origin.directory, self.run)

    @property
    def gap(self) -> float | None:
        """Test loss - train loss."""
        if self.test_loss is None or self.train_loss is None:
            return None
        return self.test_loss - self.train_loss

    @property
    def epochs_per_s(self) -> float | None:
        """Epochs per second of training."""
        return self.epochs / self.seconds if self.epochs and self.seconds else None

    @property
    def correct(self) -> int | None:
        """The number of test samples that are classified right."""
        return None if self.test_accuracy is None else round(self.test_accuracy * self.origin.test_samples)

    def value(self, name: str) -> Any:  # noqa: ANN401  numbers and texts
        """Return a figure of the run, one of its settings or a fact of its origin, by its name."""
        owner = next(each for each in (self, self.settings, self.origin) if hasattr(each, name))
        value = getattr(owner, name)
        return str(value) if isinstance(value, Schedule | Optimizer) else value


def origin_of(directory: Path) -> Origin:
    """Return what config.json says of an experiment. Raises UserError if it cannot be read."""
    config = read_config(directory)
    path = directory.absolute()
    return Origin(
        str(path),
        escape_control_chars(path.resolve().name),
        config.dataset,
        config.settings.pixels,
        config.fingerprint,
        config.test_samples,
    )


def origin_of_history(history: History) -> Origin | None:
    """Return the experiment of a training that has begun, from its directory if that can be read."""
    started = history.experiment
    if started is None:
        return None
    directory = Path(started.directory)
    try:
        return origin_of(directory)
    except UserError:
        fingerprint = "" if history.dataset is None else history.dataset.fingerprint
        name = escape_control_chars(directory.name)
        return Origin(
            str(directory), name, escape_control_chars(started.dataset), "", fingerprint, started.test_samples
        )


def read_runs(directory: Path) -> list[ComparedRun]:
    """Return the runs of an experiment directory.

    Rows that cannot be read are left out. Raises UserError if the directory is none, or damaged.
    """
    return RunReader(origin_of(directory)).read(read_history(directory))


def read_history(directory: Path) -> History:
    """Return the history that an experiment directory tells of.

    Rows that cannot be read are left out. Raises UserError if the directory is none, or damaged.
    """
    from logreg_tui.core.experiment.event_log import recorded_events
    from logreg_tui.core.experiment.listing import summarize

    settings = read_config(directory).settings
    beginnings = [
        events.RunStarted(0, number, run, settings.epochs) for number, run in enumerate(settings.runs, 1)
    ]
    history = History()
    try:
        most = {METRICS: MOST_BYTES, EVENTS: MOST_EVENT_BYTES}
        files = {name: read_regular(directory / name, most[name]) for name in most}
        check_header(directory / METRICS, files[METRICS])
        # A last line that is still being written does not count.
        lengths = {name: data.rfind(b"\n") + 1 for name, data in files.items()}
        for event in recorded_events(directory, settings, lengths, beginnings):
            history.apply(event)
    except OSError as error:
        raise UserError(
            f"{str(directory)!r} is damaged: cannot read {METRICS} or {EVENTS}: {reason(error)}"
        ) from error
    history.state = summarize(directory).state
    return history


@dataclass(slots=True)
class _Seen:
    """The places of rows that matter, of those that were looked at."""

    rows: int = 0
    last: int | None = None
    """The newest row whose figures are all sound."""
    best: int | None = None
    """The first of those rows that has the highest test accuracy."""


class RunReader:
    """Reads the runs of a History as they are now; however often, each row is looked at once."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._seen: dict[int, _Seen] = {}

    def read(self, history: History) -> list[ComparedRun]:
        """Return the runs, by number."""
        return [self._read(run, history.state) for run in history.runs.values()]

    def _read(self, run: RunHistory, state: str) -> ComparedRun:
        seen = self._look(run)
        changes = tuple(f"{mark.epoch}: {mark.text}" for mark in run.marks if mark.is_knob)
        state = run.status if not run.is_training else _STATES.get(state, state)
        without_rows = ComparedRun(self._origin, run.number, run.settings, changes, state)
        if seen.last is None or seen.best is None:
            return without_rows
        epochs, seconds, accuracies, *figures = run.columns.read(
            "epoch", "elapsed_s", "test_accuracy", *FIGURES
        )
        newest: dict[str, Any] = {
            name: float(values[seen.last]) for name, values in zip(FIGURES, figures, strict=True)
        }
        return replace(
            without_rows,
            epochs=int(epochs[seen.last]),
            **newest,
            best_test_accuracy=float(accuracies[seen.best]),
            best_epoch=int(epochs[seen.best]),
            seconds=float(seconds[seen.last]),
        )

    def _look(self, run: RunHistory) -> _Seen:
        import numpy as np

        seen = self._seen.get(run.number, _Seen())
        # Fewer rows than before: another History, that of a frozen screen for instance.
        if len(run.columns) < seen.rows:
            seen = _Seen()
        *figures, train, test = (column[seen.rows :] for column in run.columns.read(*FIGURES))
        sound = np.isfinite(figures).all(0) & (train >= 0) & (train <= 1) & (test >= 0) & (test <= 1)
        at = np.flatnonzero(sound)
        if len(at):
            best = seen.rows + int(at[test[at].argmax()])
            accuracies = run.columns.read("test_accuracy")[0]
            is_better = seen.best is None or accuracies[best] > accuracies[seen.best]
            seen = _Seen(seen.rows, seen.rows + int(at[-1]), best if is_better else seen.best)
        self._seen[run.number] = seen = _Seen(seen.rows + len(sound), seen.last, seen.best)
        return seen


_STATES = {"stepping": "training", "blocked": "training", "preparing": "training"}
"""States of runs that have not ended by states of experiments that are no word for a run."""
