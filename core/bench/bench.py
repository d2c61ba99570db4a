"""The benchmark: our engine beside a plain PyTorch loop in one process, and beside the machine's limits.

The two are timed in turn, so that whatever else the machine does meets both. One measurement lasts
a good fraction of a second; how many epochs that takes is found by doubling. Start-up times and the
cost of the screen, which need processes of their own, are in bench_processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from logreg_tui.core.bench.loops import (
    EngineLoop,
    PlainData,
    PlainLoop,
    TrainerLoop,
    largest_difference,
    reads,
    square_product,
)
from logreg_tui.core.bench.results import (
    Agreement,
    BenchResult,
    Limits,
    LoggedTraining,
    Machine,
    PairedTimes,
    Speed,
    SpeedComparison,
    Work,
)
from logreg_tui.core.engine.gpu.choice import EngineChoice
from logreg_tui.core.session.start import TrainingEnvironment, out_of_memory_explained
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.text import counted
from logreg_tui.core.training.state import Training

Clock = Callable[[], float]
Train = Callable[[int], None]

MEASUREMENT_S = 0.25
"""The least duration of a measurement if the number of epochs is not given."""
LIMIT_TRIES = 5
CHECKED_EPOCHS = 10
LOG_EVERY = 10
ENDLESS = 10**9


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of runs to measure, and how often."""

    run_counts: Sequence[int] = (1, 2, 4, 8, 16)
    pairs: int = 7
    epochs: int | None = None
    """Epochs of each measurement; None is as many as fill MEASUREMENT_S."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of two things that are timed in turn."""

    train: Train
    """Trains some epochs, and returns when they are done."""
    prepare: Callable[[], object] = lambda: None
    """Called before each measurement, untimed."""
    stride: int = 1
    """Epochs come in multiples of it."""

    def timed(self, epochs: int, clock: Clock) -> float:
        """Return the seconds that some epochs take, after others that warm the caches."""
        self.prepare()
        self.train(self.stride)
        return timed(partial(self.train, epochs), clock)


def timed(work: Callable[[], object], clock: Clock) -> float:
    """Return the seconds that something takes."""
    start = clock()
    work()
    return clock() - start


def enough_epochs(seconds: Callable[[int], float], stride: int, least_s: float = MEASUREMENT_S) -> int:
    """Return how many epochs last `least_s`: `stride`, doubled as often as it takes."""
    epochs = stride
    while seconds(epochs) < least_s:
        epochs *= 2
    return epochs


