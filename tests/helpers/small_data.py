"""A small dataset in MNIST's format: reading scikit-learn's own takes longer than most trainings here.

`--dataset kmnist` finds it, by the variable that `environment` of conftest.py sets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from logreg_tui.core.data.mnist_files import FAMILIES, IMAGES, LABELS

NAME = "kmnist"
SIDE = 8
SAMPLES = (400, 100)
"""For training and for testing."""


def write_data(data_dir: Path) -> None:
    """Write images that follow from the label, of values so small that nothing diverges."""
    family = FAMILIES[NAME]
    folder = family.raw_folder(data_dir)
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    shapes = random.integers(0, 4, (10, SIDE, SIDE))
    for samples, names in zip(SAMPLES, (family.files[:2], family.files[2:]), strict=True):
        labels = np.arange(samples) % 10
        images = shapes[labels] + random.integers(0, 3, (samples, SIDE, SIDE))
        (folder / names[0]).write_bytes(_idx(IMAGES, images))
        (folder / names[1]).write_bytes(_idx(LABELS, labels))


def _idx(magic: int, values: np.ndarray) -> bytes:
    head = np.array([magic, *values.shape], ">i4")
    return head.tobytes() + values.astype(np.uint8).tobytes()
