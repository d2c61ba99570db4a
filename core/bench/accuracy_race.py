"""Time to accuracy: seconds of fitting until a share of the test set is classified right.

A contender is this program with one of its settings, or an estimator of scikit-learn as a user would call it.
Each is fitted from its start, uninterrupted, for the fewest iterations that reach a target: they are found
first, which times them once, and timed again afterwards, all contenders in turn. Timed is what follows the
scaled data in memory: arranging them and fitting. Scaling, compiling kernels and every evaluation are outside
of the clock.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from logreg_tui.core.bench.loops import EngineLoop, synchronize
from logreg_tui.core.bench.results import Machine, Spread, Work
from logreg_tui.core.heads import LOGITS
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.session.start import TrainingEnvironment, out_of_memory_explained
from logreg_tui.core.settings import PROGRAM, RunSettings
from logreg_tui.core.text import without_infinities

if TYPE_CHECKING:
    from logreg_tui.core.engine.gpu.choice import EngineChoice

Clock = Callable[[], float]
Progress = Callable[[str], None]

SKLEARN = "scikit-learn"
GROWTH = 1.5
"""Factor between the numbers of iterations that are tried until all targets are reached."""
CLOSE = 0.1
"""Share by which the number of iterations found may exceed the fewest."""
ADVISED: dict[str, tuple[tuple[str, float], ...]] = {
    "unit": (("momentum", 1.0), ("adam", 0.03)),
    "standardized": (("nesterov", 0.1), ("adam", 0.03)),
    "raw": (("momentum", 1e-3), ("adam", 3e-3)),
}
"""Optimizers with their learning rates by the scaling of the inputs, for logits without an L2 term."""


MOST_ITERATIONS = 100_000


@dataclass(frozen=True, slots=True)
class RaceLimits:
    """Accuracies to be reached, repetitions of each timing, and the time at which a contender gives up."""

    targets: tuple[float, ...]
    """Test accuracies, rising."""
    repeats: int
    """Fits of each number of iterations found, the one of the search among them."""
    most_iterations: int
    most_s: float
    """Seconds of one fit after which no longer one is tried."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The first time that a contender reached a target."""

    target: float
    iterations: int | None
    """Epochs or, of lbfgs, iterations; None if it was not reached within the limits."""
    seconds: Spread | None
    accuracy: float | None
    """Test accuracy after these iterations."""


@dataclass(frozen=True, slots=True)
class RaceResult:
    """A contender's way to the targets."""

    program: str
    """`logreg-tui` or `scikit-learn`."""
    setting: str
    arrivals: tuple[Arrival, ...]
    """One for each target, in their order."""
    best_accuracy: float
    """Highest test accuracy of all numbers of iterations tried."""
    most_iterations: int
    """The largest number of iterations tried."""


