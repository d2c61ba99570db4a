"""Datasets by name or path: read, downloaded if need be, checked and scaled."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from logreg_tui.core.data.arrays import Arrays, check_cancelled, fingerprint
from logreg_tui.core.data.download import HASTY, PATIENT, DownloadError, Patience, download
from logreg_tui.core.data.inputs import Inputs, Scaling
from logreg_tui.core.data.labels import importing_sklearn
from logreg_tui.core.data.mnist_files import FAMILIES, read_family, read_idx_folder
from logreg_tui.core.data.npz import read_npz
from logreg_tui.core.data.oddities import oddities
from logreg_tui.core.data.scaling import scaled_inputs
from logreg_tui.core.data.shard_source import ShardSource
from logreg_tui.core.data.shards import read_shards
from logreg_tui.core.data.sparse.csr import CsrSource
from logreg_tui.core.data.sparse.lines import is_svmlight
from logreg_tui.core.data.table.encoding import TableEncoding
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.file_options import (
    NO_OPTIONS,
    TABLE_ENDINGS,
    FileOptions,
    is_table,
)
from logreg_tui.core.memory import size_text
from logreg_tui.core.settings import DATASETS
from logreg_tui.core.text import escape_control_chars

FLOAT32_BYTES = 4
SCALED = {"standardized": "standardized", "unit": "scaled to 0..1"}
"""The effect of `--pixels` on the columns of a table, in words."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training and test inputs with labels, on the CPU, with `--pixels` applied."""

    name: str
    """The name asked for, or that of the .npz file (without its ending) or of the folder."""
    train_inputs: Inputs
    """Shape (train samples, features)."""
    train_labels: np.ndarray
    """Shape (train samples,), int64, 0 <= label < classes."""
    test_inputs: Inputs
    """Shape (test samples, features)."""
    test_labels: np.ndarray
    """Shape (test samples,), int64, 0 <= label < classes."""
    classes: int
    """Largest training label + 1."""
    image_shape: tuple[int, int] | None
    """Rows and columns if the features of a sample form an image."""
    fingerprint: str
    """SHA-256 of inputs and labels before `--pixels`, as 64 hexadecimal digits."""
    pixels: str = "raw"
    """The scaling of the inputs, one of PIXELS."""
    class_names: tuple[str, ...] = ()
    """Names of the labels 0..C-1, shown in their place; empty if the labels are their own names."""
    feature_names: Sequence[str] = ()
    """Names of the features; empty if they have none."""
    table: TableEncoding | None = None
    """The way in which columns became features, with the scaling, if it is a table."""
    notice: str | None = None
    """Something the user must keep in mind, such as data that stand in for MNIST."""


def load_dataset(
    name: str,
    data_dir: str | None,
    pixels: str,
    progress: Callable[[str], None],
    is_cancelled: Callable[[], bool],
    *,
    memory_limit: int | None = None,
    file: FileOptions = NO_OPTIONS,
) -> Dataset:
    """Return the dataset of a name of DATASETS, downloading it if need be, or of a path.

    A path is that of a table or an svmlight file, of which `file` says more, of an .npz file, of a folder of
    IDX files, or of one of .npy shards, whose inputs stay on disk.
    `data_dir` None is the user's cache folder; `pixels` is one of PIXELS. `progress` is told in
    short sentences what happens; `is_cancelled` is polled between steps. An .npz that needs more
    than `memory_limit` bytes is refused; None is what the machine has left.
    Raises UsageError for an unknown name or a file that cannot be used, UserError if data cannot be had,
    Cancelled.
    """
    check_cancelled(is_cancelled)
    arrays, notice = _read(name, data_dir, memory_limit, file, progress, is_cancelled)
    check_cancelled(is_cancelled)
    needed = sum(_bytes_of(split) for split in (arrays.train_inputs, arrays.test_inputs))
    if memory_limit is not None and needed > memory_limit:
        raise UserError(
            f"dataset {arrays.name!r} takes {size_text(needed)} of memory, --memory-limit allows "
            f"{size_text(memory_limit)}: raise it, or save the data as a folder of .npy shards"
        )
    try:
        digest = arrays.known_fingerprint or fingerprint(arrays)
        check_cancelled(is_cancelled)
        if pixels != "raw":
            progress("Scaling the inputs")
        train, test = scaled_inputs(arrays, pixels)
    except MemoryError as error:
        raise UserError(f"dataset {name!r} does not fit into memory: use a smaller one") from error
    scaled = f"columns are {SCALED[pixels]}" if arrays.table is not None and pixels != "raw" else None
    notice = "; ".join(filter(None, (notice, scaled, *oddities(arrays)))) or None
    return Dataset(
        arrays.name,
        train,
        arrays.train_labels,
        test,
        arrays.test_labels,
        arrays.classes,
        arrays.image_shape,
        digest,
        pixels,
        arrays.class_names,
        arrays.feature_names,
        arrays.table and with_scaling(arrays.table, train.applied or train.scaling),
        notice,
    )


