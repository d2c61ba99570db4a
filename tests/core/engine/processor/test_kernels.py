"""Compiled kernels: products held against plain ones, exponentials against NumPy's, the cache on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.made_data import values

from logreg_tui.core.engine.blocks import SparseRows
from logreg_tui.core.engine.processor import kernels

NAN = np.float32("nan")


def product(inputs: np.ndarray, rows: np.ndarray, index: str = "u2") -> np.ndarray:
    """Return 1 + inputs (B, K) by rows (K, P)."""
    sparse = SparseRows.of([inputs], np.arange(inputs.shape[1]), np.dtype(index))
    out = np.ones((len(inputs), rows.shape[1]), np.float32)
    kernels.multiply(sparse.starts, sparse.index, sparse.values, rows, out, rows.shape[1])
    return out


def random_rows(rows: int, outputs: int) -> np.ndarray:
    return torch.randn(rows, outputs, generator=torch.Generator().manual_seed(outputs)).numpy()


@pytest.mark.parametrize("outputs", range(8, 8 * 25, 8))
def test_products_of_any_width_equal_plain_ones(outputs: int) -> None:
    inputs, rows = values(19, 12, 0.4), random_rows(12, outputs)
    np.testing.assert_allclose(product(inputs, rows), 1 + inputs @ rows, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["u1", "<f4"])
@pytest.mark.parametrize("index", ["u2", "u4"])
def test_products_of_any_type_equal_plain_ones(dtype: str, index: str) -> None:
    inputs, rows = values(19, 12, 0.4, dtype), random_rows(12, 16)
    np.testing.assert_allclose(product(inputs, rows, index), 1 + inputs @ rows, rtol=1e-5, atol=1e-5)


def test_large_numbers_are_not_negative() -> None:
    inputs = np.zeros((2, 40_000), np.uint8)
    inputs[0, 39_999], inputs[1, 3] = 255, 128
    rows = random_rows(40_000, 8)
    expected = 1 + np.stack([255 * rows[39_999], 128 * rows[3]])
    np.testing.assert_allclose(product(inputs, rows), expected, rtol=1e-6)


def test_rows_and_columns_without_anything_are_fine() -> None:
    inputs, rows = values(19, 12, 0.3), random_rows(12, 24)
    inputs[:, 3], inputs[5], rows[3] = 0, 0, NAN
    found = product(inputs, rows)
    assert found[5].tolist() == [1.0] * 24
    assert np.isfinite(found).all()
    assert (product(np.zeros_like(inputs), rows) == 1).all()


def test_a_column_that_is_nan_stays_alone() -> None:
    inputs, rows = values(19, 12, 0.3), random_rows(12, 24)
    inputs[:, 0] = 1
    well = product(inputs, rows)
    rows[:, 9] = NAN
    found = product(inputs, rows)
    assert np.isnan(found[:, 9]).all()
    others = np.arange(24) != 9
    assert np.array_equal(found[:, others], well[:, others])


def test_rows_turn_into_columns() -> None:
    inputs = values(19, 12, 0.3)
    rows = SparseRows.of([inputs[:7], inputs[7:]], np.arange(12), np.dtype("u2"))
    assert np.array_equal(rows.starts[1:], np.count_nonzero(inputs, axis=1).cumsum())
    columns = rows.transposed(12)
    for column, (start, stop) in enumerate(pairwise(columns.starts)):
        expected = np.flatnonzero(inputs[:, column])
        assert columns.index[start:stop].tolist() == expected.tolist()
        assert columns.values[start:stop].tolist() == inputs[expected, column].tolist()


def test_only_the_columns_that_were_asked_for_are_kept() -> None:
    inputs, columns = values(19, 12, 0.6), np.array([1, 2, 5, 11])
    rows = SparseRows.of([inputs[:7], inputs[7:]], columns, np.dtype("u2"))
    expected = SparseRows.of([np.ascontiguousarray(inputs[:, columns])], np.arange(4), np.dtype("u2"))
    for name in ("starts", "index", "values"):
        assert getattr(rows, name).tolist() == getattr(expected, name).tolist()


def test_exponentials_are_those_of_numpy() -> None:
    for x in np.linspace(-87, 88, 20_001).astype(np.float32):
        assert kernels.exp(x) == pytest.approx(np.exp(np.float64(x)), rel=2e-7)
    assert kernels.exp(np.float32(0)) == 1
    assert 0 <= kernels.exp(np.float32("-inf")) < 1e-37
    assert kernels.exp(np.float32("inf")) > 1e38
    assert np.isnan(kernels.exp(NAN))


COMPILE = """
import numpy as np
from logreg_tui.core.engine.processor.kernels import compiled_pass
told = []
compiled_pass(np.dtype("u2"), np.dtype("u1"), told.append)
print(len(told))
"""


def times_told(folder: Path) -> int:
    """Return how often a new process told that it compiles, with this folder for what is compiled."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
    )
    return int(done.stdout)


def test_kernels_are_compiled_once_and_again_where_the_files_are_damaged(tmp_path: Path) -> None:
    assert times_told(tmp_path) == 1
    assert times_told(tmp_path) == 0
    files = [path for path in tmp_path.rglob("*") if path.suffix in (".nbi", ".nbc")]
    assert len(files) == 2
    for path in files:
        path.write_bytes(b"damaged")
    old, new = (files[0].with_name(f"{files[0].name}.tmp.{number:016x}") for number in range(2))
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    assert times_told(tmp_path) == 1
    assert (old.exists(), new.exists()) == (False, True)
    assert times_told(tmp_path) == 0


def test_without_a_folder_to_write_to_they_are_compiled_for_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = kernels.njit

    def njit(*arguments: object, cache: bool = False, **named: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function 'pass_over_block': no locator available")
        return real(*arguments, **named)

    monkeypatch.setattr(kernels, "njit", njit)
    told: list[str] = []
    kernels.compiled_pass(np.dtype("u2"), np.dtype("u1"), told.append)
    assert len(told) == 1
