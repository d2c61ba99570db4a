"""Engines tried on the data: on the processor, with passes that are wrong, slow, raise or give NaN."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from helpers.loops import CPU
from helpers.made_data import all_parameters, dataset, values, with_runs
from helpers.stand_in_gpu import without_graphs
from torch import Tensor

from logreg_tui.core.engine.dense_pass import DensePass
from logreg_tui.core.engine.device_data import DeviceData
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.full_batch_pass import FullBatchPass
from logreg_tui.core.engine.gpu.choice import EAGER, FUSED, GRAPH, EngineChoice
from logreg_tui.core.engine.gpu.cuda_graphs import GraphCache
from logreg_tui.core.engine.gpu.qualification import Qualified, qualify
from logreg_tui.core.errors import Cancelled, UserError

DATA = dataset(values(60, 5, dtype="f4"), values(20, 5, seed=1, dtype="f4"))
RATES = {1: 0.05, 2: 0.002}
ALL = (EngineChoice(FUSED), EngineChoice(GRAPH), EngineChoice(EAGER))

Change = Callable[[Tensor], object]


class Changed(DensePass):
    """A pass whose gradient, metrics and updates are changed by a test."""

    gradient_change: Change = staticmethod(lambda tensor: None)
    metrics_change: Change = staticmethod(lambda tensor: None)
    update_change: Change = staticmethod(lambda tensor: None)

    def fill_gradient(self, total: Tensor, gradient: Tensor) -> None:
        super().fill_gradient(total, gradient)
        self.gradient_change(gradient)

    def metrics(self, samples: Any) -> Tensor:  # noqa: ANN401
        metrics = super().metrics(samples)
        self.metrics_change(metrics)
        return metrics

    def update(self, parameters: Tensor, gradient: Tensor, decay: Tensor, negative_rate: Tensor) -> bool:
        super().update(parameters, gradient, decay, negative_rate)
        self.update_change(parameters)
        return False


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine of the processor with two runs, which needs no graphs to be of any kind."""
    without_graphs(monkeypatch)
    monkeypatch.setattr(DeviceData, "new_pass", new_pass)
    PASSES.clear()
    return with_runs(Engine(DATA, CPU), ("sigmoid", "logits"))


PASSES: dict[str, Callable[..., FullBatchPass[Any]]] = {}
"""Those of the kinds that a test replaces."""


def new_pass(self: DeviceData, choice: EngineChoice, runs: int, sigmoid_runs: int) -> FullBatchPass[Any]:
    make = PASSES.get(choice.name, DensePass)
    return make(self.storage, runs, sigmoid_runs, self.classes, CPU, self._team, self.counts[0])


def changing(**changes: Change) -> Callable[..., FullBatchPass[Any]]:
    """Return a kind of pass with these changes."""
    return type("Changing", (Changed,), {name: staticmethod(change) for name, change in changes.items()})


def ticking(seconds: Sequence[float]) -> Callable[[], float]:
    """Return a clock that goes on by so much at each look, over and over."""
    times = itertools.accumulate(itertools.cycle(seconds))
    return lambda: next(times)


def names(agreed: Sequence[Qualified]) -> list[str]:
    return [one.choice.name for one in agreed]


def test_engines_that_agree_are_told_with_their_times_and_all_is_undone(engine: Engine) -> None:
    engine.advance([RATES] * 3)
    engine.measure()
    before = all_parameters(engine)
    PASSES[FUSED] = changing(update_change=lambda tensor: tensor.mul_(1 + 1e-6))
    agreed, failures = qualify(engine, ALL, RATES, clock=ticking([1e-4]))
    assert names(agreed) == [FUSED, GRAPH, EAGER]
    assert failures == {}
    assert 0 < agreed[0].difference < 1e-5
    assert [one.difference for one in agreed[1:]] == [0.0, 0.0]
    assert all(one.epoch_s == pytest.approx(1e-4 / 30) for one in agreed)
    assert torch.equal(all_parameters(engine), before)
    assert engine.choice.name == EAGER
    expected = with_runs(Engine(DATA, CPU), ("sigmoid", "logits"))
    expected.advance([RATES] * 3)
    assert engine.measure() == expected.measure()
    for each in (engine, expected):
        each.advance([RATES] * 2)
    assert torch.equal(all_parameters(engine), all_parameters(expected))


def off(share: float) -> Change:
    return lambda tensor: tensor[0].mul_(1 + share)


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"metrics_change": off(1e-3)}, "its losses differ by 1e-03 from the eager engine's"),
        ({"metrics_change": lambda m: m[0].fill_(torch.nan)}, "its losses differ by inf from"),
        ({"metrics_change": lambda m: m[1, 1].sub_(4)}, "its correct answers differ by"),
        ({"gradient_change": lambda g: g[-1, 0].add_(1.0)}, "its gradients differ by"),
        ({"gradient_change": lambda g: g[0, 0].fill_(torch.nan)}, "its gradients differ by inf"),
        ({"update_change": lambda p: p[2, 1].add_(1e-4)}, "its parameters after two updates differ by"),
    ],
)
def test_an_engine_that_computes_otherwise_is_left_out(
    changes: dict[str, Change], failure: str, engine: Engine
) -> None:
    PASSES[FUSED] = changing(**changes)
    agreed, failures = qualify(engine, ALL, RATES)
    assert names(agreed) == [GRAPH, EAGER]
    assert list(failures) == [FUSED]
    assert failures[FUSED].startswith(failure) or failures[FUSED].startswith("its losses"), failures


