"""Made-up data for the tests of the engine: arrays, a source that says it lies on disk, small blocks."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine import storage as samples
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.optimizers import OPTIMIZERS, SGD, Optimizer


def values(rows: int, features: int, share: float = 1.0, dtype: str = "u1", seed: int = 0) -> np.ndarray:
    """Return values 1..9 of which a share is left and the others are 0."""
    random = np.random.default_rng(seed)
    made = random.integers(1, 10, (rows, features)) * (random.random((rows, features)) < share)
    return made.astype(dtype)


def dataset(train: Inputs | np.ndarray, test: Inputs | np.ndarray, classes: int = 3) -> Dataset:
    """Return inputs as a dataset with labels that follow from the number of the row."""
    labels = [np.arange(len(inputs)) * 7 % 11 % classes for inputs in (train, test)]
    return Dataset(
        "made", Inputs.of(train), labels[0], Inputs.of(test), labels[1], classes, None, "fingerprint"
    )


def cut_into_blocks(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let blocks have about so many rows, however few values these are."""
    monkeypatch.setattr(samples, "BLOCK_ROWS", rows)
    monkeypatch.setattr(samples, "SPARSE_BLOCK_ROWS", rows)
    monkeypatch.setattr(samples, "BLOCK_VALUES", 1)


def with_runs(
    engine: Engine, heads: Sequence[str], l2: float = 0.01, optimizers: Sequence[Optimizer] = ()
) -> Engine:
    """Let runs 1, 2, ... join an engine, each with a seed of its own, and return it."""
    for run, head in enumerate(heads, 1):
        optimizer = optimizers[(run - 1) % len(optimizers)] if optimizers else SGD
        engine.add(run, head, l2, *initial_parameters(engine.features, engine.classes, run), optimizer)
    return engine


ALL_OPTIMIZERS = tuple(Optimizer(kind) for kind in OPTIMIZERS)


def all_parameters(engine: Engine) -> torch.Tensor:
    """Return the parameters of all runs by number, (runs, classes, features + 1)."""
    parts = (engine.parameters(run) for run in sorted(engine.runs))
    return torch.stack([torch.cat([weight, bias[:, None]], 1) for weight, bias in parts])


class DiskSource:
    """Values that are said to lie on disk; counts what was read and is still held by someone."""

    is_on_disk = True

    def __init__(self, stored: np.ndarray) -> None:
        self._stored = stored
        self.shape = stored.shape
        self.dtype = stored.dtype
        self.reads = self.held = self.most_held = 0
        self.error: Exception | None = None
        self.error_at = 0
        self._lock = threading.RLock()

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return a copy of rows start to stop, or raise the error of the test for those from error_at on."""
        if self.error is not None and start >= self.error_at:
            raise self.error
        rows = self._stored[start:stop].copy()
        self._count(1)
        weakref.finalize(rows, self._count, -1)
        return rows

    def _count(self, change: int) -> None:
        with self._lock:
            self.reads += change > 0
            self.held += change
            self.most_held = max(self.most_held, self.held)
