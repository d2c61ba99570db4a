"""Inputs and labels as they were read, with the checks and the fingerprint that every reader shares."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np

from logreg_tui.core.errors import Cancelled
from logreg_tui.core.settings import MAX_CLASSES

if TYPE_CHECKING:
    from logreg_tui.core.data.shard_source import ShardSource
    from logreg_tui.core.data.sparse.csr import CsrSource
    from logreg_tui.core.data.table.encoding import TableEncoding

CHUNK_BYTES = 1 << 20
CHUNK_VALUES = 1 << 17


@dataclass(frozen=True, slots=True)
class Arrays:
    """Inputs and labels before `--pixels`."""

    name: str
    train_inputs: np.ndarray | ShardSource | CsrSource
    """Shape (samples, features) or (samples, rows, columns), real numbers of any type."""
    train_labels: np.ndarray
    """Shape (samples,), int64."""
    test_inputs: np.ndarray | ShardSource | CsrSource
    """Shape as train_inputs but for the samples."""
    test_labels: np.ndarray
    """Shape (samples,), int64."""
    brightest: float | None
    """The value that `unit` pixels map to 1, with 0 to 0; None: scale by the training set's own range."""
    class_names: tuple[str, ...] = ()
    """Names of the labels 0..C-1, shown in their place; empty if the labels are their own names."""
    feature_names: Sequence[str] = ()
    """Names of the features, shown beside their weights; empty if they have none."""
    table: TableEncoding | None = None
    """The way in which columns became features, if they did."""
    known_fingerprint: str | None = None
    """Set if the inputs are no arrays: of those on disk it is computed while they are checked."""

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Rows and columns if the inputs are images."""
        inputs = self.train_inputs
        shape = getattr(inputs, "stored_shape", inputs.shape)
        return (int(shape[1]), int(shape[2])) if len(shape) == 3 else None

    @property
    def classes(self) -> int:
        """Largest training label + 1."""
        return int(self.train_labels.max()) + 1


class BadLabels(Exception):
    """Labels that cannot be trained on; the text says why, without the file's name."""

    def __init__(self, is_test: bool, row: int, text: str) -> None:
        super().__init__(text)
        self.is_test = is_test
        self.row = row


def check_labels(train: np.ndarray, test: np.ndarray) -> None:
    """Raise BadLabels unless int64 labels are 0..C-1 with C = largest training label + 1 >= 2."""
    for is_test, labels in enumerate((train, test)):
        row = int(labels.argmin())
        if labels[row] < 0:
            raise BadLabels(bool(is_test), row, f"label {labels[row]} is negative, labels start at 0")
    row = int(train.argmax())
    largest = int(train[row])
    if largest < 1:
        raise BadLabels(False, row, "every label is 0, there must be two classes or more")
    if largest >= MAX_CLASSES:
        text = f"label {largest} is too large, {MAX_CLASSES - 1} is the largest allowed"
        raise BadLabels(False, row, text)
    row = int(test.argmax())
    if test[row] > largest:
        text = f"label {test[row]} is above {largest}, the largest label of the training set"
        raise BadLabels(True, row, text)


Part = tuple["np.dtype", tuple[int, ...], Iterable["np.ndarray"]]
"""Type and shape of an array, and its values in slices of rows."""


def fingerprint(arrays: Arrays) -> str:
    """Return the SHA-256 of types, shapes and bytes of all four arrays, and of the names if there are any,
    as 64 hexadecimal digits."""
    inputs = np.asarray(arrays.train_inputs), np.asarray(arrays.test_inputs)
    four = (inputs[0], arrays.train_labels, inputs[1], arrays.test_labels)
    digest = fingerprint_of_parts(in_memory(array) for array in four)
    if not (arrays.class_names or arrays.feature_names):
        return digest
    names = json.dumps([digest, arrays.class_names, arrays.feature_names])
    return hashlib.sha256(names.encode()).hexdigest()


def in_memory(array: np.ndarray) -> Part:
    """Return an array as a part of a fingerprint."""
    return array.dtype, array.shape, (array[rows] for rows in row_chunks(array.shape))


def fingerprint_of_parts(parts: Iterable[Part]) -> str:
    """Return the fingerprint of arrays that come slice by slice."""
    digest = hashlib.sha256()
    for dtype, shape, slices in parts:
        digest.update(f"{dtype.str} {shape}\n".encode())
        for values in slices:
            digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def row_chunks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices over the rows, each of about CHUNK_VALUES values: what is temporary stays small."""
    rows = max(1, CHUNK_VALUES // max(1, math.prod(shape[1:])))
    for start in range(0, shape[0], rows):
        yield slice(start, min(start + rows, shape[0]))


class Truncated(Exception):
    """A file ends before the values that its header announces, or goes on after them."""


def fill(array: np.ndarray, file: IO[bytes] | io.BufferedIOBase, is_cancelled: Callable[[], bool]) -> None:
    """Read a contiguous array's values from a file that must end with them.

    Raises Truncated, Cancelled, and whatever the file raises.
    """
    target = array.reshape(-1, order="A").view(np.uint8).data
    filled = 0
    while filled < len(target):
        check_cancelled(is_cancelled)
        chunk = file.read(min(CHUNK_BYTES, len(target) - filled))
        if not chunk:
            raise Truncated(f"it ends after {filled:,} of {len(target):,} bytes of values")
        target[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    # Reading on to the end is also what makes gzip and zip compare their checksums.
    if file.read(1):
        raise Truncated(f"it goes on after the {len(target):,} bytes of values that its header announces")


def check_cancelled(is_cancelled: Callable[[], bool]) -> None:
    """Raise Cancelled if the user asked to stop."""
    if is_cancelled():
        raise Cancelled
