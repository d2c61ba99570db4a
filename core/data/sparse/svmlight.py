"""Files of LIBSVM and SVMlight: a label and `index:value` for what is not zero, a sample on each line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from logreg_tui.core.data.arrays import Arrays, fingerprint_of_parts, in_memory
from logreg_tui.core.data.labels import (
    check_classes,
    check_known,
    encode_labels,
    importing_sklearn,
    names_of_labels,
    needed_names,
    split_notice,
    stratified_split,
)
from logreg_tui.core.data.sparse.csr import CsrSource
from logreg_tui.core.data.sparse.lines import LARGEST_INDEX, no_samples, sample_lines
from logreg_tui.core.errors import UsageError
from logreg_tui.core.file_options import FileOptions, file_title
from logreg_tui.core.memory import available_memory, size_text
from logreg_tui.core.text import FeatureNumbers, escape_control_chars

COPIES = 8
"""Of the parameters of a run: gradient, snapshots and what passes compute in."""


@dataclass(frozen=True, slots=True)
class SvmlightRows:
    """The samples of a file, the features counted as they are written there."""

    starts: np.ndarray
    """Shape (samples + 1,), int64: those of the values of each sample."""
    index: np.ndarray
    """Shape (non-zeros,), int64."""
    values: np.ndarray
    """Shape (non-zeros,), float32, finite."""
    labels: np.ndarray
    """Shape (samples,), float64, finite."""

    def source(self, first: int, features: int) -> CsrSource:
        """Return inputs whose features are `first` and the next ones in the file."""
        return CsrSource(self.starts, (self.index - first).astype(np.int32), self.values, features)

    def known(self, first: int, features: int) -> tuple[CsrSource, int]:
        """Return likewise the values of these features alone, and how many others there are."""
        is_known = self.index < first + features
        starts = np.concatenate([[0], np.cumsum(is_known)])[self.starts]
        kept = SvmlightRows(starts, self.index[is_known], self.values[is_known], self.labels)
        return kept.source(first, features), int(len(is_known) - starts[-1])


def read_svmlight(
    path: str,
    options: FileOptions,
    memory_limit: int | None,
    progress: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> tuple[Arrays, list[str]]:
    """Return the samples of a file, kept sparse, and what the user is to know of them, in a few words each.

    Features count from 1 unless a sample has a feature 0. What takes more than `memory_limit` bytes is
    refused; None is what the machine has left. Raises UsageError, naming file and line, if something in
    it cannot be used; Cancelled.
    """
    progress(f"Reading {escape_control_chars(os.path.basename(path))}")
    rows = read_rows(path, memory_limit, is_cancelled)
    files = [rows]
    if options.test is not None:
        progress(f"Reading {escape_control_chars(os.path.basename(options.test))}")
        files.append(read_rows(options.test, memory_limit, is_cancelled))
    shown = escape_control_chars(path)
    first, features = _numbering(files, shown)
    names = names_of_labels(rows.labels)
    check_classes(rows.labels, len(names), f"{shown}: the label", "give classes as labels")
    _check_parameters(shown, features, len(names), memory_limit)
    codes, whole = encode_labels(rows.labels, names), rows.source(first, features)
    notices = []
    if options.test is None:
        train_rows, test_rows = (
            np.sort(each) for each in stratified_split(codes, options.share, options.seed)
        )
        train, train_labels = whole.take(train_rows), codes[train_rows]
        test, test_labels = whole.take(test_rows), codes[test_rows]
        notices.append(split_notice(len(test_rows), len(codes), options.seed))
    else:
        train, train_labels = whole, codes
        test, test_labels = files[1].source(first, features), encode_labels(files[1].labels, names)
        check_known(test_labels, files[1].labels, names, escape_control_chars(options.test))
    arrays = Arrays(
        file_title(path),
        train,
        train_labels,
        test,
        test_labels,
        None,
        needed_names(names),
        FeatureNumbers(first, features),
        known_fingerprint=_fingerprint((train, train_labels, test, test_labels), first, names),
    )
    return arrays, notices


def read_rows(
    path: str, memory_limit: int | None = None, is_cancelled: Callable[[], bool] = lambda: False
) -> SvmlightRows:
    """Return the samples of a file. Raises UsageError, naming file and line, and Cancelled."""
    rows = _read(path, memory_limit, is_cancelled)
    shown = escape_control_chars(path)
    for values, what in ((rows.values, "a value"), (rows.labels, "the label")):
        is_bad = ~np.isfinite(values)
        if is_bad.any():
            at = int(is_bad.argmax())
            sample = at if values is rows.labels else int(np.searchsorted(rows.starts, at, "right")) - 1
            raise UsageError(
                f"{shown}: {what} of sample {sample + 1:,} is not finite within float32: remove or replace "
                "such samples"
            )
    return rows


def _read(path: str, memory_limit: int | None, is_cancelled: Callable[[], bool]) -> SvmlightRows:
    with importing_sklearn():
        from sklearn.datasets import load_svmlight_file
    with sample_lines(path, memory_limit, is_cancelled) as lines:
        matrix, labels = load_svmlight_file(lines, dtype=np.float32, zero_based=True)
    if not len(labels):
        raise no_samples(path)
    # As if they had not been written.
    matrix.eliminate_zeros()
    starts, index = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    return SvmlightRows(starts, index, matrix.data, labels)


def _numbering(files: list[SvmlightRows], shown: str) -> tuple[int, int]:
    """Return the number of the first feature and how many there are, over the files of both splits."""
    found = [rows.index for rows in files if len(rows.index)]
    if not found:
        raise UsageError(f"{shown} has no value that is not zero: there are no features")
    first = 0 if min(int(index.min()) for index in found) == 0 else 1
    last = max(int(index.max()) for index in found)
    if last > LARGEST_INDEX:
        raise UsageError(f"{shown}: feature {last:,} is too large, {LARGEST_INDEX:,} is the largest")
    return first, last + 1 - first


def _check_parameters(shown: str, features: int, classes: int, memory_limit: int | None) -> None:
    needed = 4 * COPIES * features * classes
    allowed = available_memory() if memory_limit is None else memory_limit
    if allowed is not None and needed > allowed:
        raise UsageError(
            f"{shown} has features up to {features:,} and {classes:,} classes: each run takes about "
            f"{size_text(needed)}, more than the {size_text(allowed)} there are; number the features anew"
        )


def _fingerprint(parts: tuple[CsrSource | np.ndarray, ...], first: int, names: tuple[str, ...]) -> str:
    arrays: list[np.ndarray] = []
    for part in parts:
        arrays += [part] if isinstance(part, np.ndarray) else [part.starts, part.index, part.values]
    features = next(part.shape[1] for part in parts if isinstance(part, CsrSource))
    digest = fingerprint_of_parts(map(in_memory, arrays))
    return hashlib.sha256(json.dumps([digest, features, first, names]).encode()).hexdigest()
