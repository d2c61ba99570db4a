"""Epochs as CUDA graphs: with a stand-in that records operations and does them again, and on a real GPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import count

import pytest
import torch
from helpers.loops import CPU, rows
from helpers.made_data import ALL_OPTIMIZERS, all_parameters, cut_into_blocks, dataset, values, with_runs
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine import dense_pass
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.gpu.choice import GRAPH, EngineChoice
from logreg_tui.core.engine.gpu.cuda_graphs import GRAPH_EPOCHS
from logreg_tui.core.engine.gpu.interval import stride_of
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule, grid
from logreg_tui.core.training import events
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.state import Training
from logreg_tui.core.training.trainer import train

HEADS = ("sigmoid", "logits")


Operation = tuple[Callable[..., torch.Tensor], tuple[object, ...], dict[str, object], torch.Tensor]
"""A function of PyTorch, what it was called with, and what it returned."""


class _Recorder(TorchDispatchMode):
    """Notes every operation with the tensors it worked on; those that wait for the GPU are refused."""

    def __init__(self, done: list[Operation]) -> None:
        super().__init__()
        self._done = done

    def __torch_dispatch__(
        self,
        func: Callable[..., torch.Tensor],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> torch.Tensor:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        result: torch.Tensor = func(*args, **(kwargs or {}))
        self._done.append((func, args, kwargs or {}, result))
        return result


class StandInGraph:
    """A CUDA graph on the processor: `replay` works on the very tensors that were captured."""

    made: list[StandInGraph] = []

    def __init__(self) -> None:
        self.done: list[Operation] = []
        self.replays = 0
        StandInGraph.made.append(self)

    @property
    def is_of_epochs(self) -> bool:
        """True if it changes parameters; what is measured does not."""
        return any(func is torch.ops.aten.addcmul_.default for func, *_ in self.done)

    def replay(self) -> None:
        self.replays += 1
        with torch.no_grad():
            for func, args, kwargs, result in self.done:
                again = func(*args, **kwargs)
                # A view, or what an operation was given to fill, holds the result already.
                if isinstance(again, torch.Tensor) and again.data_ptr() != result.data_ptr():
                    result.copy_(again)


class StandInStream:
    """A CUDA stream that need not be waited for."""

    made: list[StandInStream] = []
    current: StandInStream

    def __init__(self) -> None:
        StandInStream.made.append(self)

    def wait_stream(self, other: StandInStream) -> None:
        """Nothing runs beside the caller here."""


@contextmanager
def capturing(graph: StandInGraph, stream: StandInStream, capture_error_mode: str) -> Iterator[None]:
    assert capture_error_mode == "thread_local", "calls of other threads would spoil it"
    with _Recorder(graph.done):
        yield


def failing(ending: Callable[[], None]) -> Callable[..., object]:
    """Return a capture that ends with an error and leaves its stream the current one, as PyTorch does."""

    @contextmanager
    def capture(graph: StandInGraph, stream: StandInStream, capture_error_mode: str) -> Iterator[None]:
        torch.cuda.set_stream(stream)
        yield
        ending()

    return capture


def refused() -> None:
    """End a capture as PyTorch does after an error inside it: the cause is the context of what is raised."""
    try:
        raise RuntimeError("CUDA error: operation not permitted\nCompile with `TORCH_USE_CUDA_DSA`")
    except RuntimeError:
        raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> list[StandInGraph]:
    """Let the processor play the GPU; return the graphs that are captured."""
    StandInGraph.made = []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", StandInGraph)
    monkeypatch.setattr(torch.cuda, "graph", capturing)
    monkeypatch.setattr(torch.cuda, "Stream", StandInStream)
    StandInStream.current = StandInStream()
    StandInStream.made = []
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: StandInStream.current)
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: setattr(StandInStream, "current", stream))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    # A processor looks at the losses first, to be faster.
    monkeypatch.setattr(dense_pass, "_is_correct", lambda outputs, *others: outputs.argmax(1) == others[1])
    return StandInGraph.made


def of_epochs(graphs: Sequence[StandInGraph]) -> list[StandInGraph]:
    """Return the graphs that take steps."""
    return [graph for graph in graphs if graph.is_of_epochs]


DATA = dataset(values(60, 5), values(20, 5, seed=1))


def with_graphs(engine: Engine) -> Engine:
    """Let an engine of the processor use graphs as one of a GPU does."""
    engine.use(EngineChoice(GRAPH))
    return engine


def pair(heads: Sequence[str] = HEADS, data: Dataset = DATA) -> tuple[Engine, Engine]:
    """Return an engine with graphs and one without, with the same runs."""
    graphed, eager = (with_runs(Engine(data, CPU), heads) for _ in range(2))
    return with_graphs(graphed), eager


def assert_same(graphed: Engine, eager: Engine) -> None:
    assert torch.equal(all_parameters(graphed), all_parameters(eager))
    assert graphed.measure() == eager.measure()


def advance(engines: Sequence[Engine], epochs: int, rate: float = 0.05) -> None:
    for engine in engines:
        engine.advance([dict.fromkeys(engine.runs, rate * 0.9**epoch) for epoch in range(epochs)])


@pytest.mark.parametrize("rows_of_a_block", [10, 1000])
@pytest.mark.parametrize("heads", [("sigmoid",), ("logits",), ("logits", "sigmoid", "logits")])
def test_a_graph_does_what_its_epochs_do(
    stand_ins: list[StandInGraph],
    heads: Sequence[str],
    rows_of_a_block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut_into_blocks(monkeypatch, rows_of_a_block)
    engines = pair(heads)
    for is_measured in (True, True, False, False, True):
        if is_measured:
            assert_same(*engines)
        advance(engines, 4)
    assert_same(*engines)
    # One epoch each: one graph has its gradient from the measurement, one has not.
    assert [graph.replays for graph in of_epochs(stand_ins)] == [3, 5 * 4 - 3]


def test_learning_rates_and_lambdas_are_data_of_a_graph(stand_ins: list[StandInGraph]) -> None:
    engines = pair()
    for rate, l2 in ((0.05, 0.01), (0.3, 0.01), (0.3, 0.7), (0.001, 0.0)):
        for engine in engines:
            engine.set_l2(1, l2)
            engine.measure()
        advance(engines, 3, rate)
        assert torch.equal(all_parameters(engines[0]), all_parameters(engines[1]))
    assert [graph.replays for graph in of_epochs(stand_ins)] == [4, 8]


def test_a_graph_does_the_steps_of_every_optimizer(stand_ins: list[StandInGraph]) -> None:
    graphed, eager = (with_runs(Engine(DATA, CPU), HEADS * 2, optimizers=ALL_OPTIMIZERS) for _ in range(2))
    engines = with_graphs(graphed), eager
    # The first steps of Adam are scaled by their number, which is data of the graph.
    for epochs in (1, GRAPH_EPOCHS + 2, 3):
        advance(engines, epochs)
        assert_same(*engines)
    for run in eager.runs:
        one, other = (engine.optimizer_state(run) or {} for engine in engines)
        assert one.keys() == other.keys()
        assert all(torch.equal(torch.as_tensor(one[name]), torch.as_tensor(other[name])) for name in one)
    assert max(graph.replays for graph in of_epochs(stand_ins)) > 1


def test_kept_parameters_are_restored_without_a_new_graph(stand_ins: list[StandInGraph]) -> None:
    engines = pair()
    for engine in engines:
        engine.measure()
        engine.snapshot(2)
    advance(engines, 3)
    for engine in engines:
        engine.rollback(2)
        engine.measure()
    advance(engines, 3)
    assert_same(*engines)
    assert len(of_epochs(stand_ins)) == 2


def test_what_changes_the_layout_makes_graphs_anew(stand_ins: list[StandInGraph]) -> None:
    engines = pair()
    changes = (
        lambda engine: engine.set_head(1, "logits"),
        lambda engine: engine.set_head(1, "sigmoid"),
        lambda engine: with_third(engine),
        lambda engine: engine.remove(1),
    )
    advance(engines, 1)
    for number, change in enumerate(changes, 1):
        assert len(of_epochs(stand_ins)) == number
        for engine in engines:
            change(engine)
        advance(engines, 1)
        assert_same(*engines)
    assert engines[0].runs == [2, 3]


def with_third(engine: Engine) -> None:
    engine.add(3, "logits", 0.2, torch.full((3, 5), 0.1), torch.zeros(3))


def test_two_graphs_make_strides_of_any_length_on_one_stream(stand_ins: list[StandInGraph]) -> None:
    engines = pair()
    assert_same(*engines)
    for epochs in (1, 3, GRAPH_EPOCHS, GRAPH_EPOCHS + 3, 4 * GRAPH_EPOCHS + 1, 7):
        advance(engines, epochs)
        assert_same(*engines)
    # Each begins with the gradient that was measured, or without one.
    assert len(of_epochs(stand_ins)) == 4
    assert len(StandInStream.made) == 1


def test_a_capture_that_fails_is_done_without_and_the_stream_is_restored(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "graph", failing(refused))
    graphed, eager = pair()
    before = StandInStream.current
    for epochs in (3, GRAPH_EPOCHS, 1):
        advance([graphed, eager], epochs)
        assert_same(graphed, eager)
    assert StandInStream.current is before
    assert len(stand_ins) == 1, "it is tried once"
    assert graphed.graph_failure == "CUDA graphs cannot be used here (CUDA error: operation not permitted)"
    assert eager.graph_failure is None


def test_a_training_whose_graphs_fail_says_so_once_and_goes_on(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(Engine(DATA, CPU), RUNS)
    monkeypatch.setattr(Engine, "longest_stride", 100)
    monkeypatch.setattr(torch.cuda, "graph", failing(refused))
    training = Training.start(SETTINGS, with_graphs(Engine(DATA, CPU)))
    happened = list(train(training, Control()))
    (change,) = [event for event in happened if isinstance(event, events.EngineChanged)]
    assert change.reason.startswith("CUDA graphs cannot be used here (CUDA error: operation not permitted)")
    assert [dataclasses.replace(row, elapsed_s=0.0) for row in rows(happened)] == expected[0]


def test_what_a_log_point_measures_is_one_graph_and_one_transfer(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    graphed, eager = pair()
    transferred: list[tuple[int, ...]] = []
    to_list = Tensor.tolist

    def noted(tensor: Tensor) -> object:
        transferred.append(tuple(tensor.shape))
        return to_list(tensor)

    for _ in range(3):
        advance([graphed, eager], 3)
        expected = eager.measure()
        with monkeypatch.context() as patched:
            patched.setattr(Tensor, "tolist", noted)
            assert graphed.measure() == expected
        assert torch.equal(graphed._gradient, eager._gradient)
        assert not graphed.gradient_is_stale
    (graph,) = (graph for graph in stand_ins if not graph.is_of_epochs)
    assert graph.replays == 3
    assert transferred == [(5, 2)] * 3


def test_a_measurement_whose_graph_fails_is_made_without_it_and_epochs_are_too(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "graph", failing(refused))
    graphed, eager = pair()
    assert graphed.measure() == eager.measure()
    advance([graphed, eager], 3)
    assert_same(graphed, eager)
    assert len(stand_ins) == 1
    assert graphed.graph_failure is not None


def test_after_another_layout_a_warm_up_that_fails_is_not_held_against_the_former(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = pair()
    advance(engines, 1)
    for engine in engines:
        engine.remove(1)
    fails = iter([True])
    step = engines[0].gradient_step

    def fail_once(negative_rates: Tensor) -> Tensor:
        if next(fails, False):
            raise RuntimeError("cuBLAS cannot be loaded")
        return step(negative_rates)

    monkeypatch.setattr(engines[0], "gradient_step", fail_once)
    advance(engines, 1)
    assert_same(*engines)
    assert engines[0].graph_failure == "CUDA graphs cannot be used here (cuBLAS cannot be loaded)"


def test_memory_that_runs_out_in_a_capture_is_named_as_that(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out() -> None:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        except RuntimeError:
            raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904

    monkeypatch.setattr(torch.cuda, "graph", failing(run_out))
    graphed, _ = pair()
    with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate"):
        advance([graphed], 3)
    assert graphed.graph_failure is None


def test_an_engine_that_computes_otherwise_after_a_failed_capture_is_not_trusted(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    graphed, _ = pair()

    def spoil() -> None:
        graphed.set_l2(1, 5.0)
        refused()

    monkeypatch.setattr(torch.cuda, "graph", failing(spoil))
    with pytest.raises(UserError, match="left the GPU in disorder: use --engine eager"):
        advance([graphed], 3)


def test_leaving_while_a_graph_is_prepared_changes_nothing(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 10)
    graphed, eager = pair()
    before = all_parameters(graphed)
    for polls in (0, 5, 9, 17):
        asked = count()
        graphed.is_cancelled = lambda asked=asked, polls=polls: next(asked) >= polls
        with pytest.raises(Cancelled):
            advance([graphed], 3)
        assert torch.equal(all_parameters(graphed), before)
    graphed.is_cancelled = lambda: False
    advance([graphed, eager], 3)
    assert_same(graphed, eager)


def test_rehearsing_changes_nothing() -> None:
    engine = with_runs(Engine(DATA, CPU), HEADS)
    for is_measured in (True, False):
        if is_measured:
            engine.measure()
        before = all_parameters(engine), engine.gradient_is_stale
        with engine.restoring_parameters():
            engine.gradient_step(torch.full((3, 6, 1), -0.5))
            assert not torch.equal(all_parameters(engine), before[0])
        assert torch.equal(all_parameters(engine), before[0])
        assert engine.gradient_is_stale == before[1]
        expected = with_runs(Engine(DATA, CPU), HEADS)
        expected.measure()
        engine.advance([{1: 0.05, 2: 0.05}])
        expected.advance([{1: 0.05, 2: 0.05}])
        assert torch.equal(all_parameters(engine), all_parameters(expected))
        engine = with_runs(Engine(DATA, CPU), HEADS)


def trained(engine: Engine, runs: Sequence[RunSettings]) -> tuple[list[events.RowLogged], torch.Tensor]:
    """Train to epoch 47 and return rows and the parameters in the end."""
    training = Training.start(dataclasses.replace(SETTINGS, runs=tuple(runs)), engine)
    happened = rows(train(training, Control()))
    snapshot = [part.flatten() for run in training.runs.values() for part in training.parameters(run)]
    return [dataclasses.replace(row, elapsed_s=0.0) for row in happened], torch.cat(snapshot)


RUNS = grid(HEADS, [0.001, 0.1], [0.01], [0], Schedule("step", step_size=7, gamma=0.5))
SETTINGS = ExperimentSettings(runs=RUNS, epochs=47, log_every=10, report_every=15)


def test_a_training_with_graphs_logs_the_rows_of_one_without(
    stand_ins: list[StandInGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(Engine(DATA, CPU), RUNS)
    monkeypatch.setattr(Engine, "longest_stride", 100)
    found = trained(with_graphs(Engine(DATA, CPU)), RUNS)
    assert found[0] == expected[0]
    assert torch.equal(found[1], expected[1])
    assert len(of_epochs(stand_ins)) == 3, "of ten epochs, and of one with and without a gradient"


@pytest.mark.parametrize(
    ("epoch_s", "epochs"), [(0.0, 100), (25e-6, 100), (1e-3, 50), (0.012, 4), (0.05, 1), (3.0, 1)]
)
def test_a_stride_takes_a_twentieth_of_a_second_at_most(epoch_s: float, epochs: int) -> None:
    assert stride_of(epoch_s) == epochs


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_graphs_log_the_rows_of_the_eager_engine(digits: Dataset) -> None:
    device = torch.device("cuda", 0)
    eager, graphed = trained(Engine(digits, device), RUNS), trained(with_graphs(Engine(digits, device)), RUNS)
    for one, other in zip(eager[0], graphed[0], strict=True):
        assert (one.run, one.epoch, one.learning_rate) == (other.run, other.epoch, other.learning_rate)
        for name in ("train_loss", "test_loss", "l2_penalty"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-5)
        assert other.train_accuracy == pytest.approx(one.train_accuracy, abs=2e-3)
    torch.testing.assert_close(graphed[1], eager[1], rtol=1e-5, atol=1e-5)
