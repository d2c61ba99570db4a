"""Data that the tests of the core train on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from logreg_tui.core.data.dataset import Dataset, load_dataset

if not torch.cuda.is_available():
    # PyTorch's optimizers would load it for nothing, and it writes about leaks behind pytest's last line.
    sys.modules.setdefault("triton", None)  # type: ignore[arg-type]


def _load(name: str, data_dir: Path | None) -> Dataset:
    return load_dataset(name, None if data_dir is None else str(data_dir), "raw", print, lambda: False)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """scikit-learn's digits: 1,437 + 360 samples of 8 x 8 pixels."""
    return _load("digits", None)


@pytest.fixture(scope="session")
def mnist(mnist_dir: Path) -> Dataset:
    """The real MNIST, where it is on disk."""
    return _load("mnist", mnist_dir)
