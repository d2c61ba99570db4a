"""How inputs are kept: the cut into blocks, sparse or dense, with or without a copy, what is left out."""

from __future__ import annotations

import sys
import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from helpers.loops import CPU
from helpers.made_data import DiskSource, all_parameters, cut_into_blocks, dataset, values, with_runs
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_tui.core.data.arrays import Arrays
from logreg_tui.core.data.inputs import Inputs, Scaling
from logreg_tui.core.data.scaling import scaled_inputs
from logreg_tui.core.engine import storage as samples
from logreg_tui.core.engine.blocks import (
    ByteBlock,
    DenseBlock,
    SampleBlocks,
    SparseBlock,
    SparseRows,
    padded_bytes,
)
from logreg_tui.core.engine.device_data import data_bytes
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.storage import SMALL_INDEX, StorageLayout, block_bounds_of, choose_storage
from logreg_tui.core.engine.thread_team import ThreadTeam

TEAM = ThreadTeam(2)
CUDA = torch.device("cuda", 0)


def surveyed(
    train: Inputs | np.ndarray, test: Inputs | np.ndarray, limit: int | None = None
) -> StorageLayout:
    return choose_storage([Inputs.of(train), Inputs.of(test)], CPU, TEAM, limit)


def prepared(stored: np.ndarray, pixels: str) -> tuple[Inputs, Inputs]:
    """Return training and test inputs as a dataset has them, a third of the rows being the test's."""
    train, test = stored[: 2 * len(stored) // 3], stored[2 * len(stored) // 3 :]
    labels = np.arange(len(train)) % 2, np.arange(len(test)) % 2
    return scaled_inputs(Arrays("made", train, labels[0], test, labels[1], 255.0), pixels)


def snapshot(inputs: Inputs, storage: StorageLayout) -> SampleBlocks[Any]:
    labels = np.arange(len(inputs)) % 2
    return SampleBlocks(inputs, labels, storage, CPU, TEAM, has_gradient=True)


@settings(deadline=None)
@given(rows=st.integers(1, 10**7), features=st.integers(1, 10**6), on_gpu=st.booleans())
def test_the_cut_covers_every_row_once_in_order(rows: int, features: int, on_gpu: bool) -> None:
    block_bounds = block_bounds_of((rows, features), CUDA if on_gpu else CPU)
    assert [start for start, _ in block_bounds] == [0, *(stop for _, stop in block_bounds[:-1])]
    assert block_bounds[-1][1] == rows
    sizes = [stop - start for start, stop in block_bounds]
    assert set(sizes[:-1]) <= {sizes[0]}
    assert 0 < sizes[-1] <= sizes[0]


def test_small_data_are_one_block_and_mnist_is_several() -> None:
    assert block_bounds_of((1437, 64), CPU) == [(0, 1437)]
    assert 16 <= len(block_bounds_of((60_000, 784), CPU)) <= 64
    assert len(block_bounds_of((60_000, 784), CUDA)) == 1


@pytest.mark.parametrize(
    ("share", "dtype", "is_sparse"),
    [
        (0.0, "u1", True),
        (0.1, "u1", True),
        (0.19, "u1", True),
        (0.22, "u1", True),
        (0.5, "u1", True),
        (0.6, "u1", False),
        (1.0, "u1", False),
        (0.19, "?", True),
        (0.04, "<f4", True),
        # Beside the values themselves, sparse ones would take too much memory.
        (0.15, "<f4", False),
    ],
)
def test_inputs_that_are_mostly_zero_are_kept_sparse_where_memory_allows(
    share: float, dtype: str, is_sparse: bool
) -> None:
    inputs = Inputs.of(values(400, 50, share, dtype))
    assert surveyed(inputs, inputs).is_sparse == is_sparse


def _floats_if(dtype: str, made: np.ndarray) -> np.ndarray:
    """Return values that are no bytes where the type is not: theirs are kept as they are."""
    return made if dtype == "u1" else made * 1.5


@pytest.mark.parametrize(
    ("pixels", "dtype", "share", "is_sparse"),
    [
        ("raw", "u1", 0.19, True),
        ("unit", "u1", 0.19, True),
        ("standardized", "u1", 0.19, True),
        ("unit", "u1", 0.9, False),
        ("unit", "<f4", 0.04, True),
        ("standardized", "<f4", 0.04, False),
        ("raw", "<f4", 0.5, False),
    ],
)
def test_bytes_stay_sparse_whatever_is_made_of_them(
    pixels: str, dtype: str, share: float, is_sparse: bool
) -> None:
    assert (
        surveyed(*prepared(_floats_if(dtype, values(600, 40, share, dtype)), pixels)).is_sparse == is_sparse
    )


def test_no_sparse_rows_on_a_gpu() -> None:
    inputs = Inputs.of(values(40, 5, 0.1))
    assert not choose_storage([inputs, inputs], CUDA, TEAM, None).is_sparse


def test_nor_where_numba_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "logreg_tui.core.engine.processor.kernels", None)
    told: list[str] = []
    data = dataset(values(90, 8, 0.1), values(30, 8, 0.1, seed=1))
    engine = with_runs(Engine(data, CPU, progress=told.append), ["sigmoid"])
    monkeypatch.undo()
    assert engine.identity.startswith("dense ")
    assert len(told) == 1
    assert told[0].startswith("Numba cannot be used (")
    expected = with_runs(Engine(data, CPU), ["sigmoid"])
    assert expected.identity.startswith("sparse ")
    for each in (engine, expected):
        each.advance([{1: 0.1}] * 3)
    torch.testing.assert_close(all_parameters(engine), all_parameters(expected))


