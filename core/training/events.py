"""Events: frozen records with plain numbers, the only thing that a training gives a front end.

`step` counts the experiment's passes over the data; a run's `epoch` counts from the step at
which the run joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logreg_tui.core.settings import RunSettings


# Compared by identity, which those keep that hold arrays; all others compare their fields.
@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that happened to a training, at a step of it."""

    step: int


@dataclass(frozen=True, slots=True)
class ExperimentStarted(Event):
    """Data, device and directory are ready; training begins at `step`."""

    directory: str
    """Absolute path of the experiment directory."""
    dataset: str
    train_samples: int
    test_samples: int
    features: int
    classes: int
    image_shape: tuple[int, int] | None
    """Rows and columns if the features of a sample form an image."""
    device: str
    """The device in words, such as `cuda:0 NVIDIA H200` or `cpu, 2 threads`."""
    epochs: int
    log_every: int
    report_every: int
    notice: str | None = None
    """Something the user must keep in mind, such as data that stand in for MNIST."""
    engine: str | None = None
    """The engine of a GPU and why it was chosen, in one line."""
    class_names: tuple[str, ...] = ()
    """Names of the labels 0..C-1; empty if the labels are their own names. Recorded in config.json alone."""
    feature_names: Sequence[str] = ()
    """Names of the features, likewise."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run joined at `step`, which is its epoch 0."""

    run: int
    settings: RunSettings
    epochs: int


@dataclass(frozen=True, slots=True)
class RowLogged(Event):
    """One row of metrics.csv; everything in it is measured on the parameters of `epoch`."""

    run: int
    epoch: int
    elapsed_s: float
    head: str
    l2: float
    learning_rate: float
    train_loss: float
    """Cross entropy without the L2 term."""
    l2_penalty: float
    test_loss: float
    train_accuracy: float
    test_accuracy: float
    is_report: bool
    """True if the accuracy log has a line for it."""

    @property
    def objective(self) -> float:
        """The sum that is minimised: train_loss + l2_penalty."""
        return self.train_loss + self.l2_penalty


@dataclass(frozen=True, slots=True)
class Progressed(Event):
    """All rows up to `step` are logged. Sent after each log point and a few times a second between
    distant ones; never recorded.
    """

    elapsed_s: float


@dataclass(frozen=True, slots=True)
class SettingChanged(Event):
    """A knob was turned: the update that leaves `step` is the first with the new value."""

    run: int
    epoch: int
    name: str
    """`head`, `l2` or `learning_rate`."""
    old: str | float
    new: str | float


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """Training waits at `step`."""


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """Training goes on from `step`."""


@dataclass(frozen=True, slots=True)
class Stepped(Event):
    """Training goes on from `step` to the next log point and pauses there."""


@dataclass(frozen=True, slots=True)
class RunDiverged(Event):
    """A measured value stopped being finite; the run keeps the parameters of its last finite row."""

    run: int
    epoch: int
    cause: str
    """The value that did, such as `train_loss is nan`."""


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """A run left: its epochs are done (`finished`) or the user ended it (`ended`)."""

    run: int
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class RunExtended(Event):
    """A run goes on to `epochs`, from its present epoch or from the one at which it had finished."""

    run: int
    epoch: int
    epochs: int


@dataclass(frozen=True, slots=True)
class ExperimentResumed(Event):
    """A process took over at `step`, the step of the checkpoint it went on from."""

    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class RequestRefused(Event):
    """A request could not be carried out, for example because its run has ended."""

    text: str


@dataclass(frozen=True, slots=True)
class EngineChanged(Event):
    """From `step` on the engine computes in another way: later rows may differ in their last digits."""

    reason: str


@dataclass(frozen=True, slots=True)
class AllRunsEnded(Event):
    """No run is left to train; an interactive experiment waits for a new run."""


@dataclass(frozen=True, slots=True)
class Detached(Event):
    """The terminal is gone; training goes on without a screen."""


@dataclass(frozen=True, slots=True)
class WriteRefused(Event):
    """The disk refused a write: training waits at `step` until Resume tries it again. Never recorded."""

    text: str


@dataclass(frozen=True, slots=True)
class ExperimentEnded(Event):
    """The last event: `finished` if every run had ended, else `stopped`."""

    reason: str


@dataclass(frozen=True, slots=True)
class ExperimentLeft(Event):
    """The last event of a process that left: the experiment stands at `step` until it is resumed."""

    cause: str
