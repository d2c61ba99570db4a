"""Frozen settings of a run and of an experiment, their checks and their JSON.

Imports neither torch nor numpy: the command line reads it before it answers `--help`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

from logreg_tui.core.errors import UsageError
from logreg_tui.core.file_options import NO_OPTIONS, OF_SVMLIGHT, FileOptions, is_table
from logreg_tui.core.goals import Goal, parse_goal
from logreg_tui.core.heads import LOGITS, SIGMOID, check_head
from logreg_tui.core.optimizers import SGD, Optimizer, optimizer_from_json

PROGRAM = "logreg-tui"
"""The name that it is started by."""
SCHEDULES = ("constant", "step", "exponential", "cosine")
PIXELS = ("raw", "unit", "standardized")
EMNIST = tuple(
    f"emnist-{split}" for split in ("balanced", "letters", "digits", "byclass", "bymerge", "mnist")
)
DATASETS = ("auto", "mnist", "fashion-mnist", "kmnist", "qmnist", "digits", *EMNIST)

ENGINES = ("auto", "fused", "graph", "eager")
"""On a CUDA GPU one kernel on bytes, CUDA graphs of products, or these one by one; auto is the fastest."""

DEFAULT_L2 = 0.001
DEFAULT_LEARNING_RATE = 0.01
DEFAULT_STEP_SIZE = 1000
DEFAULT_GAMMA = {"step": 0.1, "exponential": 0.999}
DEFAULT_EPOCHS = 10_000
MOST_COUNT = 2**53
"""The largest count in a file; floats and sums of such counts have room for it."""
MOST_EPOCHS = 10**12
"""Years of training; no sum of such numbers leaves 64 bits."""

DEVICE_PATTERN = re.compile(r"auto|cpu|cuda|cuda:[0-9]{1,4}|mps")
FLOAT32_MAX = 3.4028234663852886e38
MAX_CLASSES = 100_000
"""A stray label of a billion must not make a model of a billion outputs."""
NAME_PATTERN = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")


def parse_number(text: str) -> float:
    """Return the number that a text says. Raises UsageError, naming the text."""
    try:
        # Adding 0 turns -0 into 0.
        return float(text) + 0.0
    except ValueError:
        raise UsageError(f"{text!r} is not a number") from None


def parse_integer(text: str) -> int:
    """Return the whole number of a text such as `1000000`, `1_000_000` or `1e6`.

    Raises UsageError, naming the text, if it says none or one that does not fit 64 bits.
    """
    try:
        number = int(text)
    except ValueError:
        value = parse_number(text)
        if not value.is_integer():
            raise UsageError(f"{text!r} is not a whole number") from None
        number = int(value)
    if not -(2**63) <= number < 2**63:
        raise UsageError(f"{text!r} does not fit 64 bits: give a smaller integer")
    return number


def check_l2(value: float) -> float:
    """Return the lambda of the L2 term, or raise UsageError unless 0 <= value <= float32's largest."""
    if not 0 <= value <= FLOAT32_MAX:
        raise UsageError(f"lambda is {value:g}: give a finite number that is 0 or more")
    return float(value)


def check_learning_rate(value: float) -> float:
    """Return the learning rate, or raise UsageError unless 0 < value <= float32's largest."""
    if not 0 < value <= FLOAT32_MAX:
        raise UsageError(f"learning rate is {value:g}: give a finite number above 0")
    return float(value)


def check_seed(value: int) -> int:
    """Return the seed, or raise UsageError if torch.manual_seed would refuse it."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"seed is {value!r}: give an integer")
    if not -(2**63) <= value < 2**63:
        raise UsageError(f"seed {value} does not fit 64 bits: give a smaller integer")
    return value


def check_name(value: str) -> str:
    """Return an experiment's name, or raise UsageError if it is not safe as a folder's name."""
    if not NAME_PATTERN.fullmatch(value):
        raise UsageError(
            f"name {value!r}: use 1 to 64 letters, digits, '.', '_' and '-', not starting with '.'"
        )
    return value


def _check_choice(what: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise UsageError(f"{what} {value!r} is unknown: choose from {', '.join(choices)}")
    return value


def _check_text(what: str, value: str | None) -> None:
    if not isinstance(value, str) or "\0" in value:
        raise UsageError(f"{what} is {value!r}: give a text")


def check_positive(what: str, value: int, most: int = 2**63 - 1) -> int:
    """Return a count, or raise UsageError, which names it, unless 1 <= value <= most."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
        raise UsageError(f"{what} is {value!r}: give a positive integer, {most:,} at most")
    return value


