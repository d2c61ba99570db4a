"""Data that come as sparse rows: the engines that take them, beside PyTorch's autograd on the same, dense."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.loops import CPU, assert_equals_plain_loop
from helpers.made_data import ALL_OPTIMIZERS, dataset

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.data.sparse.csr import CsrSource
from logreg_tui.core.engine import device_data, storage
from logreg_tui.core.engine.dense_pass import CsrPass
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.heads import HEADS
from logreg_tui.core.settings import Schedule, grid

SAMPLES, FEATURES, CLASSES = 300, 120, 4


def sparse(samples: int, features: int, share: float, seed: int = 0) -> Inputs:
    """Return sparse inputs: some samples have no value, some features are never used."""
    random = np.random.default_rng(seed)
    dense = random.normal(size=(samples, features)).astype(np.float32)
    dense[random.random(dense.shape) >= share] = 0
    dense[::7] = 0
    dense[:, ::5] = 0
    rows, index = np.nonzero(dense)
    starts = np.searchsorted(rows, np.arange(samples + 1))
    return Inputs(CsrSource(starts, index.astype(np.int32), dense[rows, index], features))


def made(samples: int = SAMPLES, features: int = FEATURES, share: float = 0.2) -> Dataset:
    train, test = sparse(samples, features, share), sparse(samples // 3, features, share, seed=1)
    labels = (np.arange(len(inputs)) % CLASSES for inputs in (train, test))
    return Dataset("made", train, next(labels), test, next(labels), CLASSES, None, "")


@pytest.fixture(params=["compiled", "pytorch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Compute by compiled kernels, or as on a GPU and if Numba cannot be used."""
    if request.param == "pytorch":

        def fail(*arguments: object) -> None:
            raise ImportError("no Numba for this processor")

        monkeypatch.setattr(device_data, "_compiled", fail)
    return str(request.param)


@pytest.fixture
def in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "BLOCK_NONZEROS", 16)
    monkeypatch.setattr(storage, "SPARSE_BLOCK_ROWS", 40)


def gradients(data: Dataset, threads: int = 1) -> tuple[Engine, torch.Tensor]:
    engine = Engine(data, CPU, threads)
    for run, head in enumerate(("sigmoid", "logits"), 1):
        engine.add(run, head, 0.0, *initial_parameters(engine.features, engine.classes, run))
    engine.measure()
    return engine, engine.read_gradient()


@pytest.mark.usefixtures("in_small_blocks")
def test_the_gradient_is_that_of_autograd_on_dense_inputs(way: str) -> None:
    data = made()
    engine, gradient = gradients(data)
    assert engine.identity == {"compiled": "sparse 2", "pytorch": "csr 1"}[way]
    assert len(engine.data.train.block_bounds) == 7
    inputs = torch.from_numpy(np.asarray(data.train_inputs)).double()
    for run, (head, found) in enumerate(zip(("sigmoid", "logits"), gradient.chunk(2), strict=True), 1):
        weight, bias = (part.double().requires_grad_() for part in engine.parameters(run))
        outputs = inputs @ weight.T + bias
        outputs = outputs.sigmoid() if head == "sigmoid" else outputs
        torch.nn.functional.cross_entropy(outputs, torch.from_numpy(data.train_labels)).backward()  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        assert bias.grad is not None
        expected = torch.cat([weight.grad, bias.grad[:, None]], 1).float()
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.usefixtures("in_small_blocks")
def test_runs_of_all_optimizers_equal_plain_loops(way: str) -> None:
    runs = grid(HEADS, [0.0, 0.01], [0.02], [0], Schedule("step", 30, 0.5), ALL_OPTIMIZERS)
    assert_equals_plain_loop(made(), runs, 50)


@pytest.mark.usefixtures("in_small_blocks")
def test_the_number_of_threads_changes_no_bit(way: str) -> None:
    assert torch.equal(gradients(made())[1], gradients(made(), threads=3)[1])


def test_nothing_of_the_data_becomes_dense(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: CsrSource, start: int, stop: int) -> np.ndarray:
        raise AssertionError("rows were read with their zeros")

    monkeypatch.setattr(CsrSource, "read", refuse)
    engine, _ = gradients(made(200, 100_000, 0.001))
    # Features that no sample has are not computed with.
    assert 10_000 < len(engine.data.storage.columns) < 90_000


def test_a_gpu_takes_sparse_rows_by_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    data = made()
    layout = storage.choose_storage(
        [data.train_inputs, data.test_inputs],
        torch.device("cuda"),
        Engine(data, CPU).data._team,
        None,
    )
    assert (layout.is_sparse, layout.is_compiled) == (True, False)
    assert layout.block_bounds(data.train_inputs, torch.device("cuda")) == [(0, SAMPLES)]


@pytest.mark.parametrize("features", [5, 70_000])
def test_blocks_of_many_rows_or_columns_have_indices_that_reach(features: int) -> None:
    # Few features make long blocks: 16 bits do not number their rows.
    samples = 140_000 if features == 5 else 70
    few = sparse(samples, features, 0.1 if features == 5 else 0.9)
    labels = np.arange(samples) % 2
    data = Dataset("few", few, labels, few, labels, 2, None, "")
    engine, gradient = gradients(data)
    weight, bias = (part.double().requires_grad_() for part in engine.parameters(2))
    outputs = torch.from_numpy(np.asarray(few)).double() @ weight.T + bias
    torch.nn.functional.cross_entropy(outputs, torch.from_numpy(labels)).backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert torch.allclose(gradient.chunk(2)[1][:, :-1], weight.grad.float(), rtol=1e-3, atol=1e-6)


def test_bytes_of_few_features_and_many_rows_have_indices_that_reach() -> None:
    random = np.random.default_rng(0)
    inputs = random.integers(0, 3, (70_000, 4), dtype=np.uint8) * (random.random((70_000, 4)) < 0.3)
    data = dataset(inputs.astype(np.uint8), inputs[:10].astype(np.uint8))
    engine, gradient = gradients(data)
    assert engine.identity.startswith("sparse")
    assert engine.data.train.block_bounds == [(0, 70_000)]
    exact = torch.from_numpy(inputs).float()
    weight, bias = (part.requires_grad_() for part in engine.parameters(2))
    torch.nn.functional.cross_entropy(exact @ weight.T + bias, torch.from_numpy(data.train_labels)).backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert torch.allclose(gradient.chunk(2)[1][:, :-1], weight.grad, rtol=1e-3, atol=1e-5)


def test_the_pass_by_pytorch_is_the_one_that_is_tried(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    engine, _ = gradients(made())
    assert isinstance(engine._full_pass, CsrPass) == (way == "pytorch")


def test_one_run_goes_on_from_its_own_parameters(way: str) -> None:
    engine = Engine(made(), CPU)
    engine.add(1, "logits", 0.0, *initial_parameters(FEATURES, CLASSES, 0))
    engine.advance([{1: 0.1}] * 3)
    other = Engine(made(), CPU)
    other.add(1, "logits", 0.0, *initial_parameters(FEATURES, CLASSES, 0))
    for _ in range(3):
        other.measure()
        other.advance([{1: 0.1}])
    for ours, theirs in zip(engine.parameters(1), other.parameters(1), strict=True):
        assert torch.equal(ours, theirs)