def rounded_up(epochs: int, stride: int) -> int:
    """Return the first multiple of `stride` that is not below `epochs`."""
    return -(-epochs // stride) * stride


class Bench:
    """Measures in one process, on one dataset and one device; runs differ in their seeds alone."""

    def __init__(
        self,
        plan: Plan,
        environment: TrainingEnvironment,
        progress: Callable[[str], None],
        clock: Clock = time.perf_counter,
    ) -> None:
        self.plan = plan
        self.environment = environment
        self.progress = progress
        self.clock = clock
        samples, features = environment.dataset.train_inputs.shape
        self.work = Work(samples, features, environment.dataset.classes)
        with out_of_memory_explained(environment):
            self.data = PlainData(environment.dataset, environment.device)

    def run(self) -> BenchResult:
        """Measure everything that this process can."""
        with out_of_memory_explained(self.environment):
            limits = self.measure_limits()
            comparisons, agreement, choice = self.compare_speeds(limits)
            environment = self.environment
            machine = Machine(
                environment.dataset.name,
                environment.settings.pixels,
                self.work,
                environment.device_text,
                environment.threads,
                str(torch.__version__),
                choice.text or f"engine {choice.name}",
            )
            return BenchResult(machine, limits, agreement, comparisons, self.measure_training(choice))

    def use_all_threads(self) -> None:
        """Let PyTorch compute with as many threads as the engine does."""
        torch.set_num_threads(self.environment.threads)

    def use_one_thread(self) -> None:
        """Let PyTorch compute as during a training: the engine has threads of its own."""
        torch.set_num_threads(1)

    def epochs(self, side: Side) -> int:
        """Return how many epochs each measurement of a side takes."""
        if self.plan.epochs is not None:
            return rounded_up(self.plan.epochs, side.stride)
        side.prepare()
        # What is compiled, captured or allocated once is no part of an epoch.
        side.train(side.stride)
        return enough_epochs(lambda epochs: timed(partial(side.train, epochs), self.clock), side.stride)

    def pairs(self, plain: Side, plain_epochs: int, ours: Side, our_epochs: int) -> PairedTimes:
        """Return the seconds of both sides, measured in turn."""
        return PairedTimes.in_turn(
            lambda: plain.timed(plain_epochs, self.clock),
            lambda: ours.timed(our_epochs, self.clock),
            self.plan.pairs,
        )

    def measure_limits(self) -> Limits:
        """Return what the machine reaches in a plain read of the data and in a large product."""

        def best(work: Callable[[], object]) -> float:
            """Return the least seconds of several tries, when the caches are warm."""
            work()
            return min(timed(work, self.clock) for _ in range(LIMIT_TRIES))

        self.progress("Measuring what the machine can read and compute")
        self.use_all_threads()
        seconds, way = min((best(work), name) for name, work in reads(self.data).items())
        size, product = square_product(self.environment.device)
        return Limits(self.work.data_bytes / seconds / 1e9, way, 2 * size**3 / best(product) / 1e9, size)

    def runs(self, count: int) -> list[RunSettings]:
        """Return runs that differ in their seeds."""
        return [replace(self.environment.settings.runs[0], seed=seed) for seed in range(count)]

    def compare_speeds(self, limits: Limits) -> tuple[list[SpeedComparison], Agreement, EngineChoice]:
        """Time the plain loop and the engine with each number of runs; compare what they compute.

        The engine is the one that the smallest number of runs leads to.
        """
        counts = sorted(self.plan.run_counts)
        expected = self.plain_losses(counts[-1])
        engine = EngineLoop(self.environment.engine())
        ours = Side(engine.train, self.use_one_thread, engine.engine.longest_stride)
        plain = Side(PlainLoop(self.data, self.runs(1)[0]).train, self.use_all_threads)
        plain_epochs = self.epochs(plain)
        comparisons, difference = [], 0.0
        for count in counts:
            self.progress(f"Training {counted(count, 'run')}: {counted(self.plan.pairs, 'pair')}")
            self.use_one_thread()
            engine.begin(self.runs(count))
            if count == counts[0]:
                self.environment.select_engine(engine.engine, engine.rates)
            engine.train(CHECKED_EPOCHS)
            difference = max(difference, largest_difference(engine.losses(), expected[:count]))
            epochs = self.epochs(ours)
            pairs = self.pairs(plain, plain_epochs, ours, epochs)
            comparisons.append(
                SpeedComparison(
                    Speed.of(pairs.second, epochs, count, self.work, limits),
                    Speed.of(pairs.first, plain_epochs, 1, self.work, limits),
                    pairs.ratio(count * epochs / plain_epochs),
                )
            )
        return comparisons, Agreement(CHECKED_EPOCHS, sum(counts), difference), engine.engine.choice

    def plain_losses(self, count: int) -> list[tuple[float, float]]:
        """Return the losses of `count` runs that the plain loop has trained for CHECKED_EPOCHS."""
        self.progress(f"Training {counted(count, 'run')} for {CHECKED_EPOCHS} epochs to compare")
        self.use_all_threads()
        losses = []
        for run in self.runs(count):
            loop = PlainLoop(self.data, run)
            loop.train(CHECKED_EPOCHS)
            losses.append(loop.losses())
        return losses

    def measure_training(self, choice: EngineChoice) -> LoggedTraining:
        """Time `train` with this engine, and the plain loop with both losses as often, in turn."""
        self.progress(
            f"Training 1 run with both losses every {LOG_EVERY} epochs: {counted(self.plan.pairs, 'pair')}"
        )
        runs = self.runs(1)
        loop = PlainLoop(self.data, runs[0])
        plain = Side(partial(loop.train, log_every=LOG_EVERY), self.use_all_threads, LOG_EVERY)
        self.use_one_thread()
        settings = replace(self.environment.settings, runs=tuple(runs), epochs=ENDLESS, log_every=LOG_EVERY)
        training = Training.start(settings, self.environment.engine())
        self.environment.select_engine(training.engine, training.learning_rates, choice)
        ours = Side(TrainerLoop(training).train, self.use_one_thread, LOG_EVERY)
        plain_epochs, epochs = self.epochs(plain), self.epochs(ours)
        pairs = self.pairs(plain, plain_epochs, ours, epochs)
        return LoggedTraining.of(pairs, epochs, plain_epochs, LOG_EVERY)
