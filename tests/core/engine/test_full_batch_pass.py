"""Passes over the data: figures and gradients against PyTorch in float64, the same bits for any threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from helpers.loops import CPU, plain_loop
from helpers.made_data import all_parameters, cut_into_blocks, dataset, values, with_runs
from helpers.stand_in_gpu import emulated_product
from torch import Tensor
from torch.nn import functional

from logreg_tui.core.data.arrays import Arrays
from logreg_tui.core.data.inputs import ArraySource, Inputs, Scaling
from logreg_tui.core.data.scaling import scaled_inputs
from logreg_tui.core.engine import dense_pass
from logreg_tui.core.engine.blocks import SampleBlocks, padded_bytes
from logreg_tui.core.engine.dense_pass import DensePass
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.full_batch_pass import FullBatchPass
from logreg_tui.core.engine.gpu import parts_pass
from logreg_tui.core.engine.gpu.parts_pass import PartsPass
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.engine.process_group import ProcessGroup
from logreg_tui.core.engine.processor.kernels import compiled_pass
from logreg_tui.core.engine.processor.sparse_pass import SparsePass
from logreg_tui.core.engine.storage import choose_storage
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.errors import Cancelled
from logreg_tui.core.settings import RunSettings

NAN, INF = float("nan"), float("inf")
HEADS = ("sigmoid", "logits", "sigmoid", "logits")


KINDS = ("sparse", "dense", "bytes", "padded bytes", "parts")


def pass_over(
    train: Inputs, labels: np.ndarray, kind: str, heads: Sequence[str], classes: int, threads: int = 1
) -> tuple[FullBatchPass[Any], SampleBlocks[Any]]:
    """Return passes of a kind for runs with these heads, those with a sigmoid first, and the samples."""
    team, sigmoid_runs = ThreadTeam(threads), heads.count("sigmoid")
    if kind == "dense":
        train = Inputs(ArraySource(np.array(train, np.float32)))
    storage = choose_storage([train, train], CPU, team, None, may_be_compiled=False)
    if kind == "sparse":
        storage = replace(storage, is_sparse=True)
    samples: SampleBlocks[Any] = SampleBlocks(train, labels, storage, CPU, team, has_gradient=True)
    if kind == "sparse":
        kernel = compiled_pass(storage.index, storage.values, print)
        return SparsePass(storage, len(heads), sigmoid_runs, classes, kernel, team, len(labels)), samples
    assert storage.are_bytes == (kind != "dense")
    if kind in ("padded bytes", "parts"):
        # As on a GPU: one block of all rows.
        samples.block_bounds = [(0, len(labels))]
        rows = [(slice(0, len(labels)), train.stored(0, len(labels)))]
        samples._kept = {0: padded_bytes(rows, torch.from_numpy(labels), storage, CPU)}
    of_kind = PartsPass if kind == "parts" else DensePass
    return of_kind(storage, len(heads), sigmoid_runs, classes, CPU, team, len(labels)), samples


@pytest.fixture(autouse=True)
def on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multiply bfloat16 by the rules of a GPU's tensor cores, which PyTorch does on GPUs alone."""
    monkeypatch.setattr(parts_pass, "product", emulated_product)


def measured(
    kind: str, outputs: Tensor, labels: Tensor, n_sigmoid_outputs: int = 0
) -> tuple[list[float], list[float]]:
    """Return the sums of losses and of correct answers of each run for outputs (runs, rows, classes)."""
    runs, rows, classes = outputs.shape
    heads = ["sigmoid"] * n_sigmoid_outputs + ["logits"] * (runs - n_sigmoid_outputs)
    # Each row has a feature of its own, whose weights are its outputs.
    inputs = Inputs.of(np.eye(rows, dtype=np.uint8))
    full_pass, samples = pass_over(inputs, labels.numpy(), kind, heads, classes)
    weights = outputs.transpose(1, 2).reshape(runs * classes, rows)
    full_pass.set_parameters(torch.cat([weights, torch.zeros(len(weights), 1)], 1))
    losses, n_correct = full_pass.metrics(samples).tolist()
    return losses, n_correct


