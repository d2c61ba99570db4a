"""Runs to compare, made up."""

from __future__ import annotations

from typing import Any

from logreg_tui.core.analysis.compared_runs import ComparedRun, Origin
from logreg_tui.core.settings import RunSettings

ORIGIN = Origin("/runs/a", "a", "mnist", "raw", "f" * 64, 10_000)


def made(run: int = 1, accuracy: float | None = 0.9, **changes: Any) -> ComparedRun:  # noqa: ANN401
    figures = {"epochs": 100, "train_loss": 1.5, "test_loss": 1.6, "best_test_accuracy": accuracy}
    values = {"origin": ORIGIN, "settings": RunSettings(), "changes": (), "state": "finished"}
    return ComparedRun(run=run, test_accuracy=accuracy, **{**values, **figures, **changes})


def seeds(*accuracies: float, **changes: Any) -> list[ComparedRun]:  # noqa: ANN401
    return [
        made(seed + 1, accuracy, settings=RunSettings(seed=seed), **changes)
        for seed, accuracy in enumerate(accuracies)
    ]