@pytest.mark.parametrize("share", [0.15, 1.0])
def test_only_features_that_are_zero_in_all_samples_are_left_out(share: float) -> None:
    train, test = values(90, 8, share), values(30, 8, share, seed=1)
    train[:, [2, 5]] = test[:, [2, 7]] = 0
    assert surveyed(train, test).columns.tolist() == [0, 1, 3, 4, 5, 6, 7]


def test_features_that_are_constant_are_left_out_where_scaling_makes_them_zero() -> None:
    stored = values(90, 8)
    stored[:, 3] = 7
    assert surveyed(*prepared(stored, "standardized")).columns.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert len(surveyed(*prepared(stored, "unit")).columns) == 8


@pytest.mark.parametrize("share", [0.15, 1.0])
def test_weights_of_features_that_are_left_out_decay_and_nothing_else(share: float) -> None:
    train, test = values(90, 8, share), values(30, 8, share, seed=1)
    train[:, [2, 5]] = test[:, 2] = 0
    engine = with_runs(Engine(dataset(train, test), CPU), ["sigmoid", "logits"], l2=0.25)
    before = all_parameters(engine)
    losses = engine.measure()[2].test_loss
    for _ in range(3):
        engine.advance([{1: 0.1, 2: 0.1}])
    after = all_parameters(engine)
    # Feature 5 is zero in training only: it has no gradient, yet it counts in the test set.
    factor = (1 - 0.1 * 2 * 0.25) ** 3
    torch.testing.assert_close(after[:, :, [2, 5]], before[:, :, [2, 5]] * factor)
    moved = (after / before - factor).abs().amin((0, 1))
    assert sorted(moved.argsort()[:2].tolist()) == [2, 5]
    outputs = torch.from_numpy(test).float() @ before[1, :, :8].T + before[1, :, 8]
    expected = torch.nn.functional.cross_entropy(outputs, torch.from_numpy(dataset(train, test).test_labels))
    assert losses == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("dtype", ["u1", "<f4"])
def test_inputs_without_anything_train_the_bias_alone(dtype: str) -> None:
    train, test = np.zeros((30, 4), dtype), np.zeros((9, 4), dtype)
    engine = with_runs(Engine(dataset(train, test), CPU), ["sigmoid", "logits"], l2=0.0)
    before = all_parameters(engine)
    engine.advance([{1: 0.1, 2: 0.1}])
    after = all_parameters(engine)
    assert torch.equal(after[:, :, :4], before[:, :, :4])
    assert (after[:, :, 4] != before[:, :, 4]).all()


