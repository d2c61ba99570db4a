"""Results of the benchmark as frozen plain numbers that `to_json` gives: no torch, no clock.

Spreads are medians with their quartiles. Where two things are compared they are timed in turn
(A B A B ...), the ratio of each pair is taken, and the spread is that of the ratios.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from logreg_tui.core.errors import UserError
from logreg_tui.core.text import without_infinities

TOLERANCE = 1e-4
"""The largest difference of the losses of the engine from those of the plain loop."""
FLOAT32_BYTES = 4
ORIGINAL_EPOCHS = 10_000
"""Epochs of the experiment that everything began with."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values and their interquartile range."""

    median: float
    low: float
    """A quarter of the values is below."""
    high: float
    """A quarter of the values is above."""
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of one value or more."""
        known = sorted(values)
        if len(known) == 1:
            return cls(known[0], known[0], known[0], 1)
        low, median, high = statistics.quantiles(known, n=4, method="inclusive")
        return cls(median, low, high, len(known))


@dataclass(frozen=True, slots=True)
class PairedTimes:
    """Seconds of two things timed in turn: values i of both were measured one after the other."""

    first: tuple[float, ...]
    second: tuple[float, ...]

    @classmethod
    def in_turn(cls, first: Callable[[], float], second: Callable[[], float], count: int) -> PairedTimes:
        """Measure two things in turn, `count` times each."""
        both = [(first(), second()) for _ in range(count)]
        return cls(*zip(*both, strict=True))

    def ratio(self, factor: float = 1.0) -> Spread:
        """Return the spread of first / second * factor, pair by pair."""
        return Spread.of(
            factor * first / second for first, second in zip(self.first, self.second, strict=True)
        )


def scaled(values: Iterable[float], factor: float) -> Spread:
    """Return the spread of values * factor."""
    return Spread.of(factor * value for value in values)


@dataclass(frozen=True, slots=True)
class Work:
    """The nominal work of one epoch of full-batch gradient descent, whatever is really done.

    Two matrix products, each of which reads the inputs once as float32. A program that leaves out
    zeros, or reads bytes, or reads the inputs once for both, may get past what is thus the limit.
    """

    samples: int
    features: int
    classes: int

    @property
    def data_bytes(self) -> int:
        """The training inputs as float32."""
        return FLOAT32_BYTES * self.samples * self.features

    @property
    def bytes_per_epoch(self) -> int:
        """Bytes that an epoch reads, however many runs it trains."""
        return 2 * self.data_bytes

    def flop_per_epoch(self, runs: int) -> int:
        """Additions and multiplications of both products."""
        return 4 * self.samples * self.features * self.classes * runs


@dataclass(frozen=True, slots=True)
class Limits:
    """The speed of this machine if nothing stands in the way; the best of several tries."""

    read_gb_per_s: float
    read_way: str
    """The operation that read the training inputs fastest."""
    product_gflop_per_s: float
    product_size: int
    """Rows and columns of the square float32 matrices that were multiplied."""

    def least_ms(self, work: Work, runs: int) -> float:
        """Return the milliseconds below which an epoch, as `Work` counts it, cannot get."""
        reading = work.bytes_per_epoch / self.read_gb_per_s
        computing = work.flop_per_epoch(runs) / self.product_gflop_per_s
        return max(reading, computing) / 1e6


@dataclass(frozen=True, slots=True)
class Speed:
    """The speed of a training."""

    runs: int
    epochs: int
    """Epochs of each measurement."""
    ms_per_epoch: Spread
    ms_per_run: Spread
    """ms_per_epoch / runs."""
    epochs_per_s: Spread
    gb_per_s: float
    gflop_per_s: float
    share_of_limit: float
    """1 if an epoch takes no longer than the limits of this machine allow."""

    @classmethod
    def of(cls, seconds: Iterable[float], epochs: int, runs: int, work: Work, limits: Limits) -> Speed:
        """Return the speed of measurements of `seconds` for `epochs` of `runs` that train together."""
        known = list(seconds)
        ms_per_epoch = scaled(known, 1e3 / epochs)
        return cls(
            runs,
            epochs,
            ms_per_epoch,
            scaled(known, 1e3 / epochs / runs),
            Spread.of(epochs / value for value in known),
            work.bytes_per_epoch / ms_per_epoch.median / 1e6,
            work.flop_per_epoch(runs) / ms_per_epoch.median / 1e6,
            limits.least_ms(work, runs) / ms_per_epoch.median,
        )


@dataclass(frozen=True, slots=True)
class SpeedComparison:
    """The engine with some runs against the plain loop, which trains one run."""

    engine: Speed
    plain: Speed
    speedup: Spread
    """Time of the plain loop / time of the engine, per epoch and run."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The largest difference between the losses of the engine and of the plain loop."""

    epochs: int
    """Epochs after which losses were compared, on the training and on the test set."""
    runs: int
    """Runs that were compared, in all layouts together."""
    largest_difference: float
    tolerance: float = TOLERANCE

    @property
    def is_close(self) -> bool:
        """True if all losses are as close as they must be; False if one is not a number."""
        return self.largest_difference <= self.tolerance

    def check(self) -> None:
        """Raise UserError unless all losses are as close as they must be."""
        if not self.is_close:
            raise UserError(
                f"the engine and the plain loop disagree: after {self.epochs} epochs a loss differs by "
                f"{self.largest_difference:.2e}, which is more than {self.tolerance:.0e}: do not trust the "
                "figures; try another --device or report it"
            )


