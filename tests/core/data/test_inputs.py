"""Inputs: stored as they were read, float32 when they are used, and scaled on the way."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.made_data import DiskSource, values

from logreg_tui.core.data.arrays import Arrays
from logreg_tui.core.data.inputs import (
    CACHE_LINE,
    ArraySource,
    Inputs,
    Scaling,
    padded_width,
    with_ones,
)
from logreg_tui.core.data.scaling import scaled_inputs

STORED = values(23, 5, 0.6)


def prepared(stored: np.ndarray, pixels: str, brightest: float | None = None) -> Inputs:
    """Return training inputs as a dataset has them."""
    labels = np.arange(len(stored)) % 2
    return scaled_inputs(Arrays("made", stored, labels, stored, labels, brightest), pixels)[0]


def scaling(shift: float, divisor: float) -> Scaling:
    return Scaling(np.array([shift]), np.array([divisor]))


def test_an_array_is_inputs_without_a_copy() -> None:
    array = STORED.astype(np.float32)
    inputs = Inputs.of(array)
    assert Inputs.of(inputs) is inputs
    assert inputs.shape == (len(inputs), 5) == (23, 5)
    assert np.shares_memory(inputs.read(2, 9), array)
    assert np.array_equal(np.asarray(inputs), array)
    assert np.asarray(inputs, np.float64).dtype == np.float64


def test_images_are_rows_of_pixels() -> None:
    images = values(4, 6).reshape(4, 2, 3)
    assert ArraySource(images).shape == (4, 6)
    assert np.array_equal(Inputs(ArraySource(images)).read(0, 4), images.reshape(4, 6))


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", ">i2", "<u4", "<f2", ">f4", "<f4", "<f8"])
def test_any_type_is_read_as_float32(dtype: str) -> None:
    inputs = Inputs(ArraySource(STORED.astype(dtype)))
    read = inputs.read(3, 17)
    assert read.dtype == np.float32
    assert np.array_equal(read, STORED.astype(dtype)[3:17].astype(np.float32))
    out = np.full((14, 5), np.nan, np.float32)
    assert inputs.read(3, 17, out) is out
    assert np.array_equal(out, read)


@pytest.mark.parametrize("dtype", ["u1", "<i2", "<i4", "<f4", "<f8"])
def test_scaling_subtracts_and_divides_and_a_divisor_of_0_gives_0(dtype: str) -> None:
    stored = STORED.astype(dtype)
    shift, divisor = np.array([0.0, 1, 2, 3, 4]), np.array([1.0, 2, 0, 4, 5])
    read = Inputs(ArraySource(stored), Scaling(shift, divisor)).read(0, 23)
    expected = (stored - shift) / np.where(divisor == 0, 1, divisor) * (divisor != 0)
    np.testing.assert_allclose(read, expected, rtol=1e-6)
    assert read.dtype == np.float32


def test_parts_of_parts_are_the_rows_that_were_meant() -> None:
    inputs = Inputs(ArraySource(STORED), scaling(1, 3))
    part = inputs[4:20][2:9]
    assert part.shape == (7, 5)
    assert np.array_equal(part.read(1, 5), inputs.read(7, 11))
    assert np.array_equal(part.stored(1, 5), STORED[7:11])
    assert len(inputs[30:40]) == 0


@pytest.mark.parametrize(("features", "width"), [(0, 16), (1, 16), (15, 16), (16, 32), (64, 80), (784, 800)])
def test_rows_with_ones_fill_whole_cache_lines(features: int, width: int) -> None:
    assert padded_width(features + 1) == width
    for rows in (1, 3, 50):
        made = with_ones(rows, features)
        assert made.shape == (rows, width)
        assert made.dtype == np.float32
        assert made.ctypes.data % CACHE_LINE == 0
        assert made.flags.c_contiguous
        assert np.array_equal(made.sum(axis=1), np.ones(rows, np.float32))
        assert np.array_equal(made[:, features], np.ones(rows, np.float32))


@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
@pytest.mark.parametrize("dtype", ["<i2", "<f4", "<f8"])
def test_what_is_not_bytes_is_kept_once_the_way_the_products_take_it(dtype: str, pixels: str) -> None:
    inputs = prepared((STORED.astype(np.int16) * 40 - 1).astype(dtype), pixels)
    ready = inputs.ready(3, 17)
    assert ready is not None
    assert ready.shape == (14, padded_width(6))
    assert np.array_equal(ready[:, :5], inputs.read(3, 17))
    assert np.array_equal(ready[:, 5:], np.eye(11)[[0] * 14])
    assert np.shares_memory(ready, inputs.read(3, 17))
    part = inputs[3:].ready(0, 14)
    assert part is not None
    assert np.shares_memory(part, ready)


@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
def test_bytes_stay_bytes_until_they_are_read(pixels: str) -> None:
    inputs = prepared(STORED, pixels, brightest=255.0)
    assert inputs.ready(0, 23) is None
    assert inputs.are_bytes
    assert np.shares_memory(inputs.stored(0, 23), STORED)
    floats = Inputs(ArraySource(STORED.astype(np.float32)), inputs.scaling)
    np.testing.assert_allclose(inputs.read(0, 23), floats.read(0, 23), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", ["?", "<i2", "<u4", "<i8", "<f2", "<f8"])
@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
def test_small_integers_of_any_type_become_bytes(dtype: str, pixels: str) -> None:
    stored = (STORED * 25).astype(dtype)
    inputs = prepared(stored, pixels)
    assert inputs.are_bytes
    assert inputs.are_bytes
    expected = Inputs(ArraySource(stored.astype(np.float64)), inputs.scaling).read(0, 23)
    np.testing.assert_allclose(inputs.read(0, 23), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("odd", [-1.0, 256.0, 0.5])
@pytest.mark.parametrize("is_test", [False, True])
def test_one_value_that_is_no_byte_keeps_all_as_floats(odd: float, is_test: bool) -> None:
    train, test = STORED.astype(np.float64), STORED.astype(np.float64)
    (test if is_test else train)[7, 2] = odd
    labels = np.arange(23) % 2
    for inputs in scaled_inputs(Arrays("made", train, labels, test, labels, None), "raw"):
        assert not inputs.are_bytes
        assert inputs.read(0, 23).dtype == np.float32


def test_arrays_given_as_they_are_have_nothing_ready() -> None:
    assert Inputs.of(STORED.astype(np.float32)).ready(0, 3) is None
    assert Inputs(DiskSource(STORED)).ready(0, 3) is None