def _bytes_of(inputs: np.ndarray | ShardSource | CsrSource) -> int:
    """Return the memory that inputs take once they are scaled; none if they stay on disk."""
    if isinstance(inputs, np.ndarray):
        return FLOAT32_BYTES * inputs.size
    return inputs.nbytes if isinstance(inputs, CsrSource) else 0


def with_scaling(table: TableEncoding, scaling: Scaling | None) -> TableEncoding:
    """Return an encoding with the scaling of its features, which prediction needs."""
    if scaling is None:
        return table
    return replace(table, shift=tuple(scaling.shift.tolist()), divisor=tuple(scaling.divisor.tolist()))


def _read(
    name: str,
    data_dir: str | None,
    memory_limit: int | None,
    file: FileOptions,
    progress: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> tuple[Arrays, str | None]:
    """Return the data, and a notice if they stand in for others or something about them is odd."""
    if name == "auto":
        try:
            return _read_family("mnist", data_folder(data_dir), HASTY, progress, is_cancelled), None
        except DownloadError as error:
            notice = (
                f"MNIST is not on disk and could not be downloaded ({error.reason}): "
                "training on scikit-learn's 1,797 digits instead"
            )
            return _read_digits(progress), notice
    if name == "digits":
        return _read_digits(progress), None
    if name in DATASETS:
        return _read_family(name, data_folder(data_dir), PATIENT, progress, is_cancelled), None
    if os.path.isdir(name):
        images = read_idx_folder(Path(name), is_cancelled)
        return images or read_shards(Path(name), progress, is_cancelled), None
    if is_table(name):
        from logreg_tui.core.data.table.reader import read_table

        arrays, notices = read_table(name, file, memory_limit, progress, is_cancelled)
        return arrays, "; ".join(notices) or None
    if is_svmlight(name):
        from logreg_tui.core.data.sparse.svmlight import read_svmlight

        arrays, notices = read_svmlight(name, file, memory_limit, progress, is_cancelled)
        return arrays, "; ".join(notices) or None
    known = (
        f"choose from {', '.join(DATASETS)}, or give the path of a table ({', '.join(TABLE_ENDINGS)}), of an "
        "svmlight file, of an .npz file or of a folder of IDX files or .npy shards"
    )
    is_npz = name.lower().endswith(".npz")
    if not is_npz or not os.path.isfile(name):
        is_path = (is_npz or os.sep in name) and not os.path.exists(name)
        raise UsageError(f"dataset {name!r} is {'not a file' if is_path else 'unknown'}: {known}")
    progress(f"Reading {escape_control_chars(os.path.basename(name))}")
    return read_npz(Path(name), memory_limit, is_cancelled)


def data_folder(data_dir: str | None) -> Path:
    """Return the folder of `--data-dir`; None is the user's cache folder.

    Raises DownloadError if there is no such folder: without HOME a user may have none.
    """
    if data_dir is not None:
        return Path(data_dir)
    # Not there on a machine that was given the data and no more than it takes to train.
    from platformdirs import user_cache_dir

    try:
        return Path(user_cache_dir("logreg-tui"))
    except RuntimeError as error:
        cause = "there is no home folder to keep it in"
        raise DownloadError("the dataset", cause, "set HOME, or name a folder with --data-dir") from error


def _read_family(
    name: str,
    folder: Path,
    patience: Patience,
    progress: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> Arrays:
    """Read one of the MNIST family, after downloading what is missing of it."""
    family = FAMILIES[name]
    missing, raw = family.missing(folder), family.raw_folder(folder)
    if missing and family.source is not None:
        raise UserError(
            f"{family.title} is not on disk: get {family.source} and put its files "
            f"{family.files[0]} ... (.gz or not) into {escape_control_chars(raw)}"
        )
    if missing:
        try:
            download(family.title, family.folder, missing, raw, patience, progress, is_cancelled)
        except DownloadError as error:
            others = family.other_files(folder)
            if not others:
                raise
            what_is_there = f"{error.reason}; there is {', '.join(others)}, but no {', '.join(missing)}"
            raise DownloadError(family.title, what_is_there, error.remedy) from error
    progress(f"Reading {family.title}")
    return read_family(name, folder, is_cancelled)


def _read_digits(progress: Callable[[str], None]) -> Arrays:
    """Return scikit-learn's embedded digits, 8 by 8, 0..16, in a fixed stratified split."""
    progress("Reading scikit-learn's digits")
    with importing_sklearn():
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    digits = load_digits()
    train, test, train_labels, test_labels = train_test_split(
        digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=0
    )
    labels = train_labels.astype("<i8"), test_labels.astype("<i8")
    return Arrays("digits", train, labels[0], test, labels[1], brightest=16.0)