def test_an_engine_that_computes_something_else_each_time_is_left_out(engine: Engine) -> None:
    noise = itertools.cycle([1e-7, 2e-7, -1e-7])
    PASSES[FUSED] = changing(metrics_change=lambda metrics: metrics[0].mul_(1 + next(noise)))
    agreed, failures = qualify(engine, ALL, RATES)
    assert failures == {FUSED: "it does not compute the same bits twice"}
    assert names(agreed) == [GRAPH, EAGER]


class CompileError(Exception):
    """What a compiler raises."""


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: out of memory\nmore"),
        torch.OutOfMemoryError("no more"),
        CompileError(),
    ],
)
@pytest.mark.parametrize("place", ["at once", "in a pass"])
def test_an_engine_that_raises_is_left_out(error: Exception, place: str, engine: Engine) -> None:
    def fail(*_: object) -> None:
        raise error

    PASSES[FUSED] = fail if place == "at once" else changing(gradient_change=fail)  # type: ignore[assignment]
    before = all_parameters(engine)
    agreed, failures = qualify(engine, ALL, RATES)
    assert failures == {FUSED: (str(error) or "CompileError").split("\n")[0]}
    assert names(agreed) == [GRAPH, EAGER]
    assert torch.equal(all_parameters(engine), before)


@pytest.mark.parametrize(
    ("spoil", "what"), [("values", "left the GPU in disorder"), ("device", "the GPU answers no more")]
)
def test_an_engine_that_spoils_the_gpu_is_an_error(spoil: str, what: str, engine: Engine) -> None:
    def fail(_: Tensor) -> None:
        def broken(_: Tensor) -> None:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

        change = (lambda g: g.mul_(1.5)) if spoil == "values" else broken
        PASSES[EAGER] = changing(gradient_change=change)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    PASSES[FUSED] = changing(gradient_change=fail)
    with pytest.raises(UserError, match=f"illegal memory access.*, and {what}: use --engine eager"):
        qualify(engine, ALL, RATES)


def test_graphs_that_cannot_be_captured_are_left_out(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GraphCache, "failure", "CUDA graphs cannot be used here (why)", raising=False)
    monkeypatch.setattr(GraphCache, "__init__", lambda self, engine: setattr(self, "_engine", engine))
    monkeypatch.setattr(GraphCache, "forget", lambda self: None)
    agreed, failures = qualify(engine, ALL[1:], RATES)
    assert failures == {GRAPH: "CUDA graphs cannot be used here (why)"}
    assert names(agreed) == [EAGER]


def test_what_is_not_timed_is_held_against_the_truth_all_the_same(engine: Engine) -> None:
    PASSES[FUSED] = changing(metrics_change=off(1e-3))
    agreed, failures = qualify(engine, ALL[:2], RATES, clock=None)
    assert (names(agreed), list(failures)) == ([GRAPH], [FUSED])


def test_a_stop_ends_it_and_undoes_all(engine: Engine) -> None:
    before = all_parameters(engine)
    for polls in (0, 3, 8, 20):
        asked = itertools.count()
        engine.is_cancelled = lambda asked=asked, polls=polls: next(asked) >= polls
        with pytest.raises(Cancelled):
            qualify(engine, ALL, RATES)
        assert torch.equal(all_parameters(engine), before)


@pytest.mark.parametrize("rate", [0.05, 1e30])
def test_learning_rates_that_diverge_disqualify_nobody(rate: float, engine: Engine) -> None:
    agreed, failures = qualify(engine, ALL, dict.fromkeys(RATES, rate))
    assert (len(agreed), failures) == (3, {})


def test_values_that_overflow_disqualify_nobody() -> None:
    """The truth itself is not finite: an engine that says so agrees, one that gives a number does not."""
    huge = dataset(values(60, 5, dtype="f4") * 1e37, values(20, 5, seed=1, dtype="f4"))
    engine = with_runs(Engine(huge, CPU), ("logits", "logits"))
    with pytest.MonkeyPatch.context() as patch:
        without_graphs(patch)
        patch.setattr(DeviceData, "new_pass", new_pass)
        PASSES.clear()
        PASSES[FUSED] = changing(metrics_change=lambda metrics: metrics.nan_to_num_(1.0, 1.0, 1.0))
        agreed, failures = qualify(engine, ALL, RATES)
    assert names(agreed) == [GRAPH, EAGER], failures
    assert "its losses differ by inf" in failures[FUSED]
