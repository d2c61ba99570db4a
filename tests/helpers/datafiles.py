"""Small files of the MNIST family and small .npz files, for the tests of the datasets."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from logreg_tui.core.data.mnist_files import FAMILIES

DOWNLOADED = [name for name, family in FAMILIES.items() if family.source is None]
"""The datasets of the MNIST family that are had from torchvision's mirrors."""
TRAIN = 40
TEST = 20
ROWS, COLUMNS = 5, 4


def nothing_is_told(_: str) -> None:
    """A progress function for tests that do not look at it."""


def never() -> bool:
    """A cancel function for tests that do not cancel."""
    return False


def idx_bytes(magic: int, shape: tuple[int, ...], values: bytes) -> bytes:
    """Return an IDX file, which need not be consistent."""
    return b"".join(number.to_bytes(4, "big") for number in (magic, *shape)) + values


def images(samples: int, rows: int = ROWS, columns: int = COLUMNS) -> bytes:
    """Return an IDX file of images with every grey value."""
    values = bytes(index * 7 % 256 for index in range(samples * rows * columns))
    return idx_bytes(0x0803, (samples, rows, columns), values)


def labels(samples: int) -> bytes:
    """Return an IDX file of the labels 0..9, again and again."""
    return idx_bytes(0x0801, (samples,), bytes(index % 10 for index in range(samples)))


def labels_with_source(samples: int) -> bytes:
    """Return an IDX file of labels as QMNIST has them, in which only the first column are classes."""
    table = np.full((samples, 8), 77, ">i4")
    table[:, 0] = np.arange(samples) % 10
    return idx_bytes(0x0C02, (samples, 8), table.tobytes())


def family_files(name: str) -> dict[str, bytes]:
    """Return the four files of a dataset of the MNIST family by name."""
    family = FAMILIES[name]
    make_labels = labels_with_source if name == "qmnist" else labels
    contents = (images(TRAIN), make_labels(TRAIN), images(TEST), make_labels(TEST))
    return dict(zip(family.files, contents, strict=True))


def write_family(data_dir: Path, name: str = "mnist", packed: bool = False) -> Path:
    """Write the four files of a dataset and return their folder."""
    folder = FAMILIES[name].raw_folder(data_dir)
    folder.mkdir(parents=True)
    for file, content in family_files(name).items():
        if packed:
            (folder / f"{file}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / file).write_bytes(content)
    return folder


def npz_arrays() -> dict[str, np.ndarray]:
    """Return a good dataset of 12 and 6 samples, 3 features, 3 classes."""
    return {
        "X_train": np.linspace(-2, 4, 36).reshape(12, 3),
        "y_train": np.arange(12) % 3,
        "X_test": np.linspace(-3, 5, 18).reshape(6, 3),
        "y_test": np.arange(6) % 3,
    }


def write_npz(path: Path, **changes: np.ndarray | None) -> str:
    """Write the good dataset with changes, None leaving an array out, and return the path."""
    arrays = {**npz_arrays(), **changes}
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return str(path)