@dataclass(frozen=True, slots=True)
class Schedule:
    """Schedule of the learning rate by epoch, as torch.optim.lr_scheduler defines it.

    `step` is StepLR, `exponential` ExponentialLR, `cosine` CosineAnnealingLR with eta_min 0.
    https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
    """

    kind: str = "constant"
    step_size: int = DEFAULT_STEP_SIZE
    """Epochs between two drops of `step`."""
    gamma: float = 1.0
    """Factor of one drop of `step`, or of one epoch of `exponential`."""
    period: int = DEFAULT_EPOCHS
    """Epoch at which `cosine` reaches 0; past it the rate rises again, as in PyTorch."""

    def __post_init__(self) -> None:
        _check_choice("schedule", self.kind, SCHEDULES)
        check_positive("step size", self.step_size, MOST_EPOCHS)
        check_positive("period of the schedule", self.period, MOST_EPOCHS)
        if not 0 < self.gamma <= FLOAT32_MAX:
            raise UsageError(f"gamma is {self.gamma:g}: give a finite number above 0")

    def factor(self, epoch: int) -> float:
        """Return what the learning rate is multiplied by at this epoch."""
        if self.kind == "step":
            return _power(self.gamma, epoch // self.step_size)
        if self.kind == "exponential":
            return _power(self.gamma, epoch)
        if self.kind == "cosine":
            return (1 + math.cos(math.pi * epoch / self.period)) / 2
        return 1.0

    def __str__(self) -> str:
        if self.kind == "step":
            return f"x{self.gamma:g} every {self.step_size:,}"
        if self.kind == "exponential":
            return f"x{self.gamma:g} per epoch"
        if self.kind == "cosine":
            return f"cosine to {self.period:,}"
        return "constant"


def _power(base: float, exponent: int) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Settings of one run: turning a knob gives a new value of it."""

    head: str = SIGMOID
    l2: float = DEFAULT_L2
    learning_rate: float = DEFAULT_LEARNING_RATE
    """The rate at epoch 0; the schedule multiplies it."""
    seed: int = 0
    schedule: Schedule = field(default_factory=Schedule)
    optimizer: Optimizer = SGD
    stop_at: Goal | None = None
    """The goal that ends the run where it is met; None for none."""
    patience: int | None = None
    """Log points without a better test loss that end the run; None for none."""

    def __post_init__(self) -> None:
        if self.patience is not None:
            check_positive("patience", self.patience)
        check_head(self.head)
        check_l2(self.l2)
        check_learning_rate(self.learning_rate)
        check_seed(self.seed)

    @property
    def has_goal(self) -> bool:
        """True if the run may end before its epochs are done."""
        return self.stop_at is not None or self.patience is not None

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate of the update that leaves this epoch."""
        return self.learning_rate * self.schedule.factor(epoch)

    def changed(self, name: str, value: str | float) -> RunSettings:
        """Return the same settings with one knob, `head`, `l2` or `learning_rate`, turned."""
        knob: dict[str, Any] = {name: value}
        return replace(self, **knob)

    def with_other_head(self) -> RunSettings:
        """Return the same settings with the other head."""
        return replace(self, head=LOGITS if self.head == SIGMOID else SIGMOID)


def takes_option(dataset: str, option: str) -> bool:
    """Return whether an option, a field of FileOptions, may be for a dataset, whether it is there or not."""
    is_other = dataset in DATASETS or dataset.lower().endswith(".npz") or os.path.isdir(dataset)
    return is_table(dataset) or (option in OF_SVMLIGHT and not is_other)


@dataclass(frozen=True, slots=True)
class ExperimentSettings:
    """Settings that an experiment is started with; what changes later stands in events.jsonl."""

    runs: tuple[RunSettings, ...] = (RunSettings(),)
    dataset: str = "auto"
    """One of DATASETS, or the path of a table, of an .npz file or of a folder of .npy shards."""
    file: FileOptions = NO_OPTIONS
    """Options for the dataset if it is a file of samples."""
    data_dir: str | None = None
    """Folder in torchvision's layout; None is the user's cache folder."""
    pixels: str = "raw"
    epochs: int = DEFAULT_EPOCHS
    """Epochs that each run trains."""
    log_every: int = 10
    report_every: int = 1000
    device: str = "auto"
    threads: int | None = None
    """Processor threads for training; None is all."""
    memory_limit: int | None = None
    """Bytes that the data may take in memory; None is what the machine has left."""
    engine: str = "auto"
    """One of ENGINES: the way in which epochs are computed."""
    runs_dir: str = "runs"
    name: str | None = None
    """Label of the experiment; None is the heads joined by '-'."""

    def __post_init__(self) -> None:
        if not self.runs:
            raise UsageError("an experiment needs at least one run")
        _check_text("dataset", self.dataset)
        for option in self.file.to_json():
            if not takes_option(self.dataset, option):
                raise UsageError(f"--{option.replace('_', '-')} is for tables, which {self.dataset!r} is not")
        _check_text("--runs-dir", self.runs_dir)
        if self.data_dir is not None:
            _check_text("--data-dir", self.data_dir)
        if not DEVICE_PATTERN.fullmatch(self.device):
            raise UsageError(f"device {self.device!r} is unknown: use auto, cpu, cuda, cuda:N or mps")
        _check_choice("pixels", self.pixels, PIXELS)
        _check_choice("engine", self.engine, ENGINES)
        check_positive("--epochs", self.epochs, MOST_EPOCHS)
        check_positive("--log-every", self.log_every, MOST_EPOCHS)
        check_positive("--report-every", self.report_every, MOST_EPOCHS)
        if self.threads is not None:
            check_positive("--threads", self.threads)
        if self.memory_limit is not None:
            check_positive("--memory-limit", self.memory_limit)
        if self.name is not None:
            check_name(self.name)

    @property
    def label(self) -> str:
        """The name of the experiment, given or derived from the heads of its runs."""
        return self.name or "-".join(dict.fromkeys(run.head for run in self.runs))

    def is_log_point(self, epoch: int) -> bool:
        """Return whether a row is logged at this epoch (the last epoch, which is one too, apart)."""
        return epoch % self.log_every == 0 or self.is_report_point(epoch)

    def next_log_point(self, epoch: int) -> int:
        """Return the first epoch behind this one at which a row is logged (the last epoch apart)."""
        return min((epoch // every + 1) * every for every in (self.log_every, self.report_every))

    def is_report_point(self, epoch: int) -> bool:
        """Return whether the accuracy log has a line for this epoch (the last epoch apart)."""
        return epoch % self.report_every == 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` turns back into equal settings."""
        record = {**asdict(self), "runs": tuple(run_to_json(run) for run in self.runs)}
        del record["file"]
        return record if self.file == NO_OPTIONS else {**record, "file": self.file.to_json()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ExperimentSettings:
        """Read what `to_json` gave. Raises UsageError on unknown, missing or bad values."""
        try:
            values = dict(record)
            values["runs"] = tuple(run_from_json(run) for run in values["runs"])
            values["file"] = FileOptions.from_json(values.get("file", {}))
            return cls(**values)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
            raise UsageError(f"settings cannot be read: {error}") from error


def run_to_json(run: RunSettings) -> dict[str, Any]:
    """Return plain values that `run_from_json` turns back into equal settings.

    What is as it was before it could be chosen is left out, so that older versions read it.
    """
    record = asdict(run)
    for name in ("optimizer", "stop_at", "patience"):
        del record[name]
    if not run.optimizer.is_plain:
        record["optimizer"] = run.optimizer.to_json()
    if run.stop_at is not None:
        record["stop_at"] = str(run.stop_at)
    return record if run.patience is None else {**record, "patience": run.patience}


def run_from_json(record: Mapping[str, Any]) -> RunSettings:
    """Read what `run_to_json` gave. Raises a built-in error or UsageError on bad values."""
    values = {**record, "schedule": Schedule(**record["schedule"])}
    if "optimizer" in values:
        values["optimizer"] = optimizer_from_json(values["optimizer"])
    if "stop_at" in values:
        values["stop_at"] = parse_goal(values["stop_at"])
    return RunSettings(**values)


def grid(
    heads: Sequence[str],
    l2s: Sequence[float],
    learning_rates: Sequence[float],
    seeds: Sequence[int],
    schedule: Schedule,
    optimizers: Sequence[Optimizer] = (SGD,),
    *,
    stop_at: Goal | None = None,
    patience: int | None = None,
) -> tuple[RunSettings, ...]:
    """Return every combination as a run, optimizers first; the seed runs fastest, then the learning rate."""
    return tuple(
        RunSettings(head, l2, learning_rate, seed, schedule, optimizer, stop_at, patience)
        for optimizer, head, l2, learning_rate, seed in product(optimizers, heads, l2s, learning_rates, seeds)
    )
