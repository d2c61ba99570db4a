"""The files of the MNIST family on disk: torchvision's names and folders, the IDX format.

Neither torch nor torchvision is needed to read them. The format is described at
https://web.archive.org/web/2023/http://yann.lecun.com/exdb/mnist/ : a magic number that gives
type and dimensions, the sizes as big-endian 32-bit integers, the values.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from logreg_tui.core.data.arrays import Arrays, BadLabels, Truncated, check_labels, fill
from logreg_tui.core.errors import UserError
from logreg_tui.core.files import open_regular
from logreg_tui.core.text import describe, escape_control_chars

IMAGES = 0x0803
LABELS = 0x0801
LABELS_WITH_SOURCE = 0x0C02
"""QMNIST: 8 numbers per sample, of which the first is the class."""
TYPES = {0x08: "u1", 0x0C: ">i4"}
LARGEST_LABEL = 9
MAX_DEFLATE_RATIO = 1032
"""No deflate stream expands more than this: https://zlib.net/zlib_tech.html"""


@dataclass(frozen=True, slots=True)
class Family:
    """One dataset of the family."""

    title: str
    """The name on the screen."""
    folder: str
    """The folder under the data directory, which is also the name of torchvision's class."""
    files: tuple[str, str, str, str] = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    """Training images and labels, test images and labels."""
    labels: int = LABELS
    """The magic number of the label files."""

    def raw_folder(self, data_dir: Path) -> Path:
        """Return the folder of the files."""
        return data_dir / self.folder / "raw"

    def missing(self, data_dir: Path) -> list[str]:
        """Return the files that are on disk neither as they are nor with `.gz`."""
        folder = self.raw_folder(data_dir)
        return [name for name in self.files if not os.path.isfile(on_disk(folder / name))]


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
}


def on_disk(path: Path) -> Path:
    """Return the path itself, or that of its `.gz` if only that exists."""
    packed = path.with_name(path.name + ".gz")
    return packed if not os.path.isfile(path) and os.path.isfile(packed) else path


def read_family(name: str, data_dir: Path, is_cancelled: Callable[[], bool]) -> Arrays:
    """Read the four files of a dataset that is on disk.

    Raises UserError, naming the file, if one is damaged or cannot be read; Cancelled.
    """
    family = FAMILIES[name]
    paths = [on_disk(family.raw_folder(data_dir) / file) for file in family.files]
    magics = (IMAGES, family.labels, IMAGES, family.labels)
    arrays = [read_idx(path, magic, is_cancelled) for path, magic in zip(paths, magics, strict=True)]
    train, train_labels, test, test_labels = arrays
    _check_counts(paths[0], train, paths[1], train_labels)
    _check_counts(paths[2], test, paths[3], test_labels)
    if train.shape[1:] != test.shape[1:]:
        both = f"{escape_control_chars(paths[0])} and {escape_control_chars(paths[2])}"
        raise UserError(f"{both} hold images of different sizes: delete them to download them again")
    train_labels, test_labels = _classes(train_labels, paths[1]), _classes(test_labels, paths[3])
    try:
        check_labels(train_labels, test_labels)
    except BadLabels as error:
        raise _damaged(paths[3 if error.is_test else 1], str(error)) from error
    return Arrays(name, train, train_labels, test, test_labels, brightest=255.0)


def read_idx(path: Path, magic: int, is_cancelled: Callable[[], bool]) -> np.ndarray:
    """Return the values of an IDX file, or of its `.gz`, in the shape that its header gives.

    Raises UserError if the file cannot be read, has another magic number or another size.
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


def _classes(labels: np.ndarray, path: Path) -> np.ndarray:
    column = labels if labels.ndim == 1 else labels[:, 0]
    if column.max() > LARGEST_LABEL:
        raise _damaged(path, f"label {column.max()} is above {LARGEST_LABEL}")
    return column.astype("<i8")


def _check_counts(image_path: Path, images: np.ndarray, label_path: Path, labels: np.ndarray) -> None:
    if len(images) != len(labels):
        raise UserError(
            f"{escape_control_chars(image_path)} holds {len(images):,} images, "
            f"{escape_control_chars(label_path)} {len(labels):,} labels: delete both to download them again"
        )


def _damaged(path: Path, why: str) -> UserError:
    return UserError(f"{escape_control_chars(path)} is damaged ({why}): delete it to download it again")
