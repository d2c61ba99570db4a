"""A user's own dataset: an .npz with X_train, y_train, X_test, y_test, or other names that people give them.

Every member's header is checked before any values are allocated; pickled objects are never read.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from logreg_tui.core.data.arrays import (
    Arrays,
    BadLabels,
    check_cancelled,
    check_labels,
    row_chunks,
)
from logreg_tui.core.data.labels import encode_labels, names_of_labels, needed_names
from logreg_tui.core.data.npy import (
    KEYS,
    Header,
    Unusable,
    as_integers,
    check_counts,
    check_finite,
    check_sample_shapes,
    read_header,
    read_values,
    sample_shape,
)
from logreg_tui.core.errors import Cancelled, UsageError
from logreg_tui.core.files import open_regular
from logreg_tui.core.memory import available_memory, size_text
from logreg_tui.core.text import describe, escape_control_chars, quoted

MAX_KEYS_SHOWN = 6
FAULT = "damaged or encrypted"
MAX_DEFLATE_RATIO = 1032
"""No deflate stream expands more than this: https://zlib.net/zlib_tech.html"""
FLOAT32_BYTES = 4
OTHER_NAMES = {
    "X_train": ("x_train", "train_images", "train_x", "train_data"),
    "y_train": ("Y_train", "train_labels", "train_y", "train_targets"),
    "X_test": ("x_test", "test_images", "test_x", "test_data"),
    "y_test": ("Y_test", "test_labels", "test_y", "test_targets"),
}
"""Names of Keras' mnist.npz, of MedMNIST and others, by key."""


def read_npz(
    path: Path, memory_limit: int | None, is_cancelled: Callable[[], bool]
) -> tuple[Arrays, str | None]:
    """Read a dataset file that needs at most `memory_limit` bytes; None is what the machine has left.

    Returns the data, and a notice if the colours of images became features.
    Raises UsageError, naming the file and the key, if something in it cannot be used; Cancelled.
    """
    keys = list(KEYS)
    try:
        keys, arrays = _read_members(path, memory_limit, is_cancelled)
        train, train_labels, test, test_labels = arrays
        stored = train.shape
        train, test = (
            values.reshape(len(values), *sample_shape(key, values.shape))
            for key, values in ((keys[0], train), (keys[2], test))
        )
        _check_values(keys[0], train, is_cancelled)
        _check_values(keys[2], test, is_cancelled)
        names: tuple[str, ...] = ()
        if "U" in (train_labels.dtype.kind, test_labels.dtype.kind):
            names, train_labels, test_labels = _named_labels(keys, train_labels, test_labels)
        else:
            train_labels, test_labels = as_integers(keys[1], train_labels), as_integers(keys[3], test_labels)
        check_labels(train_labels, test_labels)
    except BadLabels as error:
        key = keys[3 if error.is_test else 1]
        raise UsageError(f"{escape_control_chars(path)}: {key}: {error}") from error
    except Unusable as error:
        raise UsageError(f"{escape_control_chars(path)}: {error}") from error
    brightest = 255.0 if train.dtype == np.uint8 else None
    name = escape_control_chars(path.stem)
    notice = None
    if len(stored) == 4 and train.ndim == 2:
        notice = f"colour images of shape {stored[1:]} are {train.shape[1]:,} features, not shown as images"
    return Arrays(name, train, train_labels, test, test_labels, brightest, names), notice


