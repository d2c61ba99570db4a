"""Engines of a GPU tried on the data of a training: which of them agree, and which is the fastest.

The truth is what the eager engine computes: losses, hits and gradient at initial parameters, and the
parameters, losses and hits after two updates. Whatever is tried is undone. In a training the figures of
report points are held against the eager engine's, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logreg_tui.core.engine.gpu.choice import EAGER, FUSED, GRAPH, EngineChoice
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.text import describe

if TYPE_CHECKING:
    from logreg_tui.core.engine.engine import Engine
    from logreg_tui.core.engine.run_matrix import Measurement

SAME_LOSS = 1e-5
"""Relative difference of losses that is still the same."""
SAME_GRADIENT = 1e-4
"""Difference of gradients, in terms of the run's largest."""
SAME_PARAMETERS = 1e-5
"""Difference of parameters after two updates likewise."""
SAME_ADAPTED = 1e-4
"""The mean difference likewise, of Adam: where a gradient is near 0, its steps are as long as elsewhere and
rounding decides on them."""
SAME_HITS = 1e-4
"""Difference of correct answers, in terms of the samples: where outputs tie, rounding decides."""
LEAST_LOSS = 1e-3
"""The unit of differences between losses below it: float32 sums end there."""
GENTLE_RATE = 0.01
"""No learning rate above it is tried: at a thousand times that, rounding decides after two updates."""
SAME_FIGURE = 1e-4
"""Relative difference of losses at which a training ends rather than log a row."""
SAME_ACCURACY, FEW_SAMPLES = 2e-3, 3
"""Difference of accuracies likewise; of few samples so many may tie."""
OVERFLOWING = 1e30
"""From here on sums overflow sooner or later, as their order has it: such a run diverges anyway."""
TIMED_EPOCHS, TIMINGS, TIMED_S = 30, 5, 0.03
"""Epochs that are timed at once, how often, and the seconds that once is to last at most."""


class DisagreementError(Exception):
    """An engine computes something else than the eager one; in words."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The results of an engine, run by run."""

    losses: Tensor
    """Of training and test at initial parameters, and after two updates; shape (runs, 4), float64."""
    shares: Tensor
    """The accuracies likewise."""
    gradient: Tensor
    """Shape (runs, classes * (features + 1))."""
    parameters: Tensor
    """After two updates, likewise."""

    def is_bitwise(self, other: Trial) -> bool:
        """Return whether another trial gave the same bits."""
        return all(
            torch.equal(*(part.nan_to_num(math.pi) for part in (getattr(self, name), getattr(other, name))))
            for name in ("losses", "shares", "gradient", "parameters")
        )


@dataclass(frozen=True, slots=True)
class Qualified:
    """An engine that agrees with the eager one."""

    choice: EngineChoice
    difference: float
    """The largest relative difference of a loss."""
    epoch_s: float = math.nan


def qualify(
    engine: Engine,
    candidates: Sequence[EngineChoice],
    rates: Mapping[int, float],
    *,
    clock: Callable[[], float] | None = perf_counter,
) -> tuple[list[Qualified], dict[str, str]]:
    """Return the candidates that agree with the eager engine, and by title why others do not.

    Without a `clock` nothing is timed. The engine is left as the eager one. Raises Cancelled, and UserError
    if what failed left a GPU that computes otherwise.
    """
    eager = EngineChoice(EAGER)
    engine.use(eager)
    truth = tried(engine, rates)
    agreed, failures = [], {}
    for candidate in candidates:
        try:
            engine.use(candidate)
            difference = 0.0 if candidate.name == EAGER else _difference(engine, truth, rates)
            epoch_s = math.nan if clock is None else timed(engine, rates, clock)
            agreed.append(Qualified(candidate, difference, epoch_s))
        except Cancelled:
            raise
        # Compilers, drivers and memory that runs out raise whatever they come across.
        except Exception as error:
            failures[candidate.title] = describe(error)
            if not isinstance(error, DisagreementError):
                _check_that_the_gpu_is_sound(engine, truth, rates, failures[candidate.title])
    engine.use(eager)
    return agreed, failures


def _check_that_the_gpu_is_sound(
    engine: Engine, truth: Trial, rates: Mapping[int, float], failure: str
) -> None:
    try:
        engine.use(EngineChoice(EAGER))
        is_sound = tried(engine, rates).is_bitwise(truth)
    except RuntimeError as error:
        raise UserError(f"{failure}, and the GPU answers no more: use --engine eager") from error
    if not is_sound:
        raise UserError(f"{failure}, and left the GPU in disorder: use --engine eager")


def tried(engine: Engine, rates: Mapping[int, float]) -> Trial:
    """Return what an engine computes at initial parameters and in two updates, and undo these."""
    step = {run: min(rate, GENTLE_RATE) for run, rate in rates.items()}
    weight, bias = initial_parameters(engine.features, engine.classes, 0)
    with engine.restoring_parameters() as parameters:
        # Where a training has converged, its gradient is what rounding leaves of it.
        parameters.copy_(torch.cat([weight, bias[:, None]], 1).repeat(len(engine.runs), 1))
        before = engine.measure()
        gradient = engine.read_gradient()
        engine.advance([step])
        engine.advance([step])
        after = engine.measure()
        runs = len(before)
        figures = torch.tensor(
            [
                [
                    [value for of in (before[run], after[run]) for value in (of.train_loss, of.test_loss)],
                    [
                        value
                        for of in (before[run], after[run])
                        for value in (of.train_accuracy, of.test_accuracy)
                    ],
                ]
                for run in before
            ],
            dtype=torch.float64,
        )
        return Trial(
            figures[:, 0], figures[:, 1], gradient.reshape(runs, -1), parameters.reshape(runs, -1).clone()
        )