@dataclass(frozen=True, slots=True)
class Race:
    """Results of all contenders on one machine."""

    machine: Machine
    sklearn: str
    """The version of scikit-learn."""
    limits: RaceLimits
    results: tuple[RaceResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a number that is not finite becomes None, as JSON has none."""
        return {name: without_infinities(value) for name, value in asdict(self).items()}


class Contender(Protocol):
    """Something that can be fitted for a number of iterations."""

    program: str
    setting: str

    def fit(self, iterations: int) -> tuple[float, float]:
        """Return the seconds of a fit from the start, and the test accuracy after it."""
        ...


class EngineContender:
    """The engine with one run, as `train` uses it, its arranging of the data timed."""

    program = PROGRAM

    def __init__(self, environment: TrainingEnvironment, run: RunSettings, clock: Clock) -> None:
        self.environment = environment
        self.run = run
        self.setting = f"{run.optimizer}, lr {run.learning_rate:g}"
        self.clock = clock
        self._choice: EngineChoice | None = None

    def fit(self, iterations: int) -> tuple[float, float]:
        torch.set_num_threads(1)
        start = self.clock()
        loop = EngineLoop(self.environment.engine())
        loop.begin([self.run])
        seconds = self.clock() - start
        # The choice among a GPU's engines is made once per machine.
        self.environment.select_engine(loop.engine, loop.rates, self._choice)
        self._choice = loop.engine.choice
        synchronize(loop.engine.device)
        start = self.clock()
        loop.train(iterations)
        seconds += self.clock() - start
        return seconds, loop.engine.measure()[1].test_accuracy


@dataclass
class SklearnContender:
    """An estimator of scikit-learn, anew for each fit."""

    setting: str
    make: Callable[[int], Any]
    """Returns an estimator that does so many iterations."""
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    """Training inputs and labels, test inputs and labels."""
    threads: int
    clock: Clock
    program: str = field(default=SKLEARN, init=False)

    def fit(self, iterations: int) -> tuple[float, float]:
        from threadpoolctl import threadpool_limits

        inputs, labels, test_inputs, test_labels = self.data
        estimator = self.make(iterations)
        with threadpool_limits(self.threads), warnings.catch_warnings():
            # That it has not converged after so few iterations is no news here.
            warnings.simplefilter("ignore")
            start = self.clock()
            estimator.fit(inputs, labels)
            seconds = self.clock() - start
            return seconds, float((estimator.predict(test_inputs) == test_labels).mean())


def our_contenders(environment: TrainingEnvironment, clock: Clock) -> list[Contender]:
    """Return this program with what it would advise for the scaling of the inputs."""
    return [
        EngineContender(
            environment,
            RunSettings(LOGITS, l2=0.0, learning_rate=rate, optimizer=Optimizer.of(kind)),
            clock,
        )
        for kind, rate in ADVISED[environment.settings.pixels]
    ]


def sklearn_contenders(environment: TrainingEnvironment, clock: Clock) -> list[Contender]:
    """Return scikit-learn's estimators for the model, with their defaults but for what bounds the work."""
    from sklearn.linear_model import LogisticRegression, SGDClassifier

    dataset, threads = environment.dataset, environment.threads
    data = (
        np.ascontiguousarray(dataset.train_inputs),
        dataset.train_labels,
        np.ascontiguousarray(dataset.test_inputs),
        dataset.test_labels,
    )

    def logistic(solver: str) -> Callable[[int], Any]:
        # A tolerance of 0: the number of iterations alone says when it ends.
        return lambda most: LogisticRegression(solver=solver, max_iter=most, tol=0, random_state=0)

    def one_versus_rest(most: int) -> Any:  # noqa: ANN401
        return SGDClassifier("log_loss", max_iter=most, tol=None, n_jobs=threads, random_state=0)

    makers = {
        "LogisticRegression lbfgs": logistic("lbfgs"),
        "LogisticRegression saga": logistic("saga"),
        "SGDClassifier log_loss": one_versus_rest,
    }
    return [SklearnContender(name, make, data, threads, clock) for name, make in makers.items()]


def race(
    environment: TrainingEnvironment,
    limits: RaceLimits,
    progress: Progress,
    clock: Clock = time.perf_counter,
) -> Race:
    """Fit all contenders to the targets, and return what that took."""
    import sklearn

    dataset = environment.dataset
    with out_of_memory_explained(environment):
        contenders = [*our_contenders(environment, clock), *sklearn_contenders(environment, clock)]
        results = run_race(contenders, limits, progress)
    samples, features = dataset.train_inputs.shape
    machine = Machine(
        dataset.name,
        environment.settings.pixels,
        Work(samples, features, dataset.classes),
        environment.device_text,
        environment.threads,
        str(torch.__version__),
        "",
    )
    return Race(machine, sklearn.__version__, limits, tuple(results))


def run_race(contenders: Sequence[Contender], limits: RaceLimits, progress: Progress) -> list[RaceResult]:
    """Return a result for each contender: the search first, then the fits found, timed in turn."""
    searches = []
    for contender in contenders:
        progress(f"Searching: {contender.program}, {contender.setting}")
        searches.append(Search(contender, limits))
    for turn in range(1, limits.repeats):
        progress(f"Timing all in turn: {turn + 1} of {limits.repeats}")
        for search in searches:
            search.time_again()
    return [search.result() for search in searches]


class Search:
    """The fewest iterations with which a contender reaches each target, within CLOSE."""

    def __init__(self, contender: Contender, limits: RaceLimits) -> None:
        self.contender = contender
        self.limits = limits
        self.accuracies: dict[int, float] = {}
        """Test accuracies by the number of iterations tried."""
        self.seconds: dict[int, list[float]] = {}
        # What is compiled or loaded once is no part of a fit.
        contender.fit(1)
        self._grow()
        self.found = {target: self._fewest(target) for target in limits.targets}

    def _try(self, iterations: int) -> float:
        """Return the seconds of a fit, and note them with its accuracy."""
        seconds, self.accuracies[iterations] = self.contender.fit(iterations)
        self.seconds.setdefault(iterations, []).append(seconds)
        return seconds

    def time_again(self) -> None:
        """Fit once more for each number of iterations found."""
        for iterations in sorted(set(filter(None, self.found.values()))):
            self.seconds[iterations].append(self.contender.fit(iterations)[0])

    def _grow(self) -> None:
        """Try more and more iterations until the highest target is reached, or a limit."""
        iterations, highest = 1, max(self.limits.targets)
        while True:
            seconds = self._try(iterations)
            if self.accuracies[iterations] >= highest or seconds * GROWTH > self.limits.most_s:
                return
            if iterations == self.limits.most_iterations:
                return
            iterations = min(self.limits.most_iterations, max(iterations + 1, round(GROWTH * iterations)))

    def _fewest(self, target: float) -> int | None:
        """Return the number that reaches a target, halving the distance to the last that does not."""
        reaching = [tried for tried, accuracy in self.accuracies.items() if accuracy >= target]
        if not reaching:
            return None
        high = min(reaching)
        low = max((tried for tried in self.accuracies if tried < high), default=0)
        while high - low > max(1, CLOSE * high):
            middle = (low + high) // 2
            self._try(middle)
            low, high = (low, middle) if self.accuracies[middle] >= target else (middle, high)
        return high

    def result(self) -> RaceResult:
        """Return what was found."""
        arrivals = tuple(
            Arrival(target, None, None, None)
            if found is None
            else Arrival(target, found, Spread.of(self.seconds[found]), self.accuracies[found])
            for target, found in self.found.items()
        )
        best, most = max(self.accuracies.values()), max(self.accuracies)
        return RaceResult(self.contender.program, self.contender.setting, arrivals, best, most)
