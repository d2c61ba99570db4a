"""Passes over the data: figures and gradients against PyTorch in float64, the same bits for any threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import numpy as np
import pytest
import torch
from helpers.loops import CPU
from helpers.made_data import all_parameters, cut_into_blocks, dataset, values, with_runs
from torch import Tensor
from torch.nn import functional

from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine.blocks import OutputLayout, Scratch
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.full_batch_pass import FullBatchPass
from logreg_tui.core.engine.process_group import ProcessGroup
from logreg_tui.core.engine.storage import Batch, SampleBlocks, choose_storage
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.errors import Cancelled

NAN, INF = float("nan"), float("inf")
HEADS = ("sigmoid", "logits", "sigmoid", "logits")


class GivenOutputs:
    """Samples of one block whose linear outputs are given, shape (runs, rows, classes)."""

    block_bounds = ((0, 1),)

    def __init__(self, outputs: Tensor, labels: Tensor) -> None:
        runs, rows, classes = outputs.shape
        self._outputs = outputs.transpose(1, 2).reshape(runs * classes, rows)
        one_hot = functional.one_hot(labels, classes).T.float()
        self._batch = Batch(self, labels, one_hot)  # type: ignore[arg-type]

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], Batch]]:
        yield lambda index: self._batch

    def set_outputs(self, weights: Sequence[Tensor], scratch: Scratch) -> None:
        scratch.outputs[: len(self._outputs)].copy_(self._outputs)


def measured(outputs: Tensor, labels: Tensor, n_sigmoid_outputs: int = 0) -> tuple[list[float], list[float]]:
    """Return the sums of losses and of correct answers of each run for given linear outputs."""
    runs, _, classes = outputs.shape
    layout = OutputLayout(runs * classes, 4, is_sparse=True, device=CPU)
    full_pass = FullBatchPass(layout, n_sigmoid_outputs, classes, CPU, ThreadTeam(1))
    losses, n_correct = full_pass.metrics(GivenOutputs(outputs, labels)).tolist()  # type: ignore[arg-type]
    return losses, n_correct


def put_out(outputs: Tensor, n_sigmoid_outputs: int) -> Tensor:
    """Return what the heads make of linear outputs, the first `n_sigmoid_outputs` runs having a sigmoid."""
    return torch.cat([outputs[:n_sigmoid_outputs].sigmoid(), outputs[n_sigmoid_outputs:]])


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("n_sigmoid_outputs", [0, 1, 3])
def test_losses_and_hits_are_those_of_pytorch(classes: int, scale: float, n_sigmoid_outputs: int) -> None:
    outputs = scale * torch.randn(3, 500, classes, generator=torch.Generator().manual_seed(classes))
    labels = torch.arange(500) * 7 % classes
    losses, n_correct = measured(outputs, labels, n_sigmoid_outputs)
    for run, of_run in enumerate(put_out(outputs, n_sigmoid_outputs)):
        expected = functional.cross_entropy(of_run.double(), labels, reduction="sum")
        assert losses[run] == pytest.approx(expected.item(), rel=1e-6)
        assert n_correct[run] == (of_run.argmax(1) == labels).sum()


def test_losses_keep_their_precision_where_all_outputs_of_a_sample_are_large() -> None:
    labels = torch.arange(400) % 4
    outputs = functional.one_hot(labels, 4) * 6.0 + 1000.0
    expected = functional.cross_entropy(outputs.double(), labels, reduction="sum")
    assert measured(outputs[None], labels)[0][0] == pytest.approx(expected.item(), rel=1e-4)


SPECIAL = (
    (1.0, 1.0, 0.0),
    (0.0, 1.0, 1.0),
    (1.0, 0.0, 1.0),
    (2.0, 2.0, 2.0),
    (0.0, -0.0, 0.0),
    (-3e38, 3e38, 3e38),
    (-INF, 0.0, -INF),
    (-INF, -INF, 0.0),
    (INF, 0.0, 0.0),
    (0.0, INF, INF),
    (INF, -INF, 0.0),
    (-INF, -INF, -INF),
    (INF, INF, INF),
    (NAN, 0.0, 1.0),
    (0.0, NAN, 1.0),
    (1.0, 0.0, NAN),
    (NAN, NAN, NAN),
    (INF, NAN, 0.0),
)


@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("outputs", SPECIAL)
def test_the_first_of_the_largest_wins_also_among_nan_and_inf(
    outputs: tuple[float, float, float], label: int
) -> None:
    labels = torch.tensor([label])
    given = torch.tensor([[outputs]])
    losses, n_correct = measured(given, labels)
    assert n_correct == [(given[0].argmax(1) == labels).sum().item()]
    assert np.isfinite(losses[0]) == np.isfinite(functional.cross_entropy(given[0], labels).item())


def test_a_run_that_diverged_does_not_change_the_figures_of_others() -> None:
    labels = torch.tensor([0, 1, 2, 1])
    well = torch.tensor([[1.0, 1, 0], [0, 2, 2], [1, 1, 1], [0, 1, 0]])
    sick = torch.full((4, 3), NAN)
    losses, n_correct = measured(torch.stack([well, sick, well]), labels)
    assert n_correct == [3, 1, 3]
    assert losses[0] == losses[2] == measured(well[None], labels)[0][0]
    assert np.isnan(losses[1])


def test_saturated_sigmoids_tie() -> None:
    labels = torch.tensor([0, 1])
    outputs = torch.tensor([[[100.0, 200.0, 300.0]] * 2])
    assert measured(outputs, labels, n_sigmoid_outputs=1)[1] == [1]
    assert measured(outputs, labels)[1] == [0]


def passes_over(
    train: np.ndarray, heads: Sequence[str], threads: int = 1
) -> tuple[FullBatchPass, SampleBlocks, Tensor, Tensor]:
    """Return passes for runs with random parameters (outputs, features + 1), samples and their labels."""
    team, inputs, classes = ThreadTeam(threads), Inputs.of(train), 3
    storage = choose_storage([inputs, inputs], CPU, team, None)
    labels = dataset(inputs, inputs, classes).train_labels
    samples = SampleBlocks(inputs, labels, classes, storage, CPU, team, has_gradient=True)
    layout = OutputLayout(len(heads) * classes, storage.width, is_sparse=storage.is_sparse, device=CPU)
    full_pass = FullBatchPass(layout, heads.count("sigmoid"), classes, CPU, team)
    generator = torch.Generator().manual_seed(0)
    parameters = torch.randn(len(heads) * classes, train.shape[1] + 1, generator=generator) / 5
    full_pass.set_weights(parameters)
    return full_pass, samples, parameters, torch.from_numpy(labels)


@pytest.mark.parametrize("share", [0.2, 1.0])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("runs", [1, 2, 4, 11, 12])
def test_gradients_are_those_of_autograd_whatever_heads_stand_together(
    share: float, threads: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 40)
    train = values(200, 6, share)
    heads = sorted((HEADS * 3)[:runs], reverse=True)
    full_pass, samples, parameters, labels = passes_over(train, heads, threads)
    exact = parameters.double().requires_grad_()
    outputs = exact @ torch.from_numpy(np.c_[train, np.ones(200)]).T
    by_run = put_out(outputs.view(runs, 3, 200).transpose(1, 2), heads.count("sigmoid"))
    losses = torch.stack([functional.cross_entropy(of_run, labels, reduction="sum") for of_run in by_run])
    losses.sum().backward()
    figures, gradient = full_pass.metrics_and_gradient(samples)
    assert exact.grad is not None
    torch.testing.assert_close(gradient[:, :7].double(), exact.grad, rtol=1e-4, atol=1e-4)
    assert not gradient[:, 7:].any()
    torch.testing.assert_close(figures[0], losses.detach(), rtol=1e-5, atol=0)
    before = gradient.clone()
    assert torch.equal(full_pass.gradient(samples), before), "without figures it is the same"
    assert torch.equal(full_pass.metrics(samples), figures)


def trained(share: float, threads: int) -> tuple[object, Tensor]:
    engine = with_runs(
        Engine(dataset(values(333, 9, share), values(70, 9, share, seed=1)), CPU, threads), HEADS
    )
    figures = []
    for _ in range(4):
        engine.advance([dict.fromkeys(engine.runs, 0.05)])
        figures.append(engine.measure())
    return figures, all_parameters(engine)


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_the_number_of_threads_changes_no_bit_of_many_blocks(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 20)
    figures, parameters = trained(share, 1)
    for threads in (2, 5):
        other_figures, other_parameters = trained(share, threads)
        assert other_figures == figures
        assert torch.equal(other_parameters, parameters)


@pytest.mark.parametrize("share", [0.2, 1.0])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_pass_that_is_cancelled_changes_nothing_and_the_next_is_right(
    share: float, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 20)
    data = dataset(values(200, 6, share), values(70, 6, share, seed=1))
    engine, expected = (with_runs(Engine(data, CPU, threads), HEADS) for _ in range(2))
    rates = dict.fromkeys(engine.runs, 0.05)
    expected.advance([rates])
    before = all_parameters(engine)
    for polls in range(0, 10, 3):
        for work in (engine.measure, lambda: engine.advance([rates])):
            asked = count()
            engine.is_cancelled = lambda asked=asked, polls=polls: next(asked) >= polls
            with pytest.raises(Cancelled):
                work()
        assert torch.equal(all_parameters(engine), before)
    engine.is_cancelled = lambda: False
    engine.advance([rates])
    assert torch.equal(all_parameters(engine), all_parameters(expected))
    assert engine.measure() == expected.measure()


class Pair(ProcessGroup):
    """One of two processes, played by two threads that meet where the processes would."""

    size = 2

    def __init__(self, rank: int, shared: dict[int, Tensor], meeting: threading.Barrier) -> None:
        self.rank = rank
        self._shared = shared
        self._meeting = meeting

    def all_reduce(self, tensor: Tensor) -> None:
        self._shared[self.rank] = tensor.clone()
        self._meeting.wait(timeout=30)
        total = self._shared[0] + self._shared[1]
        self._meeting.wait(timeout=30)
        tensor.copy_(total)


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_ranks_that_see_other_features_equal_a_single_process(share: float) -> None:
    train, test = values(80, 8, share), values(30, 8, share, seed=1)
    # Each feature is zero in the part of one of the ranks.
    train[40:, 2] = test[15:, 2] = train[:40, 5] = test[:15, 5] = 0
    data = dataset(train, test)
    rates = [{1: 0.05, 2: 0.05}] * 6
    alone = with_runs(Engine(data, CPU), HEADS[:2])
    alone.advance(rates)
    shared: dict[int, Tensor] = {}
    meeting = threading.Barrier(2)
    ranks = [with_runs(Engine(data, CPU, ranks=Pair(rank, shared, meeting)), HEADS[:2]) for rank in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda engine: engine.advance(rates), ranks))
        found = [measured[2].test_loss for measured in pool.map(Engine.measure, ranks)]
    assert torch.equal(all_parameters(ranks[0]), all_parameters(ranks[1]))
    torch.testing.assert_close(all_parameters(ranks[0]), all_parameters(alone), rtol=1e-5, atol=1e-6)
    assert found == pytest.approx([alone.measure()[2].test_loss] * 2, rel=1e-5)