@dataclass(frozen=True, slots=True)
class LoggedTraining:
    """One run with both losses every few epochs: `train` itself, nothing recorded, and the plain loop."""

    log_every: int
    epochs: int
    """Epochs of each measurement of `train`."""
    ms_per_epoch: Spread
    plain_ms_per_epoch: Spread
    speedup: Spread
    original_s: float
    """Seconds that ORIGINAL_EPOCHS take at the median speed: an extrapolation."""
    plain_original_s: float

    @classmethod
    def of(cls, pairs: PairedTimes, epochs: int, plain_epochs: int, log_every: int) -> LoggedTraining:
        """Return the figures of seconds: the plain loop's first, those of `train` second."""
        own, plain = scaled(pairs.second, 1e3 / epochs), scaled(pairs.first, 1e3 / plain_epochs)
        return cls(
            log_every,
            epochs,
            own,
            plain,
            pairs.ratio(epochs / plain_epochs),
            own.median * ORIGINAL_EPOCHS / 1e3,
            plain.median * ORIGINAL_EPOCHS / 1e3,
        )


@dataclass(frozen=True, slots=True)
class ScreenCost:
    """The same training without and with the app's screen, each in a process of its own."""

    seconds: float
    """Seconds of training of each measurement, of which the first quarter does not count."""
    size: tuple[int, int]
    """Columns and rows of the terminal."""
    without_epochs_per_s: Spread
    with_epochs_per_s: Spread
    slowdown: Spread
    """Speed without the screen / speed with it."""


@dataclass(frozen=True, slots=True)
class StartUp:
    """The time a command takes to start, beside the least that it must import."""

    name: str
    base: str
    """The Python code it is held against."""
    ms: Spread
    base_ms: Spread
    ratio: Spread

    @classmethod
    def of(cls, name: str, base: str, pairs: PairedTimes) -> StartUp:
        """Return the figures of seconds: the command's first, the base's second."""
        return cls(name, base, scaled(pairs.first, 1e3), scaled(pairs.second, 1e3), pairs.ratio())


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the data of the measurement."""

    dataset: str
    pixels: str
    work: Work
    device: str
    threads: int
    torch: str
    engine: str
    """The engine and why it was chosen, in a line."""


@dataclass(frozen=True, slots=True)
class BenchResult:
    """All that the benchmark measured."""

    machine: Machine
    limits: Limits
    agreement: Agreement
    comparisons: Sequence[SpeedComparison]
    """In the order of their numbers of runs."""
    training: LoggedTraining
    screen: ScreenCost | None = None
    start_up: Sequence[StartUp] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a number that is not finite becomes None, as JSON has none."""
        record = {"spread": "median, and the interquartile range from low to high", **asdict(self)}
        record["contests"] = record.pop("comparisons")
        record["agreement"]["is_close"] = self.agreement.is_close
        return {name: without_infinities(value) for name, value in record.items()}
