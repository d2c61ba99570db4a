"""Scaling by `--pixels`: raw, unit or standardized, with the training set's statistics.

Works in slices of rows: beside the values themselves only a few MB are needed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from logreg_tui.core.data.arrays import Arrays, row_chunks
from logreg_tui.core.data.inputs import ArraySource, Inputs, Scaling, Source, with_ones
from logreg_tui.core.data.sparse.csr import CsrSource
from logreg_tui.core.errors import UserError

BYTE_MAX = 255
FLOAT32_BYTES = 4
LEAST_DEVIATION = 1e-10
"""Of a feature, as a share of its largest value: what differs less is the rounding of one value."""


def scaled_inputs(arrays: Arrays, pixels: str) -> tuple[Inputs, Inputs]:
    """Return training and test inputs. Statistics are the training set's alone.

    Raises UserError if a test value is too far from the training set's for float32.
    """
    if isinstance(arrays.train_inputs, CsrSource) and isinstance(arrays.test_inputs, CsrSource):
        return _sparse_inputs(arrays.train_inputs, arrays.test_inputs, pixels)
    assert not isinstance(arrays.train_inputs, CsrSource), "both splits are sparse, or none"
    assert not isinstance(arrays.test_inputs, CsrSource), "both splits are sparse, or none"
    train, test = _sources(arrays.train_inputs, arrays.test_inputs)
    is_table = arrays.table is not None and arrays.image_shape is None
    scaling = _scaling(train, pixels, arrays.brightest, is_table)
    if scaling is not None and test.dtype.kind == "f":
        _check_range(test, scaling, pixels)
    return _inputs(train, scaling), _inputs(test, scaling)


def _sparse_inputs(train: CsrSource, test: CsrSource, pixels: str) -> tuple[Inputs, Inputs]:
    """Return sparse inputs, scaled without moving zeros: they would not be sparse any more.

    Features are divided by what StandardScaler(with_mean=False) or MaxAbsScaler of scikit-learn divide by:
    one that is constant, or zero throughout, by 1.
    """
    if pixels == "raw":
        return Inputs(train), Inputs(test)
    if pixels == "unit":
        divisor = train.largest()
    else:
        divisor = train.deviations()
        divisor[divisor <= LEAST_DEVIATION * train.largest()] = 0
    scaling = Scaling(np.zeros(1), np.where(divisor == 0, 1.0, divisor))
    return sparse_scaled(train, scaling, pixels), sparse_scaled(test, scaling, pixels)


def sparse_scaled(source: CsrSource, scaling: Scaling, pixels: str) -> Inputs:
    """Return sparse inputs divided by those of a scaling, which is as `--pixels` says.

    Raises UserError if a value does not fit into float32 then.
    """
    with np.errstate(over="ignore"):
        values = (source.values / scaling.divisor[source.index]).astype(np.float32)
    if not np.isfinite(values).all():
        raise UserError(_too_far(pixels))
    return Inputs(CsrSource(source.starts, source.index, values, source.shape[1]), applied=scaling)


def _too_far(pixels: str) -> str:
    return f"test inputs are too far from the training inputs for --pixels {pixels}: use --pixels raw"


def _sources(*splits: np.ndarray | Source) -> list[Source]:
    """Return sources of the values; those in memory are kept as bytes if all of them are, else as float32."""
    are_bytes = all(isinstance(values, np.ndarray) and _are_bytes(values) for values in splits)
    return [_source(values, are_bytes=are_bytes) for values in splits]


def _are_bytes(values: np.ndarray) -> bool:
    """Return True if all values are integers from 0 to 255."""
    if values.dtype in (np.uint8, np.bool_):
        return True
    # Most tables of floats are told by their first rows.
    return all(_slice_is_bytes(values[rows]) for rows in row_chunks(values.shape))


def _slice_is_bytes(values: np.ndarray) -> bool:
    if values.min() < 0 or values.max() > BYTE_MAX:
        return False
    return bool((values == values.astype(np.uint8)).all())


def _source(values: np.ndarray | Source, *, are_bytes: bool) -> Source:
    if not isinstance(values, np.ndarray):
        return values
    if values.dtype.itemsize == 1:
        return ArraySource(values)
    if are_bytes:
        return ArraySource(np.ascontiguousarray(values, np.uint8))
    # Of large values that differ little, float32 would keep no difference to be scaled.
    return ArraySource(values) if values.dtype.itemsize > FLOAT32_BYTES else _padded(values, None)


def _padded(values: np.ndarray, scaling: Scaling | None) -> ArraySource:
    """Return values as float32 of our own, scaled."""
    values = values.reshape(len(values), -1)
    features = values.shape[1]
    padded = with_ones(len(values), features)
    kept = padded[:, :features]
    if scaling is None:
        kept[:] = values
    else:
        scaling.apply(values, kept)
    return ArraySource(kept, padded)


def _inputs(source: Source, scaling: Scaling | None) -> Inputs:
    if not isinstance(source, ArraySource) or source.dtype.itemsize == 1:
        return Inputs(source, scaling)
    if source.padded is None:
        return Inputs(_padded(source.values, scaling), applied=scaling)
    if scaling is not None:
        # Already float32 of our own: scaled once instead of at every reading.
        scaling.apply(source.values, source.values)
    return Inputs(source, applied=scaling)


def _scaling(train: Source, pixels: str, brightest: float | None, is_table: bool) -> Scaling | None:
    if pixels == "raw":
        return None
    if pixels == "standardized":
        return _standardization(train)
    if brightest is not None:
        return Scaling(np.zeros(1), np.array([brightest]))
    low, high = _ranges(train)
    if is_table:
        return Scaling(low, high - low)
    return Scaling(low.min(keepdims=True), high.max(keepdims=True) - low.min(keepdims=True))


def _slices(source: Source) -> Iterator[np.ndarray]:
    for rows in row_chunks(source.shape):
        yield source.read(rows.start, rows.stop)


def _ranges(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest value of every feature, float64."""
    low, high = np.full(source.shape[1], np.inf), np.full(source.shape[1], -np.inf)
    for values in _slices(source):
        np.minimum(low, values.min(axis=0), out=low)
        np.maximum(high, values.max(axis=0), out=high)
    return low, high


def _standardization(train: Source) -> Scaling:
    """Mean 0 and standard deviation 1 for every feature; what is constant in training becomes 0."""
    samples, features = train.shape
    mean = np.zeros(features)
    for values in _slices(train):
        mean += values.sum(axis=0, dtype=np.float64)
    mean /= samples
    # A second pass: the difference of large sums would lose a small deviation.
    variance = np.zeros(features)
    for values in _slices(train):
        difference = values - mean
        variance += np.square(difference, out=difference).sum(axis=0)
    deviation = np.sqrt(variance / samples)
    low, high = _ranges(train)
    # A rounded mean gives a constant a deviation that is tiny but not zero.
    deviation[deviation <= LEAST_DEVIATION * np.maximum(abs(low), abs(high))] = 0
    return Scaling(mean, deviation)


def _check_range(test: Source, scaling: Scaling, pixels: str) -> None:
    inputs = Inputs(test, scaling)
    for rows in row_chunks(inputs.shape):
        if not np.isfinite(inputs.read(rows.start, rows.stop)).all():
            raise UserError(_too_far(pixels))
