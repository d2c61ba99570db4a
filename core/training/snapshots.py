"""Snapshots that a training shows when asked, or once: never recorded, no part of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.data.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class DatasetLoaded:
    """The data that are trained and tested on."""

    step: int
    dataset: Dataset


@dataclass(frozen=True, slots=True, eq=False)
class ParametersSnapshot:
    """The parameters of one run at an epoch, as ShowParameters asks for them."""

    step: int
    run: int
    epoch: int
    head: str
    weight: np.ndarray
    """Shape (classes, features), float32, a copy."""
    bias: np.ndarray
    """Shape (classes,), float32, a copy."""