@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
def test_float32_inputs_are_used_where_they_lie(pixels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into_blocks(monkeypatch, 30)
    inputs, test = prepared(values(150, 6, 1.0, "<f4") / 2, pixels)
    own = snapshot(inputs, surveyed(inputs, test))
    assert len(own.block_bounds) == 3
    with own.reading() as block_of:
        for index, cut in enumerate(own.block_bounds):
            block, ready = block_of(index), inputs.ready(*cut)
            assert isinstance(block, DenseBlock)
            assert ready is not None
            assert np.shares_memory(block.inputs.numpy(), ready)


def test_float32_inputs_are_used_where_they_lie_though_a_feature_is_zero() -> None:
    stored = values(90, 8, 1.0, "<f4") / 2
    stored[:, 2] = 0
    inputs, test = prepared(stored, "raw")
    storage = surveyed(inputs, test)
    assert len(storage.columns) == 8
    block = _only_block(snapshot(inputs, storage))
    assert isinstance(block, DenseBlock)
    assert np.shares_memory(block.inputs.numpy(), inputs.read(0, len(inputs)))


def _only_block(own: SampleBlocks[Any]) -> object:
    with own.reading() as block_of:
        return block_of(0)


@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
def test_float32_blocks_hold_the_scaled_inputs_and_ones(pixels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into_blocks(monkeypatch, 30)
    on_disk = Inputs(DiskSource(values(147, 9, 1.0, "<f4") / 2), SCALINGS[pixels])
    storage = surveyed(on_disk, on_disk)
    assert not storage.are_bytes
    own = snapshot(on_disk, storage)
    with own.reading() as block_of:
        for index, cut in enumerate(own.block_bounds):
            block = block_of(index)
            assert isinstance(block, DenseBlock)
            rows = block.inputs.numpy()
            expected = np.c_[on_disk.read(*cut), np.ones(cut[1] - cut[0])]
            np.testing.assert_allclose(rows[:, :10], expected, rtol=1e-6)
            assert not rows[:, 10:].any()
            assert rows.shape[1] == storage.width


SCALINGS = {
    "raw": None,
    "unit": Scaling(np.zeros(1), np.array([255.0])),
    "standardized": Scaling(np.arange(9.0), np.array([2.0] * 8 + [0])),
}


@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
def test_bytes_are_used_where_they_lie_whatever_is_made_of_them(
    pixels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 30)
    inputs, test = prepared(values(147, 9), pixels)
    storage = surveyed(inputs, test)
    assert not storage.is_sparse
    own = snapshot(inputs, storage)
    assert len(own.block_bounds) > 1
    with own.reading() as block_of:
        for index, cut in enumerate(own.block_bounds):
            block = block_of(index)
            assert isinstance(block, ByteBlock)
            assert block.count == len(block.inputs) == cut[1] - cut[0]
            assert np.array_equal(block.inputs, inputs.stored(*cut))
            assert np.shares_memory(block.inputs.numpy(), inputs.stored(*cut))


@pytest.mark.parametrize("dtype", ["u1", "?"])
def test_bytes_without_the_features_that_are_zero_are_a_copy(dtype: str) -> None:
    stored = values(147, 9, dtype=dtype)
    stored[:, 4] = 0
    stored.flags.writeable = False
    inputs = Inputs.of(stored)
    storage = surveyed(inputs, inputs)
    block = _only_block(snapshot(inputs, storage))
    assert isinstance(block, ByteBlock)
    assert np.array_equal(block.inputs, stored[:, [0, 1, 2, 3, 5, 6, 7, 8]])


@pytest.mark.filterwarnings("error")
def test_bytes_that_must_not_be_written_are_used_without_a_warning() -> None:
    stored = values(30, 9)
    stored.flags.writeable = False
    inputs = Inputs.of(stored)
    block = _only_block(snapshot(inputs, surveyed(inputs, inputs)))
    assert isinstance(block, ByteBlock)
    assert np.array_equal(block.inputs, stored)


@pytest.mark.parametrize(("rows", "padded"), [(1, 128), (128, 128), (300, 384)])
def test_on_a_gpu_bytes_are_one_block_padded_for_its_products(rows: int, padded: int) -> None:
    stored = values(rows, 19)
    stored[:, [0, 7]] = 0
    inputs = Inputs.of(stored)
    storage = choose_storage([inputs, inputs], CUDA, TEAM, None)
    assert (storage.are_bytes, storage.is_sparse, storage.byte_width) == (True, False, 32)
    assert block_bounds_of((10**7, 19), CUDA, are_bytes=True) == [(0, 10**7)]
    cuts = [slice(start, min(start + 50, rows)) for start in range(0, rows, 50)]
    block = padded_bytes(
        ((cut, stored[cut]) for cut in cuts), torch.arange(rows), storage, torch.device("cpu")
    )
    assert block.count == rows
    assert block.inputs.shape == (padded, 32)
    assert block.inputs.dtype == torch.uint8
    assert np.array_equal(block.inputs[:rows, :17], np.delete(stored, [0, 7], 1))
    assert not block.inputs[rows:].any()
    assert not block.inputs[:, 17:].any()
    assert block.labels.tolist() == [*range(rows), *[-1] * (padded - rows)]


def _dense(rows: SparseRows, columns: int) -> np.ndarray:
    made = np.zeros((len(rows.starts) - 1, columns), rows.values.dtype)
    for row, (start, stop) in enumerate(pairwise(rows.starts)):
        made[row, rows.index[start:stop]] = rows.values[start:stop]
    return made


@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
@pytest.mark.parametrize("features", [9, SMALL_INDEX + 5])
def test_sparse_blocks_hold_the_stored_bytes_by_rows_and_by_columns(
    pixels: str, features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 30)
    stored = values(147, features, 0.2)
    stored[:, 4] = 0
    inputs, test = prepared(stored, pixels)
    storage = surveyed(inputs, test)
    own = snapshot(inputs, storage)
    kept = storage.columns
    assert 4 not in kept
    assert len(own.block_bounds) > 1
    with own.reading() as block_of:
        for index, cut in enumerate(own.block_bounds):
            block = block_of(index)
            assert isinstance(block, SparseBlock)
            assert block.columns is not None
            expected = inputs.stored(*cut)[:, kept]
            assert block.rows.values.dtype == np.uint8
            assert block.rows.index.dtype == (np.uint16 if features == 9 else np.uint32)
            assert np.array_equal(_dense(block.rows, len(kept)), expected)
            assert np.array_equal(_dense(block.columns, len(expected)), expected.T)


def test_samples_that_are_only_measured_have_one_orientation() -> None:
    inputs = Inputs.of(values(40, 5, 0.1))
    own: SampleBlocks[SparseBlock] = SampleBlocks(
        inputs, np.arange(40) % 2, surveyed(inputs, inputs), CPU, TEAM, has_gradient=False
    )
    with own.reading() as block_of:
        assert block_of(0).columns is None


def test_wide_sparse_inputs_train_without_a_dense_copy() -> None:
    features, rows = 100_000, 60
    stored = np.zeros((rows, features), np.uint8)
    random = np.random.default_rng(0)
    stored[np.arange(rows)[:, None], random.integers(0, features, (rows, 100))] = 3
    engine = with_runs(Engine(dataset(stored, stored[:20]), CPU), ["sigmoid", "logits"])
    expected = with_runs(Engine(dataset(stored * np.float32(1.0), stored[:20]), CPU), ["sigmoid", "logits"])
    tracemalloc.start()
    engine.advance([{1: 0.1, 2: 0.1}])
    assert tracemalloc.get_traced_memory()[1] < stored.nbytes
    tracemalloc.stop()
    assert engine.identity.startswith("sparse ")
    expected.advance([{1: 0.1, 2: 0.1}])
    torch.testing.assert_close(all_parameters(engine), all_parameters(expected))


@pytest.mark.parametrize("rows", [101, 102, 119, 120])
@pytest.mark.parametrize("share", [0.15, 1.0])
def test_a_last_block_may_be_shorter(rows: int, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = values(rows, 7, share), values(11, 7, share, seed=1)
    whole = with_runs(Engine(dataset(train, test), CPU), ["sigmoid", "logits"])
    cut_into_blocks(monkeypatch, 20)
    cut = with_runs(Engine(dataset(train, test), CPU), ["sigmoid", "logits"])
    for engine in (whole, cut):
        for _ in range(3):
            engine.advance([{1: 0.01, 2: 0.01}])
    torch.testing.assert_close(all_parameters(cut), all_parameters(whole))
    for run in (1, 2):
        assert cut.measure()[run].train_loss == pytest.approx(whole.measure()[run].train_loss, rel=1e-5)
        assert cut.measure()[run].train_accuracy == whole.measure()[run].train_accuracy


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_labels_are_those_of_the_rows(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into_blocks(monkeypatch, 10)
    inputs = Inputs.of(values(47, 3, share))
    own = snapshot(inputs, surveyed(inputs, inputs))
    with own.reading() as block_of:
        blocks = [block_of(index) for index in range(len(own.block_bounds))]
    labels = torch.cat([torch.as_tensor(block.labels) for block in blocks])
    assert labels.tolist() == [row % 2 for row in range(47)]


@pytest.mark.parametrize(("dtype", "size"), [("u1", 9 * 60), ("?", 9 * 60), ("<f4", 4 * 16 * 60)])
@pytest.mark.parametrize(
    ("difference", "is_streamed"), [(-(10**9), True), (-1, True), (0, False), (10**9, False)]
)
def test_what_lies_on_disk_is_streamed_where_it_takes_more_than_the_limit(
    dtype: str, size: int, difference: int, is_streamed: bool
) -> None:
    train, test = (Inputs(DiskSource(values(rows, 9, 0.1, dtype))) for rows in (40, 20))
    storage = surveyed(train, test, max(1, size + difference))
    assert (storage.is_streamed, storage.is_sparse, len(storage.columns)) == (is_streamed, False, 9)
    assert storage.are_bytes == (dtype != "<f4")


@pytest.mark.parametrize(("free", "is_streamed"), [(None, False), (10**9, False), (1000, True)])
def test_without_a_limit_it_is_what_the_machine_has_left(
    free: int | None, is_streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "available_memory", lambda: free)
    inputs = Inputs(DiskSource(values(40, 9, 0.1)))
    assert surveyed(inputs, inputs).is_streamed == is_streamed


def test_what_is_in_memory_is_never_streamed() -> None:
    inputs = values(40, 9)
    assert not surveyed(inputs, inputs, 1).is_streamed


def test_the_memory_that_data_need_is_counted_as_they_are_kept() -> None:
    as_bytes = dataset(values(90, 10), values(30, 10))
    as_floats = dataset(values(90, 10, dtype="<f4") + np.float32(0.5), values(30, 10))
    assert data_bytes(as_bytes) == 120 * (10 + 8)
    assert data_bytes(as_floats) == 120 * (40 + 8)
