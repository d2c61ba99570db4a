"""Names to data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training and test inputs with labels, on the CPU, with `--pixels` applied."""

    name: str
    """The name asked for, or the file name of an .npz without its ending."""
    train_inputs: np.ndarray
    """Shape (train samples, features), float32, C-contiguous, finite."""
    train_labels: np.ndarray
    """Shape (train samples,), int64, 0 <= label < classes."""
    test_inputs: np.ndarray
    """Shape (test samples, features), float32, C-contiguous, finite."""
    test_labels: np.ndarray
    """Shape (test samples,), int64, 0 <= label < classes."""
    classes: int
    """Largest training label + 1."""
    image_shape: tuple[int, int] | None
    """Rows and columns where the features of a sample form an image."""
    fingerprint: str
    """SHA-256 of inputs and labels before `--pixels`, as 64 hexadecimal digits."""
    notice: str | None = None
    """Something the user must keep in mind, such as data that stand in for MNIST."""