def timed(engine: Engine, rates: Mapping[int, float], clock: Callable[[], float]) -> float:
    """Return the seconds of an epoch, the median of several timings, and undo what was computed."""
    step = {run: min(rate, GENTLE_RATE) for run, rate in rates.items()}

    def seconds(epochs: int) -> float:
        engine.finish()
        start = clock()
        engine.advance([step] * epochs)
        engine.finish()
        return (clock() - start) / epochs

    with engine.restoring_parameters():
        # What is captured or loaded once is no part of an epoch.
        seconds(TIMED_EPOCHS)
        epochs = max(1, min(TIMED_EPOCHS, int(TIMED_S / max(seconds(1), 1e-9))))
        return median(seconds(epochs) for _ in range(TIMINGS))


def _difference(engine: Engine, truth: Trial, rates: Mapping[int, float]) -> float:
    """Return by how much losses differ from the truth. Raises DisagreementError if anything does too much."""
    found = tried(engine, rates)
    if engine.graph_failure is not None:
        raise DisagreementError(engine.graph_failure)
    if not tried(engine, rates).is_bitwise(found):
        raise DisagreementError("it does not compute the same bits twice")
    samples = torch.tensor(engine.data.counts * 2, dtype=torch.float64)
    scale = truth.losses.nan_to_num(0.0, 0.0, 0.0).abs().clamp(min=LEAST_LOSS)
    largest = 0.0
    for what, difference, same in (
        ("losses", _gap(found.losses, truth.losses) / scale, SAME_LOSS),
        ("gradients", _relative(found.gradient, truth.gradient), SAME_GRADIENT),
        (
            "parameters after two updates",
            _gap_of_parameters(found.parameters, truth.parameters, engine.adaptive_runs),
            SAME_PARAMETERS,
        ),
        # Of few samples one may tie.
        (
            "correct answers",
            (_gap(found.shares, truth.shares) * samples - 1).clamp(min=0) / samples,
            SAME_HITS,
        ),
    ):
        worst = float(difference.max())
        if not worst <= same:
            raise DisagreementError(f"its {what} differ by {worst:.0e} from the eager engine's")
        if what == "losses":
            largest = worst
    return largest


def _gap(found: Tensor, truth: Tensor) -> Tensor:
    """Return the differences, infinite where just one value is not finite, 0 where both are not."""
    gap = (found - truth).abs()
    is_finite = truth.isfinite()
    gap = torch.where(is_finite == found.isfinite(), gap, torch.inf)
    return torch.where(is_finite | found.isfinite(), gap, 0.0)


def _relative(found: Tensor, truth: Tensor) -> Tensor:
    """Return the differences of each run in terms of its largest finite value."""
    scale = truth.nan_to_num(0.0, 0.0, 0.0).abs().amax(1, keepdim=True)
    return _gap(found, truth) / scale.clamp(min=torch.finfo(truth.dtype).tiny)


def _gap_of_parameters(found: Tensor, truth: Tensor, adaptive_runs: Sequence[int]) -> Tensor:
    """Return the relative differences; of adaptive runs their mean, in units of what it may be."""
    gap = _relative(found, truth)
    for place in adaptive_runs:
        gap[place] = gap[place].mean() * (SAME_PARAMETERS / SAME_ADAPTED)
    return gap


def check_figures(engine: Engine, measured: Mapping[int, Measurement]) -> None:
    """Hold figures that an engine measured against the eager one's. Raises UserError if they differ.

    Nothing is done if it is the eager one, or no memory is left for that.
    """
    if engine.choice.name not in (GRAPH, FUSED):
        return
    try:
        expected = engine.measure_eagerly()
    except torch.OutOfMemoryError:
        return
    for run, truth in expected.items():
        found = measured[run]
        for name, samples in (("train", engine.data.counts[0]), ("test", engine.data.counts[1])):
            loss, accuracy = f"{name}_loss", f"{name}_accuracy"
            _check_figure(engine, run, loss, getattr(found, loss), getattr(truth, loss), None)
            same = max(SAME_ACCURACY, FEW_SAMPLES / samples)
            _check_figure(engine, run, accuracy, getattr(found, accuracy), getattr(truth, accuracy), same)


def _check_figure(
    engine: Engine, run: int, name: str, found: float, truth: float, same: float | None
) -> None:
    if same is None:
        same = SAME_FIGURE * max(abs(truth), LEAST_LOSS)
        if not abs(found) < OVERFLOWING and not abs(truth) < OVERFLOWING:
            return
    if not abs(found - truth) <= same:
        raise UserError(
            f"the {engine.choice.name} engine computes otherwise than the eager one: {name} of run {run} "
            f"is {found:.7g}, not {truth:.7g}; that row was not written: go on with "
            "`logreg-tui resume DIR --engine eager`"
        )
