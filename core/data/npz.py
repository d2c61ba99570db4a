"""A user's own dataset: an .npz with X_train, y_train, X_test, y_test.

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
)
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.files import open_regular
from logreg_tui.core.memory import available_memory, size_text
from logreg_tui.core.text import describe, escape_control_chars, quoted

MAX_KEYS_SHOWN = 6
FAULT = "damaged or encrypted"
MAX_DEFLATE_RATIO = 1032
"""No deflate stream expands more than this: https://zlib.net/zlib_tech.html"""
FLOAT32_BYTES = 4


def read_npz(path: Path, memory_limit: int | None, is_cancelled: Callable[[], bool]) -> Arrays:
    """Read a dataset file that needs at most `memory_limit` bytes; None is what the machine has left.

    Raises UserError, naming the file and the key, if something in it cannot be used; Cancelled.
    """
    try:
        train, train_labels, test, test_labels = _read_members(path, memory_limit, is_cancelled)
        _check_values("X_train", train, is_cancelled)
        _check_values("X_test", test, is_cancelled)
        train_labels, test_labels = as_integers("y_train", train_labels), as_integers("y_test", test_labels)
        check_labels(train_labels, test_labels)
    except BadLabels as error:
        key = "y_test" if error.is_test else "y_train"
        raise UserError(f"{escape_control_chars(path)}: {key}: {error}") from error
    except Unusable as error:
        raise UserError(f"{escape_control_chars(path)}: {error}") from error
    brightest = 255.0 if train.dtype == np.uint8 else None
    return Arrays(escape_control_chars(path.stem), train, train_labels, test, test_labels, brightest)


def _read_members(path: Path, memory_limit: int | None, is_cancelled: Callable[[], bool]) -> list[np.ndarray]:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            _check_keys(archive.namelist())
            headers = {key: _read_header(archive, key, path) for key in KEYS}
            _check_headers(headers)
            _check_memory(headers["X_train"], headers["X_test"], memory_limit)
            return [_read_member(archive, key, is_cancelled) for key in KEYS]
    except (Unusable, Cancelled):
        raise
    except OSError as error:
        raise Unusable(f"cannot be read: {describe(error)}") from error
    # Besides BadZipFile, damaged zips raise ValueError, struct.error, NotImplementedError and more.
    except Exception as error:
        raise Unusable("is not an .npz file, or is cut off: write it with numpy.savez") from error


def _check_keys(members: Sequence[str]) -> None:
    missing = [key for key in KEYS if f"{key}.npy" not in members]
    if not missing:
        return
    found = [quoted(member.removesuffix(".npy")) for member in members[:MAX_KEYS_SHOWN]]
    more = ", ..." if len(members) > MAX_KEYS_SHOWN else ""
    raise Unusable(f"has no {', '.join(missing)}; it has {', '.join(found) or 'nothing'}{more}")


def _read_header(archive: zipfile.ZipFile, key: str, path: Path) -> Header:
    with _opened(archive, key) as member:
        header = read_header(key, member, FAULT)
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


def _check_headers(headers: dict[str, Header]) -> None:
    for split in ("train", "test"):
        inputs, labels = headers[f"X_{split}"].shape, headers[f"y_{split}"].shape
        check_counts(f"X_{split}", inputs[0], f"y_{split}", labels[0])
    check_sample_shapes("X_train", headers["X_train"].shape, "X_test", headers["X_test"].shape)


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


def _read_member(archive: zipfile.ZipFile, key: str, is_cancelled: Callable[[], bool]) -> np.ndarray:
    try:
        with _opened(archive, key) as member:
            return read_values(key, read_header(key, member, FAULT), member, is_cancelled)
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
