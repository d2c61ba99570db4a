"""What --pixels makes of the values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.datafiles import never, nothing_is_told, write_family, write_npz

from logreg_tui.core.data.arrays import CHUNK_VALUES
from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.errors import UserError


def load(tmp_path: Path, pixels: str, train: np.ndarray, test: np.ndarray) -> Dataset:
    path = write_npz(
        tmp_path / "own.npz",
        X_train=train,
        X_test=test,
        y_train=np.arange(len(train)) % 2,
        y_test=np.arange(len(test)) % 2,
    )
    return load_dataset(path, None, pixels, nothing_is_told, never)


def random_inputs(rows: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(50, 20, (rows, columns))


def test_raw_values_are_the_values(tmp_path: Path) -> None:
    train, test = random_inputs(30, 4, 0), random_inputs(10, 4, 1)
    dataset = load(tmp_path, "raw", train, test)
    assert np.array_equal(dataset.train_inputs, train.astype(np.float32))
    assert np.array_equal(dataset.test_inputs, test.astype(np.float32))


def test_unit_images_are_divided_by_255(tmp_path: Path) -> None:
    write_family(tmp_path)
    raw, unit = (
        load_dataset("mnist", str(tmp_path), pixels, nothing_is_told, never) for pixels in ("raw", "unit")
    )
    assert np.array_equal(unit.train_inputs, np.asarray(raw.train_inputs) / np.float32(255))
    assert np.array_equal(unit.test_inputs, raw.test_inputs / np.float32(255))


def test_unit_bytes_are_divided_by_255_whatever_their_range(tmp_path: Path) -> None:
    train = np.array([[10, 51], [102, 20]], np.uint8)
    dataset = load(tmp_path, "unit", train, train)
    assert np.array_equal(dataset.train_inputs, train / np.float32(255))


def test_unit_takes_its_range_from_the_training_set_over_all_features(tmp_path: Path) -> None:
    train, test = np.array([[-1.0, 1.0], [0.0, 3.0]]), np.array([[-3.0, 5.0]])
    dataset = load(tmp_path, "unit", train, test)
    assert np.asarray(dataset.train_inputs).tolist() == [[0, 0.5], [0.25, 1]]
    assert np.asarray(dataset.test_inputs).tolist() == [[-0.5, 1.5]]


def test_unit_of_a_single_value_is_0(tmp_path: Path) -> None:
    dataset = load(tmp_path, "unit", np.full((4, 2), 7.0), np.array([[7.0, 9.0]]))
    assert not np.asarray(dataset.train_inputs).any()
    assert not np.asarray(dataset.test_inputs).any()


def test_unit_survives_a_range_beyond_float32(tmp_path: Path) -> None:
    dataset = load(tmp_path, "unit", np.array([[-3e38, 3e38], [0, 0]]), np.array([[0.0, 0.0]]))
    assert np.asarray(dataset.train_inputs).tolist() == [[0, 1], [0.5, 0.5]]


@pytest.mark.parametrize("columns", [3, 5000])
def test_standardized_values_have_the_training_sets_mean_and_deviation(columns: int, tmp_path: Path) -> None:
    rows = 2 * CHUNK_VALUES // columns + 7
    train, test = random_inputs(rows, columns, 2), random_inputs(9, columns, 3)
    dataset = load(tmp_path, "standardized", train, test)
    stored = train.astype(np.float32).astype(np.float64)
    mean, deviation = stored.mean(axis=0), stored.std(axis=0)
    assert np.allclose(dataset.train_inputs, (stored - mean) / deviation, rtol=1e-5, atol=1e-5)
    assert np.allclose(dataset.test_inputs, (test - mean) / deviation, rtol=1e-4, atol=1e-4)


def test_a_feature_constant_in_training_is_0_in_both_sets(tmp_path: Path) -> None:
    train = np.column_stack([np.full(999, 0.1), np.arange(999.0)])
    dataset = load(tmp_path, "standardized", train, np.array([[5.0, 1.0], [0.1, 2.0]]))
    assert not np.asarray(dataset.train_inputs)[:, 0].any()
    assert not np.asarray(dataset.test_inputs)[:, 0].any()
    assert np.asarray(dataset.train_inputs)[:, 1].std() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("size", [1e-38, 1e-3, 1.0, 16777216.0, 1e20, 3e38])
def test_a_nearly_constant_feature_does_not_blow_up(size: float, tmp_path: Path) -> None:
    rows = 1000
    train = np.full((rows, 1), size, np.float32)
    train[3] = np.nextafter(np.float32(size), np.float32(0))
    dataset = load(tmp_path, "standardized", train, train[:5])
    # One value apart among n others lies the root of n - 1 deviations away, whatever the scale.
    assert abs(np.asarray(dataset.train_inputs)).max() == pytest.approx((rows - 1) ** 0.5, rel=1e-3)
    assert np.asarray(dataset.train_inputs).std(dtype=np.float64) == pytest.approx(1, rel=1e-3)


def test_features_that_differ_only_beyond_float32_are_constant(tmp_path: Path) -> None:
    train = np.array([[1.0], [1.0 + 1e-12], [1.0]])
    assert not np.asarray(load(tmp_path, "standardized", train, train).train_inputs).any()


@pytest.mark.parametrize("pixels", ["unit", "standardized"])
def test_test_values_that_scaling_would_make_infinite_are_an_error(pixels: str, tmp_path: Path) -> None:
    train = np.array([[0.0], [1e-30]])
    with pytest.raises(UserError, match=f"too far from the training inputs for --pixels {pixels}"):
        load(tmp_path, pixels, train, np.array([[1e30]]))
