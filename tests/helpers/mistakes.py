"""Data and models whose mistakes are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.app import dataset, parameters
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.widgets.mistakes.confusion_matrix import CellPage
from logreg_tui.tui.widgets.mistakes.error_analysis import ErrorAnalysis, analyse_errors

SIZES = [(58, 8), (58, 45), (80, 14), (100, 30), (160, 45), (160, 8)]
"""Columns and lines of panels that tables and samples are to fit."""
NAMES = ("setosa", "versicolor", "a name that is far too long for it")


def prototypes(data: Dataset, **options: Any) -> ParametersSnapshot:  # noqa: ANN401
    """Return the classifier by the nearest mean, which is a linear one."""
    inputs = data.train_inputs.read(0, len(data.train_inputs))
    means = np.stack([inputs[data.train_labels == label].mean(0) for label in range(data.classes)])
    return parameters(means, -(means**2).sum(1) / 2, **options)


def made(
    classes: int, samples: int = 400, shape: tuple[int, int] | None = (4, 4)
) -> tuple[Dataset, ParametersSnapshot]:
    """Return made data of so many classes and a model that errs."""
    random = np.random.default_rng(0)
    features = 16 if shape is None else shape[0] * shape[1]
    values = random.integers(0, 255, (samples, features)).astype(np.uint8)
    weight = random.normal(size=(classes, features)) / 1000
    return dataset(values, random.integers(0, classes, samples), shape, classes), parameters(weight)


def looked(data: Dataset, shown: ParametersSnapshot, page: CellPage | None = None) -> ErrorAnalysis:
    result = analyse_errors(data, shown, page, None)
    assert isinstance(result, ErrorAnalysis)
    return result
