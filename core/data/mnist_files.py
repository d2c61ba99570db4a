"""The files of the MNIST family on disk, under the names and in the folders that people have; the IDX format.

Neither torch nor torchvision is needed to read them. The format is described at
https://web.archive.org/web/2023/http://yann.lecun.com/exdb/mnist/ : a magic number that gives
type and dimensions, the sizes as big-endian 32-bit integers, the values.
"""

from __future__ import annotations

import gzip
import math
import os
import string
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from logreg_tui.core.data.arrays import Arrays, BadLabels, Truncated, check_labels, fill, row_chunks
from logreg_tui.core.errors import Cancelled, UsageError, UserError
from logreg_tui.core.files import open_regular
from logreg_tui.core.text import describe, escape_control_chars

IMAGES = 0x0803
LABELS = 0x0801
LABELS_WITH_SOURCE = 0x0C02
"""QMNIST: 8 numbers per sample, of which the first is the class."""
TYPES = {0x08: "u1", 0x0C: ">i4"}
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
FIRST_LABELS = {"mnist": (5, 0, 4, 1, 9, 2, 1, 3, 1, 4), "fashion-mnist": (9, 0, 0, 3, 0, 2, 7, 2, 5, 5)}
"""Of the training sets: datasets whose files have the same names are told apart by them."""
MOST_NAMED = 4
"""Files that an error names."""
MAX_DEFLATE_RATIO = 1032
"""No deflate stream expands more than this: https://zlib.net/zlib_tech.html"""


@dataclass(frozen=True, slots=True)
class Family:
    """One dataset of the family."""

    title: str
    """The name on the screen."""
    folder: str
    """The folder under the data directory, which is also the name of torchvision's class."""
    files: tuple[str, str, str, str] = FILES
    """Training images and labels, test images and labels."""
    labels: int = LABELS
    """The magic number of the label files."""
    first_label: int = 0
    """The number that the files give the first class."""
    classes: int = 10
    class_names: tuple[str, ...] = ()
    """The characters, if they are not the digits 0..9."""
    is_transposed: bool = False
    """True if the files hold the columns of an image where others hold its rows."""
    source: str | None = None
    """The address that has the files, if they are not downloaded by themselves."""

    def raw_folder(self, data_dir: Path) -> Path:
        """Return torchvision's folder of the files."""
        return data_dir / self.folder / "raw"

    def find(self, data_dir: Path) -> dict[str, Path]:
        """Return the paths of the files that are on disk, by name.

        They are those of the first folder that has all: torchvision's, or that of a package unpacked in the
        data directory. Otherwise they are those of torchvision's folder.
        """
        raw = self.raw_folder(data_dir)
        for folder in (raw, raw / "gzip", raw.parent, data_dir / "raw", data_dir / "gzip", data_dir):
            found = files_in(folder, self.files)
            # Those of MNIST, Fashion-MNIST and KMNIST have the same names.
            is_shared = data_dir in (folder, folder.parent) and self.files == FILES
            if len(found) == len(self.files) and not (is_shared and self._are_of_another(found)):
                return found
        return files_in(raw, self.files)

    def missing(self, data_dir: Path) -> list[str]:
        """Return the files that are not on disk."""
        found = self.find(data_dir)
        return [name for name in self.files if name not in found]

    def other_files(self, data_dir: Path) -> list[str]:
        """Return files that look like IDX files, incomplete or of other names: MOST_NAMED at the most."""
        raw = self.raw_folder(data_dir)
        places = (raw, raw / "gzip", raw.parent, data_dir / "raw", data_dir / "gzip", data_dir)
        folders = filter(os.path.isdir, places)
        paths = (path for folder in folders for path in sorted(folder.glob("*ubyte*")))
        found = filter(os.path.isfile, paths)
        return [escape_control_chars(path) for path in islice(found, MOST_NAMED)]

    def _are_of_another(self, found: dict[str, Path]) -> bool:
        """Return True if the training labels are known to be those of another dataset."""
        try:
            labels = read_idx(found[self.files[1]], self.labels, lambda: False)
        except (UserError, _BadFiles):
            return False
        first = tuple(labels[:10].tolist())
        return first in FIRST_LABELS.values() and FIRST_LABELS.get(self.title.lower()) != first


