"""A user's own dataset that need not fit into memory: a folder of .npy files.

The folder holds `X_train-N.npy` and `X_test-N.npy` with inputs, `y_train-N.npy` and `y_test-N.npy`
with the labels of the inputs of the same number, N being digits, such as `X_train-00000.npy`; the
samples stand in the order of the numbers. A split that is one file may be called `X_train.npy`. Inputs
are (samples, features) or (samples, rows, columns) of any real type, in C order; type and shape are the
same in all files of a split but for the samples. Labels are integers 0..C-1. Other files do not matter.

Labels are read whole, inputs once, slice by slice, to check them; then they stay where they are.
"""

from __future__ import annotations

import math
import os
import re
import stat
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from logreg_tui.core.data.arrays import (
    Arrays,
    BadLabels,
    check_cancelled,
    check_labels,
    fingerprint_of_parts,
    in_memory,
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
from logreg_tui.core.data.shard_source import Shard, ShardSource, open_file, version_of
from logreg_tui.core.errors import UsageError
from logreg_tui.core.text import describe, escape_control_chars, quoted

FILE_PATTERN = re.compile(r"([Xy]_(?:train|test))(?:-([0-9]+))?\.npy")
LEAST_STEP_BYTES = 1 << 26
"""Less than this is read too soon to be told of."""
MOST_STEPS = 20


def read_shards(folder: Path, progress: Callable[[str], None], is_cancelled: Callable[[], bool]) -> Arrays:
    """Read the labels of a folder of shards, and its inputs once, to check them and for the fingerprint.

    `progress` is told how far it is. Raises UsageError, naming folder and file, if something in it
    cannot be used; Cancelled.
    """
    name = escape_control_chars(os.path.basename(os.path.abspath(folder)))
    progress(f"Reading {name}")
    try:
        files = _find(folder)
        train, train_labels = _read_split(folder, files, "train", is_cancelled)
        test, test_labels = _read_split(folder, files, "test", is_cancelled)
        check_sample_shapes(files["X_train"][0], train.stored_shape, files["X_test"][0], test.stored_shape)
        _check_labels(files, (train, test), (train_labels, test_labels))
        total = sum(math.prod(split.shape) * split.dtype.itemsize for split in (train, test))
        meter = _Meter(name, total, progress)
        digest = fingerprint_of_parts(
            [
                (train.dtype, train.stored_shape, _checked(train, meter, is_cancelled)),
                in_memory(train_labels),
                (test.dtype, test.stored_shape, _checked(test, meter, is_cancelled)),
                in_memory(test_labels),
            ]
        )
    except Unusable as error:
        raise UsageError(f"{escape_control_chars(folder)}: {error}") from error
    brightest = 255.0 if train.dtype == np.uint8 else None
    return Arrays(name, train, train_labels, test, test_labels, brightest, known_fingerprint=digest)


def _find(folder: Path) -> dict[str, list[str]]:
    """Return the file names of each of KEYS, in order, those of inputs and labels in pairs."""
    found = _numbered(folder)
    missing = [f"{key}-*.npy" for key in KEYS if not found[key]]
    if missing:
        raise Unusable(f"has no {', '.join(missing)}, nor IDX files: name the files as docs/data.md says")
    for key, names in found.items():
        if "" in names and len(names) > 1:
            raise Unusable(f"{key}.npy stands beside {names[max(names)]}: remove one of the two")
    for split in ("train", "test"):
        _check_pairs(found[f"X_{split}"], found[f"y_{split}"], f"y_{split}")
        _check_pairs(found[f"y_{split}"], found[f"X_{split}"], f"X_{split}")
    return {key: [names[number] for number in _ordered(names)] for key, names in found.items()}


def _numbered(folder: Path) -> dict[str, dict[str, str]]:
    """Return for each of KEYS the file names by the digits in them."""
    found: dict[str, dict[str, str]] = {key: {} for key in KEYS}
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise Unusable(f"cannot be read: {describe(error)}") from error
    for name in names:
        if not (name.startswith(KEYS) and name.endswith(".npy")):
            continue
        match = FILE_PATTERN.fullmatch(name)
        if match is None:
            raise Unusable(f"{quoted(name)} is no name of a shard: they are called as X_train-00000.npy is")
        found[match[1]][match[2] or ""] = name
    return found


def _check_pairs(names: dict[str, str], others: dict[str, str], other_key: str) -> None:
    for number in _ordered(names):
        if number not in others:
            other = f"{other_key}-{number}.npy" if number else f"{other_key}.npy"
            raise Unusable(f"{names[number]} has no {other} beside it: each file of inputs has one of labels")


def _ordered(numbers: dict[str, str]) -> list[str]:
    return sorted(numbers, key=lambda number: (int(number or 0), number))


def _read_split(
    folder: Path, files: dict[str, list[str]], split: str, is_cancelled: Callable[[], bool]
) -> tuple[ShardSource, np.ndarray]:
    """Return the inputs and the labels of all files of a split."""
    names = files[f"X_{split}"]
    headers, shards, labels, start = [], [], [], 0
    for name, labels_name in zip(names, files[f"y_{split}"], strict=True):
        check_cancelled(is_cancelled)
        with _opened(folder / name) as file:
            header = _read_header(folder / name, file, is_input=True)
            if len(header.shape) > 3:
                raise Unusable(f"{name} has shape {header.shape}: reshape it to (samples, features)")
            version = version_of(os.fstat(file.fileno()))
            shard = Shard(folder / name, start, header.shape[0], file.tell(), version)
        if header.is_fortran:
            raise Unusable(f"{name} is in Fortran order: save numpy.ascontiguousarray of the array")
        headers.append(header)
        if headers[0].dtype != header.dtype:
            types = f"{quoted(str(headers[0].dtype))}, {name} {quoted(str(header.dtype))}"
            raise Unusable(
                f"{names[0]} holds values of type {types}: all files of a split must have one type"
            )
        check_sample_shapes(names[0], headers[0].shape, name, header.shape)
        labels.append(_read_labels(folder / labels_name, is_cancelled))
        check_counts(name, shard.samples, labels_name, len(labels[-1]))
        shards.append(shard)
        start += shard.samples
    return ShardSource(shards, headers[0].dtype, headers[0].shape[1:]), np.concatenate(labels)


def _read_labels(path: Path, is_cancelled: Callable[[], bool]) -> np.ndarray:
    with _opened(path) as file:
        header = _read_header(path, file, is_input=False)
        try:
            labels = read_values(path.name, header, file, is_cancelled)
        except OSError as error:
            raise Unusable(f"{path.name} cannot be read: {describe(error)}") from error
    return as_integers(path.name, labels)


def _opened(path: Path) -> IO[bytes]:
    try:
        file = open(path, "rb", opener=open_file)  # noqa: SIM115
    except OSError as error:
        raise Unusable(f"{path.name} cannot be read: {describe(error)}") from error
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise Unusable(f"{path.name} is no regular file")


def _read_header(path: Path, file: IO[bytes], *, is_input: bool) -> Header:
    """Read up to the first value, and check that exactly the values follow."""
    header = read_header(path.name, file, is_input=is_input)
    size = os.fstat(file.fileno()).st_size - file.tell()
    if size != header.size:
        raise Unusable(
            f"{path.name} is damaged: it holds {size:,} bytes of values, "
            f"its header claims shape {header.shape}, which needs {header.size:,}"
        )
    return header


def _check_labels(
    files: dict[str, list[str]],
    inputs: tuple[ShardSource, ShardSource],
    labels: tuple[np.ndarray, np.ndarray],
) -> None:
    try:
        check_labels(*labels)
    except BadLabels as error:
        starts = [shard.start for shard in inputs[error.is_test].shards]
        shard = bisect_right(starts, error.row) - 1
        name = files["y_test" if error.is_test else "y_train"][shard]
        raise Unusable(f"{name}: {error}") from error


class _Meter:
    """Tells now and then how much was read."""

    def __init__(self, name: str, total: int, progress: Callable[[str], None]) -> None:
        self._name, self._total, self._progress = name, total, progress
        self._step = max(LEAST_STEP_BYTES, total // MOST_STEPS)
        self._done = self._told = 0

    def advance(self, count: int) -> None:
        """Add some bytes."""
        self._done += count
        if self._done - self._told >= self._step:
            self._told = self._done
            self._progress(f"Reading {self._name}: {100 * self._done // self._total} %")


def _checked(source: ShardSource, meter: _Meter, is_cancelled: Callable[[], bool]) -> Iterator[np.ndarray]:
    """Yield all values in slices of rows. Raises Unusable if one is not finite; Cancelled."""
    for shard in source.shards:
        for rows in row_chunks((shard.samples, source.shape[1])):
            check_cancelled(is_cancelled)
            values = source.read(shard.start + rows.start, shard.start + rows.stop)
            check_finite(shard.path.name, values, rows.start)
            meter.advance(values.nbytes)
            yield values
