"""Snapshots that a training shows when asked, or once: never recorded, no part of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.training.events import Event

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.data.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class DatasetLoaded(Event):
    """The data that are trained and tested on."""

    dataset: Dataset


@dataclass(frozen=True, slots=True, eq=False)
class ParametersSnapshot(Event):
    """The parameters of one run at an epoch, as ShowParameters asks for them."""

    run: int
    epoch: int
    head: str
    weight: np.ndarray
    """Shape (classes, features), float32, a copy."""
    bias: np.ndarray
    """Shape (classes,), float32, a copy."""