def _emnist(name: str, first_label: int = 0, names: str = "") -> Family:
    """Return a split of EMNIST (Cohen et al. 2017, https://arxiv.org/abs/1702.05373)."""
    parts = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    images, labels, test_images, test_labels = (f"emnist-{name}-{part}-ubyte" for part in parts)
    return Family(
        f"EMNIST {name}",
        "EMNIST",
        (images, labels, test_images, test_labels),
        first_label=first_label,
        classes=len(names) or 10,
        class_names=tuple(names),
        is_transposed=True,
        source="https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    )


ALPHANUMERIC = string.digits + string.ascii_uppercase + string.ascii_lowercase
MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
"""Of letters that look alike in both cases there is one class."""
FAMILIES = {
    "mnist": Family("MNIST", "MNIST"),
    "fashion-mnist": Family("Fashion-MNIST", "FashionMNIST"),
    "kmnist": Family("KMNIST", "KMNIST"),
    "qmnist": Family(
        "QMNIST",
        "QMNIST",
        (
            "qmnist-train-images-idx3-ubyte",
            "qmnist-train-labels-idx2-int",
            "qmnist-test-images-idx3-ubyte",
            "qmnist-test-labels-idx2-int",
        ),
        LABELS_WITH_SOURCE,
    ),
    "emnist-balanced": _emnist("balanced", names=MERGED),
    "emnist-letters": _emnist("letters", 1, string.ascii_lowercase),
    "emnist-digits": _emnist("digits"),
    "emnist-byclass": _emnist("byclass", names=ALPHANUMERIC),
    "emnist-bymerge": _emnist("bymerge", names=MERGED),
    "emnist-mnist": _emnist("mnist"),
}


def files_in(folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """Return the paths of those of the files that a folder has, by name."""
    found = ((name, path) for name in names for path in _spellings(folder, name) if os.path.isfile(path))
    return dict(reversed(list(found)))


def _spellings(folder: Path, name: str) -> Iterator[Path]:
    """Yield the paths under which people have a file: with a dot, packed, in a folder of its own name."""
    for spelling in (name, name.replace("-idx", ".idx")):
        yield from (folder / spelling, folder / f"{spelling}.gz", folder / spelling / spelling)
        yield folder / spelling / name


def read_family(name: str, data_dir: Path, is_cancelled: Callable[[], bool]) -> Arrays:
    """Read the four files of a dataset that is on disk.

    Raises UserError, naming the file, if one is damaged or cannot be read; Cancelled.
    """
    family = FAMILIES[name]
    try:
        return _read_files(name, family, family.find(data_dir), is_cancelled)
    except _BadFiles as error:
        remedy = f"delete {error.them} to download {error.them} again"
        if family.source is not None:
            remedy = f"get {error.them} anew from {family.source}"
        raise UserError(f"{error}: {remedy}") from error


def read_idx_folder(folder: Path, is_cancelled: Callable[[], bool]) -> Arrays | None:
    """Read the dataset of the family that a folder holds; None if it has none of its files.

    Raises UsageError, naming what is wrong, if a file is missing, damaged, or if there are several datasets;
    Cancelled.
    """
    shown = escape_control_chars(folder)
    own = Family("", "", classes=256)
    candidates = {"": own} | {name: family for name, family in FAMILIES.items() if family.files != FILES}
    found = {
        name: paths
        for name, family in candidates.items()
        for paths in [max((files_in(folder / part, family.files) for part in ("", "raw", "gzip")), key=len)]
        if paths
    }
    whole = {name: paths for name, paths in found.items() if len(paths) == len(FILES)}
    if len(whole) > 1:
        names = ", ".join(name or "mnist" for name in whole)
        raise UsageError(f"{shown} holds {names}: choose one with --dataset and give --data-dir {shown}")
    if found and not whole:
        name, paths = max(found.items(), key=lambda item: len(item[1]))
        missing = [file for file in candidates[name].files if file not in paths]
        raise UsageError(f"{shown} has no {', '.join(missing)}, nor with .gz: put the files together there")
    for name, paths in whole.items():
        title = name or escape_control_chars(os.path.basename(os.path.abspath(folder)))
        try:
            return _read_files(title, candidates[name], paths, is_cancelled)
        except _BadFiles as error:
            raise UsageError(f"{error}: replace {error.them}") from error
    return None


def _read_files(
    name: str, family: Family, found: dict[str, Path], is_cancelled: Callable[[], bool]
) -> Arrays:
    paths = [found[file] for file in family.files]
    magics = (IMAGES, family.labels, IMAGES, family.labels)
    arrays = [read_idx(path, magic, is_cancelled) for path, magic in zip(paths, magics, strict=True)]
    train, train_labels, test, test_labels = arrays
    _check_counts(paths[0], train, paths[1], train_labels)
    _check_counts(paths[2], test, paths[3], test_labels)
    if train.shape[1:] != test.shape[1:]:
        both = f"{escape_control_chars(paths[0])} and {escape_control_chars(paths[2])}"
        raise _BadFiles(f"{both} hold images of different sizes", "them")
    if family.is_transposed:
        train, test = _transposed(train, is_cancelled), _transposed(test, is_cancelled)
    train_labels = _classes(train_labels, family, paths[1])
    test_labels = _classes(test_labels, family, paths[3])
    try:
        check_labels(train_labels, test_labels)
    except BadLabels as error:
        raise _damaged(paths[3 if error.is_test else 1], str(error)) from error
    names = family.class_names[: int(train_labels.max()) + 1]
    return Arrays(name, train, train_labels, test, test_labels, brightest=255.0, class_names=names)


def _transposed(images: np.ndarray, is_cancelled: Callable[[], bool]) -> np.ndarray:
    """Return images with rows for columns: square ones in place, as there may be hundreds of megabytes."""
    if images.shape[1] != images.shape[2]:
        return np.ascontiguousarray(images.transpose(0, 2, 1))
    for rows in row_chunks(images.shape):
        if is_cancelled():
            raise Cancelled
        images[rows] = images[rows].transpose(0, 2, 1)
    return images


def read_idx(path: Path, magic: int, is_cancelled: Callable[[], bool]) -> np.ndarray:
    """Return the values of an IDX file, or of its `.gz`, in the shape that its header gives.

    Raises UserError if the file cannot be read, _BadFiles if it has another magic number or another size.
    """
    is_packed = path.name.endswith(".gz")
    try:
        with open_regular(path) as stored, gzip.open(stored) if is_packed else stored as file:
            room = os.fstat(stored.fileno()).st_size * (MAX_DEFLATE_RATIO if is_packed else 1)
            values = _empty(file, magic, room)
            fill(values, file, is_cancelled)
            return values
    except (_BadHeader, Truncated, gzip.BadGzipFile, EOFError, zlib.error, MemoryError) as error:
        raise _damaged(path, describe(error)) from error
    except OSError as error:
        raise UserError(
            f"{escape_control_chars(path)} cannot be read: {describe(error)}; check its permissions"
        ) from error


class _BadFiles(Exception):
    """Files that cannot be used: which ones and why, without the remedy, and the pronoun for them."""

    def __init__(self, text: str, them: str = "it") -> None:
        super().__init__(text)
        self.them = them


class _BadHeader(Exception):
    """A header that is not of the expected kind; the text says why."""


def _empty(file: IO[bytes] | gzip.GzipFile, magic: int, room: int) -> np.ndarray:
    """Read the header and return an array for the values, which take at most `room` bytes."""
    dimensions = magic & 0xFF
    header = file.read(4 * (dimensions + 1))
    numbers = [int(number) for number in np.frombuffer(header[: len(header) // 4 * 4], ">u4")]
    if numbers[:1] != [magic]:
        raise _BadHeader(f"it does not begin with the magic number {magic}")
    if len(numbers) <= dimensions:
        raise _BadHeader("it ends within its header")
    dtype, shape = np.dtype(TYPES[magic >> 8]), numbers[1:]
    if 0 in shape:
        raise _BadHeader("it holds no samples")
    # Compared before anything is allocated: a damaged header may claim any size.
    size = math.prod(shape) * dtype.itemsize
    if size > room:
        raise _BadHeader(f"its header announces {size:,} bytes of values, which it does not hold")
    return np.empty(shape, dtype)


def _classes(labels: np.ndarray, family: Family, path: Path) -> np.ndarray:
    """Return the classes from 0 on. Raises _BadFiles if there cannot be such labels."""
    column = (labels if labels.ndim == 1 else labels[:, 0]).astype("<i8") - family.first_label
    if column.max() >= family.classes:
        largest = family.classes - 1 + family.first_label
        raise _damaged(path, f"label {column.max() + family.first_label} is above {largest}")
    return column


def _check_counts(image_path: Path, images: np.ndarray, label_path: Path, labels: np.ndarray) -> None:
    if len(images) != len(labels):
        raise _BadFiles(
            f"{escape_control_chars(image_path)} holds {len(images):,} images, "
            f"{escape_control_chars(label_path)} {len(labels):,} labels",
            "them",
        )


def _damaged(path: Path, why: str) -> _BadFiles:
    return _BadFiles(f"{escape_control_chars(path)} is damaged ({why})")