def put_out(outputs: Tensor, n_sigmoid_outputs: int) -> Tensor:
    """Return what the heads make of linear outputs, the first `n_sigmoid_outputs` runs having a sigmoid."""
    return torch.cat([outputs[:n_sigmoid_outputs].sigmoid(), outputs[n_sigmoid_outputs:]])


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("n_sigmoid_outputs", [0, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_correct_answers_are_those_of_pytorch(
    kind: str, classes: int, scale: float, n_sigmoid_outputs: int
) -> None:
    outputs = scale * torch.randn(3, 500, classes, generator=torch.Generator().manual_seed(classes))
    labels = torch.arange(500) * 7 % classes
    losses, n_correct = measured(kind, outputs, labels, n_sigmoid_outputs)
    for run, of_run in enumerate(put_out(outputs, n_sigmoid_outputs)):
        expected = functional.cross_entropy(of_run.double(), labels, reduction="sum")
        assert losses[run] == pytest.approx(expected.item(), rel=1e-6)
        assert n_correct[run] == (of_run.argmax(1) == labels).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_losses_keep_their_precision_where_all_outputs_of_a_sample_are_large(kind: str) -> None:
    labels = torch.arange(400) % 4
    outputs = functional.one_hot(labels, 4) * 6.0 + 1000.0
    expected = functional.cross_entropy(outputs.double(), labels, reduction="sum")
    assert measured(kind, outputs[None], labels)[0][0] == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("kind", ["dense", "bytes"])
def test_rows_of_many_classes_are_computed_part_by_part(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = Inputs.of(values(300, 12)), np.arange(300) * 7 % 1000
    weights = torch.randn(1000, 13, generator=torch.Generator().manual_seed(0)) / 10
    found = []
    for most in (1 << 22, 1 << 15):
        monkeypatch.setattr(dense_pass, "OUTPUT_VALUES", most)
        full_pass, samples = pass_over(train, labels, kind, ["logits"], 1000)
        full_pass.set_parameters(weights)
        gradient = torch.zeros(1000, 13)
        metrics = full_pass.metrics_and_gradient(samples, gradient)
        assert isinstance(full_pass, DensePass)
        scratches = [scratch.outputs.numel() for free in full_pass._scratches.values() for scratch in free]
        assert max(scratches) <= most
        found.append((metrics, gradient))
    torch.testing.assert_close(found[0], found[1])


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
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_of_the_largest_wins_also_among_nan_and_inf(
    kind: str, outputs: tuple[float, float, float], label: int
) -> None:
    labels = torch.tensor([label])
    given = torch.tensor([[outputs]])
    losses, n_correct = measured(kind, given, labels)
    assert n_correct == [(given[0].argmax(1) == labels).sum().item()]
    assert np.isfinite(losses[0]) == np.isfinite(functional.cross_entropy(given[0], labels).item())


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_diverged_does_not_change_the_metrics_of_others(kind: str) -> None:
    labels = torch.tensor([0, 1, 2, 1])
    well = torch.tensor([[1.0, 1, 0], [0, 2, 2], [1, 1, 1], [0, 1, 0]])
    sick = torch.full((4, 3), NAN)
    losses, n_correct = measured(kind, torch.stack([well, sick, well]), labels)
    assert n_correct == [3, 1, 3]
    assert losses[0] == losses[2] == measured(kind, well[None], labels)[0][0]
    assert np.isnan(losses[1])


@pytest.mark.parametrize("kind", KINDS)
def test_saturated_sigmoids_tie(kind: str) -> None:
    labels = torch.tensor([0, 1])
    outputs = torch.tensor([[[100.0, 200.0, 300.0]] * 2])
    assert measured(kind, outputs, labels, n_sigmoid_outputs=1)[1] == [1]
    assert measured(kind, outputs, labels)[1] == [0]


SCALINGS = (
    None,
    Scaling(np.zeros(1), np.array([255.0])),
    Scaling(np.array([3.0, 0, 1, 2, 0.5, 9]), np.array([2.0, 1, 0, 4, 5, 0.5])),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("runs", [1, 2, 4, 11, 12])
@pytest.mark.parametrize("scaling", SCALINGS, ids=["raw", "unit", "standardized"])
def test_gradients_are_those_of_autograd_whatever_heads_stand_together(
    kind: str, threads: int, runs: int, scaling: Scaling | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 40)
    # A block of bytes becomes float32 in several parts.
    monkeypatch.setattr(dense_pass, "PART_VALUES", 16 * 15)
    monkeypatch.setattr(parts_pass, "MOST_VALUES", 1)
    stored = values(200, 6, 0.2)
    stored[:, 1] = 0
    train = Inputs(ArraySource(stored), scaling)
    labels = dataset(train, train, 3).train_labels
    heads = sorted((HEADS * 3)[:runs], reverse=True)
    full_pass, samples = pass_over(train, labels, kind, heads, 3, threads)
    parameters = torch.randn(len(heads) * 3, 7, generator=torch.Generator().manual_seed(0)) / 5
    full_pass.set_parameters(parameters)
    exact = parameters.double().requires_grad_()
    outputs = exact @ torch.from_numpy(np.c_[np.asarray(train, np.float64), np.ones(200)]).T
    by_run = put_out(outputs.view(runs, 3, 200).transpose(1, 2), heads.count("sigmoid"))
    expected = torch.from_numpy(labels)
    losses = torch.stack([functional.cross_entropy(of_run, expected, reduction="sum") for of_run in by_run])
    losses.sum().backward()
    gradient = torch.full((len(parameters), 7), NAN)
    metrics = full_pass.metrics_and_gradient(samples, gradient)
    assert exact.grad is not None
    torch.testing.assert_close(gradient.double(), exact.grad / 200, rtol=1e-4, atol=5e-7)
    torch.testing.assert_close(metrics[0], losses.detach(), rtol=1e-5, atol=0)
    again = torch.full_like(gradient, NAN)
    full_pass.gradient(samples, again)
    assert torch.equal(again, gradient), "without metrics it is the same"
    assert torch.equal(full_pass.metrics(samples), metrics)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", ["sigmoid", "logits"])
@pytest.mark.parametrize(
    ("pixels", "rate"), [("raw", 3e-6), ("unit", 0.3), ("standardized", 0.05)], ids=["raw", "unit", "std"]
)
def test_a_hundred_epochs_are_those_of_the_plain_loop(kind: str, head: str, pixels: str, rate: float) -> None:
    random = np.random.default_rng(0)
    labels, patterns = np.arange(400) % 4, random.integers(0, 256, (4, 30))
    noisy = np.clip(patterns[labels] + random.normal(0, 70, (400, 30)), 0, 255).astype(np.uint8)
    noisy[:, 3], noisy[:, 4] = 0, 200
    arrays = Arrays("made", noisy, labels, noisy[:100], labels[:100], 255.0)
    train, test = scaled_inputs(arrays, pixels)
    data = replace(dataset(train, test, 4), train_labels=labels)
    full_pass, samples = pass_over(train, labels, kind, [head], 4)
    weight, bias = initial_parameters(30, 4, 0)
    parameters = torch.cat([weight, bias[:, None]], 1)
    gradient, losses = full_pass.new_gradient(parameters), {}
    expected = plain_loop(data, RunSettings(head=head, learning_rate=rate, l2=0.01, seed=0), 100, 20)
    for epoch in range(101):
        full_pass.set_parameters(parameters)
        metrics = full_pass.metrics_and_gradient(samples, gradient)
        losses[epoch] = metrics[0].item() / 400
        full_pass.update(parameters, gradient, torch.full((4, 1), 0.02), torch.full((4, 1), -rate))
    assert losses[100] < losses[0]
    for epoch, figures in expected.items():
        assert losses[epoch] == pytest.approx(figures["train_loss"], rel=1e-6)


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
