"""Datasets of one's own: an .npz with X_train, y_train, X_test, y_test.

Every member's header is checked before its values are allocated; pickled objects are never read.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from logreg_tui.core.arrays import (
    Arrays,
    BadLabels,
    Truncated,
    check_cancelled,
    check_labels,
    describe,
    fill,
    inert,
    quoted,
    row_chunks,
)
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.settings import FLOAT32_MAX

if TYPE_CHECKING:
    import numpy as np

KEYS = ("X_train", "y_train", "X_test", "y_test")
MAX_KEYS_SHOWN = 6
MAX_DEFLATE_RATIO = 1032
"""No deflate stream expands more than this: https://zlib.net/zlib_tech.html"""
LARGEST_EXACT = 2**53


def read_npz(path: Path, is_cancelled: Callable[[], bool]) -> Arrays:
    """Read a dataset file.

    Raises UserError, naming the file and the key, where something in it cannot be used; Cancelled.
    """
    import numpy as np

    try:
        train, train_labels, test, test_labels = _read_members(path, is_cancelled)
        _check_shapes(train, train_labels, test, test_labels)
        _check_values("X_train", train, is_cancelled)
        _check_values("X_test", test, is_cancelled)
        train_labels, test_labels = _integers("y_train", train_labels), _integers("y_test", test_labels)
        check_labels(train_labels, test_labels)
    except BadLabels as error:
        key = "y_test" if error.is_test else "y_train"
        raise UserError(f"{inert(path)}: {key}: {error}") from error
    except _Unusable as error:
        raise UserError(f"{inert(path)}: {error}") from error
    brightest = 255.0 if train.dtype == np.uint8 else None
    return Arrays(inert(path.stem), train, train_labels, test, test_labels, brightest)


class _Unusable(Exception):
    """What is wrong and what would be right, without the file's name."""


def _read_members(path: Path, is_cancelled: Callable[[], bool]) -> list[np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_keys(archive.namelist())
            return [_read_member(archive, key, path, is_cancelled) for key in KEYS]
    except (_Unusable, Cancelled):
        raise
    except OSError as error:
        raise _Unusable(f"cannot be read: {describe(error)}") from error
    # Besides BadZipFile, damaged zips raise ValueError, struct.error, NotImplementedError and more.
    except Exception as error:
        raise _Unusable("is not an .npz file, or is cut off: write it with numpy.savez") from error


def _check_keys(members: Sequence[str]) -> None:
    missing = [key for key in KEYS if f"{key}.npy" not in members]
    if not missing:
        return
    found = [quoted(member.removesuffix(".npy")) for member in members[:MAX_KEYS_SHOWN]]
    more = ", ..." if len(members) > MAX_KEYS_SHOWN else ""
    raise _Unusable(f"has no {', '.join(missing)}; it has {', '.join(found) or 'nothing'}{more}")


def _read_member(
    archive: zipfile.ZipFile, key: str, path: Path, is_cancelled: Callable[[], bool]
) -> np.ndarray:
    import numpy as np

    try:
        with archive.open(f"{key}.npy") as member:
            shape, is_fortran, dtype = _read_header(member)
            _check_header(key, shape, dtype, _room(archive.getinfo(f"{key}.npy"), path))
            values = np.empty(shape, dtype, order="F" if is_fortran else "C")
            fill(values, member, is_cancelled)
            return values
    except (_Unusable, Cancelled):
        raise
    except Truncated as error:
        raise _Unusable(f"{key} is damaged: {error}") from error
    except MemoryError as error:
        raise _Unusable(f"{key} does not fit into memory") from error
    # Zip, its compressors and numpy's header parser raise a dozen types; each means the same here.
    except Exception as error:
        raise _Unusable(f"{key} is damaged or encrypted: {describe(error)}") from error


def _room(member: zipfile.ZipInfo, path: Path) -> int:
    """Return how many bytes a member can have at most, whatever it claims."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return member.file_size
    return min(member.file_size, os.path.getsize(path) * MAX_DEFLATE_RATIO)


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    from numpy.lib import format as npy

    version = npy.read_magic(member)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(member)


def _check_header(key: str, shape: tuple[int, ...], dtype: np.dtype, room: int) -> None:
    is_input = key.startswith("X")
    if dtype.hasobject:
        raise _Unusable(f"{key} holds Python objects: save an array of numbers")
    if dtype.kind not in ("biuf" if is_input else "iuf"):
        wanted = "numbers" if is_input else "integers"
        raise _Unusable(f"{key} holds values of type {quoted(str(dtype))}: it must hold {wanted}")
    if len(shape) not in ((2, 3) if is_input else (1,)):
        wanted = "(samples, features) or (samples, rows, columns)" if is_input else "(samples,)"
        raise _Unusable(f"{key} has shape {shape}: it must be {wanted}")
    if min(shape) < 1:
        raise _Unusable(f"{key} is empty: its shape is {shape}")
    if math.prod(shape) * dtype.itemsize > room:
        raise _Unusable(f"{key} is damaged: its header claims shape {shape}, more than the file can hold")


def _check_shapes(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> None:
    for split, inputs, labels in (("train", train, train_labels), ("test", test, test_labels)):
        if len(inputs) != len(labels):
            counts = f"{len(inputs):,} samples, y_{split} {len(labels):,} labels"
            raise _Unusable(f"X_{split} has {counts}: they must be as many")
    if train.shape[1:] != test.shape[1:]:
        shapes = f"{train.shape}, X_test {test.shape}"
        raise _Unusable(f"X_train has shape {shapes}: they must be equal but for the samples")


def _check_values(key: str, inputs: np.ndarray, is_cancelled: Callable[[], bool]) -> None:
    """Raise unless every value is finite also as float32."""
    import numpy as np

    if inputs.dtype.kind != "f":
        return
    # A float64, not a Python float: that would become infinity beside float16.
    largest = np.float64(FLOAT32_MAX)
    for rows in row_chunks(inputs):
        check_cancelled(is_cancelled)
        chunk = inputs[rows].reshape(rows.stop - rows.start, -1)
        # Written so that NaN, which compares as false, counts as too large.
        is_bad = ~(abs(chunk) <= largest)
        if is_bad.any():
            row, column = (int(index) for index in divmod(int(is_bad.argmax()), chunk.shape[1]))
            value = f"{chunk[row, column]:g}"
            raise _Unusable(
                f"{key} holds {value} in row {rows.start + row} (the first is 0): "
                "values must be finite and within float32"
            )


def _integers(key: str, labels: np.ndarray) -> np.ndarray:
    """Return labels as int64, or raise where one is not an integer."""
    import numpy as np

    if labels.dtype.kind == "f":
        is_bad = ~((abs(labels) <= np.float64(LARGEST_EXACT)) & (np.trunc(labels) == labels))
        if is_bad.any():
            row = int(is_bad.argmax())
            raise _Unusable(f"{key} holds {labels[row]:g} in row {row} (the first is 0): labels are integers")
    elif labels.max() >= LARGEST_EXACT:
        raise _Unusable(f"{key} holds label {labels.max()}: labels are 0..C-1, C the number of classes")
    return labels.astype("<i8")
