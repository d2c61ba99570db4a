"""Arrays in a user's own files: header, type, shape and values, read and checked.

Shared by .npz files and folders of .npy shards. `name` is always the key or file that an error names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from logreg_tui.core.data.arrays import Truncated, fill
from logreg_tui.core.settings import FLOAT32_MAX
from logreg_tui.core.text import describe, quoted

KEYS = ("X_train", "y_train", "X_test", "y_test")
LARGEST_EXACT = 2**53
COLORS = (3, 4)
"""Channels of a colour image."""


class Unusable(Exception):
    """A fault in a user's file and its remedy, without the name of the file or folder."""


class Header(NamedTuple):
    """Shape, order and type, which stand in front of an array's values."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype

    @property
    def values(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return self.values * self.dtype.itemsize


def read_header(name: str, file: IO[bytes], fault: str = "damaged", *, is_input: bool) -> Header:
    """Read and check a file of inputs or labels up to the first value.

    Raises Unusable, with `fault` if it cannot be read.
    """
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        header = Header(*read(file))
    # Numpy's parser, zip and its compressors raise a dozen types on damaged files.
    except Exception as error:
        raise Unusable(f"{name} is {fault}: {describe(error)}") from error
    check_header(name, header, is_input=is_input)
    return header


def read_values(name: str, header: Header, file: IO[bytes], is_cancelled: Callable[[], bool]) -> np.ndarray:
    """Return the values that follow a header. Raises Unusable, Cancelled, and what the file raises."""
    values = np.empty(header.shape, header.dtype, order="F" if header.is_fortran else "C")
    try:
        fill(values, file, is_cancelled)
    except Truncated as error:
        raise Unusable(f"{name} is damaged: {error}") from error
    return values


def check_header(name: str, header: Header, *, is_input: bool) -> None:
    """Raise Unusable unless inputs or labels may have this type and shape."""
    shape, dtype = header.shape, header.dtype
    if dtype.hasobject:
        raise Unusable(
            f"{name} holds Python objects: save an array of numbers, or of texts with .astype(str)"
        )
    if dtype.kind not in ("biuf" if is_input else "biufUS"):
        wanted = "numbers" if is_input else "integers or texts"
        raise Unusable(f"{name} holds values of type {quoted(str(dtype))}: it must hold {wanted}")
    if is_input and len(shape) not in (2, 3, 4):
        wanted = "(samples, features) or (samples, rows, columns)"
        raise Unusable(f"{name} has shape {shape}: it must be {wanted}")
    if not is_input and len(shape) not in (1, 2):
        raise Unusable(f"{name} has shape {shape}: it must be (samples,), (samples, 1) or one-hot")
    if min(shape) < 1:
        raise Unusable(f"{name} is empty: its shape is {shape}")


def sample_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that one sample of inputs is given: an image's single channel is left out,
    several channels become features.

    Raises Unusable if four dimensions are not those of images.
    """
    if len(shape) < 4:
        return shape[1:]
    channels = {1: (shape[2], shape[3]), 3: (shape[1], shape[2])}
    for axis, image in channels.items():
        if shape[axis] == 1:
            return image
    if shape[1] in COLORS or shape[3] in COLORS:
        return (math.prod(shape[1:]),)
    raise Unusable(
        f"{name} has shape {shape}: four dimensions are images with 1, 3 or 4 channels, first or last; "
        "reshape it to (samples, features)"
    )


def check_counts(name: str, samples: int, labels_name: str, labels: int) -> None:
    """Raise Unusable unless there are as many labels as samples."""
    if samples != labels:
        raise Unusable(
            f"{name} has {samples:,} samples, {labels_name} {labels:,} labels: they must be as many"
        )


def check_sample_shapes(name: str, shape: tuple[int, ...], other: str, other_shape: tuple[int, ...]) -> None:
    """Raise Unusable unless two shapes are equal but for the samples."""
    if shape[1:] != other_shape[1:]:
        raise Unusable(
            f"{name} has shape {shape}, {other} {other_shape}: they must be equal but for the samples"
        )


def check_finite(name: str, values: np.ndarray, first_row: int) -> None:
    """Raise Unusable unless every value, shape (samples, features), is finite also as float32."""
    if values.dtype.kind != "f":
        return
    # A float64, not a Python float: that would become infinity beside float16.
    # Written so that NaN, which compares as false, counts as too large.
    is_bad = ~(abs(values) <= np.float64(FLOAT32_MAX))
    if is_bad.any():
        row, column = (int(index) for index in divmod(int(is_bad.argmax()), values.shape[1]))
        value = f"{values[row, column]:g}"
        raise Unusable(
            f"{name} holds {value} in row {first_row + row} (the first is 0): "
            "values must be finite and within float32"
        )


def as_integers(name: str, labels: np.ndarray) -> np.ndarray:
    """Return labels as int64, shape (samples,); those of a column or one-hot too.

    Raises Unusable if one is not an integer.
    """
    if labels.dtype.kind in "US":
        raise Unusable(f"{name} holds texts: number them, with np.unique(y, return_inverse=True)[1]")
    if labels.ndim == 2:
        labels = labels[:, 0] if labels.shape[1] == 1 else _of_one_hot(name, labels)
    if labels.dtype.kind == "f":
        is_bad = ~((abs(labels) <= np.float64(LARGEST_EXACT)) & (np.trunc(labels) == labels))
        if is_bad.any():
            row = int(is_bad.argmax())
            raise Unusable(f"{name} holds {labels[row]:g} in row {row} (the first is 0): labels are integers")
    elif labels.max() >= LARGEST_EXACT:
        raise Unusable(f"{name} holds label {labels.max()}: labels are 0..C-1, C the number of classes")
    return labels.astype("<i8")


def _of_one_hot(name: str, labels: np.ndarray) -> np.ndarray:
    """Return the class of each row of labels of shape (samples, classes), in which a single 1 stands."""
    is_bad = (((labels != 0) & (labels != 1)).any(axis=1)) | ((labels == 1).sum(axis=1) != 1)
    if is_bad.any():
        row = int(is_bad.argmax())
        raise Unusable(
            f"{name} has shape {labels.shape}, but row {row} (the first is 0) is not a single 1 among zeros: "
            "labels are (samples,), (samples, 1) or one-hot"
        )
    return np.asarray(labels.argmax(axis=1))