def _named_labels(
    keys: Sequence[str], train: np.ndarray, test: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return the names of classes, and labels as classes. Raises Unusable if only one split has texts."""
    train, test = (labels[:, 0] if labels.shape[1:] == (1,) else labels for labels in (train, test))
    for key, labels in ((keys[1], train), (keys[3], test)):
        if labels.dtype.kind != "U" or labels.ndim != 1:
            raise Unusable(
                f"{key} is {quoted(str(labels.dtype))} {labels.shape}: both splits must hold texts"
            )
    names = names_of_labels(train)
    codes = encode_labels(train, names), encode_labels(test, names)
    if (codes[1] < 0).any():
        row = int((codes[1] < 0).argmax())
        text = quoted(str(test[row]))
        raise Unusable(f"{keys[3]} holds label {text} in row {row} (the first is 0), which {keys[1]} has not")
    if len(names) == 1:
        raise Unusable(f"{keys[1]} holds {quoted(names[0])} alone: there must be two classes or more")
    return needed_names(tuple(map(escape_control_chars, names))), *codes


def _read_members(
    path: Path, memory_limit: int | None, is_cancelled: Callable[[], bool]
) -> tuple[list[str], list[np.ndarray]]:
    """Return the names of the four members, in the order of KEYS, and their values."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            keys = _find_keys(archive.namelist())
            headers = [_read_header(archive, key, path, is_input=key in keys[::2]) for key in keys]
            _check_headers(keys, headers)
            _check_memory(headers[0], headers[2], memory_limit)
            return keys, [_read_member(archive, key, key in keys[::2], is_cancelled) for key in keys]
    except (Unusable, Cancelled):
        raise
    except OSError as error:
        raise Unusable(f"cannot be read: {describe(error)}") from error
    # Besides BadZipFile, damaged zips raise ValueError, struct.error, NotImplementedError and more.
    except Exception as error:
        raise Unusable("is not an .npz file, or is cut off: write it with numpy.savez") from error


def _as_text(key: str, values: np.ndarray) -> np.ndarray:
    """Return bytes as the UTF-8 that they are, other values as they are."""
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise Unusable(f"{key} holds bytes that are no UTF-8: save texts, with .astype(str)") from error


def _find_keys(members: Sequence[str]) -> list[str]:
    """Return the names that the members of KEYS have. Raises Unusable if one is missing."""
    found = [
        next((name for name in (key, *OTHER_NAMES[key]) if f"{name}.npy" in members), None) for key in KEYS
    ]
    missing = [key for key, name in zip(KEYS, found, strict=True) if name is None]
    if missing:
        there = [quoted(member.removesuffix(".npy")) for member in members[:MAX_KEYS_SHOWN]]
        more = ", ..." if len(members) > MAX_KEYS_SHOWN else ""
        raise Unusable(f"has no {', '.join(missing)}; it has {', '.join(there) or 'nothing'}{more}")
    return [name for name in found if name is not None]


def _read_header(archive: zipfile.ZipFile, key: str, path: Path, *, is_input: bool) -> Header:
    with _opened(archive, key) as member:
        header = read_header(key, member, FAULT, is_input=is_input)
    if header.size > _room(archive.getinfo(f"{key}.npy"), path):
        raise Unusable(
            f"{key} is damaged: its header claims shape {header.shape}, more than the file can hold"
        )
    return header


def _room(member: zipfile.ZipInfo, path: Path) -> int:
    """Return how many bytes a member can have at most, whatever it claims."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return member.file_size
    return min(member.file_size, os.path.getsize(path) * MAX_DEFLATE_RATIO)


def _check_headers(keys: Sequence[str], headers: Sequence[Header]) -> None:
    for split in (0, 2):
        inputs, labels = headers[split].shape, headers[split + 1].shape
        check_counts(keys[split], inputs[0], keys[split + 1], labels[0])
    check_sample_shapes(keys[0], headers[0].shape, keys[2], headers[2].shape)


def _check_memory(train: Header, test: Header, memory_limit: int | None) -> None:
    """Raise Unusable if the inputs do not fit: as they are stored and, beside that, as float32."""
    needed = sum(inputs.size + FLOAT32_BYTES * inputs.values for inputs in (train, test))
    allowed = available_memory() if memory_limit is None else memory_limit
    if allowed is None or needed <= allowed:
        return
    if memory_limit is None:
        text = f"of which {size_text(allowed)} are free: save"
    else:
        text = f"more than --memory-limit {size_text(allowed)}: raise it, or save"
    raise Unusable(
        f"needs {size_text(needed)} of memory, {text} the data as a folder of .npy shards (see the README)"
    )


def _read_member(
    archive: zipfile.ZipFile, key: str, is_input: bool, is_cancelled: Callable[[], bool]
) -> np.ndarray:
    try:
        with _opened(archive, key) as member:
            header = read_header(key, member, FAULT, is_input=is_input)
            return _as_text(key, read_values(key, header, member, is_cancelled))
    except MemoryError as error:
        raise Unusable(f"{key} does not fit into memory") from error


@contextmanager
def _opened(archive: zipfile.ZipFile, key: str) -> Iterator[IO[bytes]]:
    try:
        with archive.open(f"{key}.npy") as member:
            yield member
    except (Cancelled, MemoryError, Unusable):
        raise
    # Zip and its compressors raise a dozen types on damaged members.
    except Exception as error:
        raise Unusable(f"{key} is {FAULT}: {describe(error)}") from error


def _check_values(key: str, inputs: np.ndarray, is_cancelled: Callable[[], bool]) -> None:
    for rows in row_chunks(inputs.shape):
        check_cancelled(is_cancelled)
        check_finite(key, inputs[rows].reshape(rows.stop - rows.start, -1), rows.start)
