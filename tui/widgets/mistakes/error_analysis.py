"""The confusion matrix of one set of parameters, and the test samples behind one of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Literal, NamedTuple

import numpy as np

from logreg_tui.core.analysis.inspection import Mistakes, inspect_mistakes, probabilities
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.text import class_name, describe
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.widgets.mistakes.confusion_matrix import CellPage

MOST_FEATURES = 60
"""Features of a sample that are listed: more lines has no screen."""
MOST_SAMPLES = 24
"""Number of samples of a cell that are read at a time: more fit on no screen."""


class Contribution(NamedTuple):
    """The part of a feature in a prediction."""

    feature: int
    value: float
    """Before any scaling."""
    difference: float
    """(W[p] - W[q]) * x of the feature, p the predicted class, q the other one, x the scaled value: what it
    adds to the linear output of p beyond that of q."""


@dataclass(frozen=True, slots=True, eq=False)
class PredictedSample:
    """One test sample with what the model says of it."""

    number: int
    """Counts the test set from 0."""
    original: np.ndarray
    """Its values before any scaling, shape (features,)."""
    label: int
    predicted: int
    likeliest: tuple[tuple[int, float], ...]
    """All classes with the model's probabilities: the predicted class, then the likeliest others."""
    contributions: tuple[Contribution, ...] = ()
    """The largest of the features of a sample that is no image, the largest first."""

    @property
    def other(self) -> int:
        """The class that the predicted one is set against: the label, or the likeliest other one."""
        return self.label if self.label != self.predicted else self.likeliest[1][0]


@dataclass(frozen=True, slots=True, eq=False)
class CellSamples:
    """A page of the samples of one cell."""

    page: CellPage
    numbers: np.ndarray
    """The numbers of all samples in the cell, ascending."""
    position: int
    """The index in `numbers` of the first one of `samples`."""
    samples: tuple[PredictedSample, ...]
    enlarged: PredictedSample | None
    image_shape: tuple[int, int] | None
    class_names: tuple[str, ...] = ()
    feature_names: Sequence[str] = ()

    def name(self, label: int) -> str:
        """Return the name of a class."""
        return class_name(self.class_names, label)

    def index(self, number: int) -> int:
        """Return the index in `numbers` of a sample, or of the next one if it has left the cell."""
        return min(int(np.searchsorted(self.numbers, number)), max(0, len(self.numbers) - 1))

    def further(self, number: int, steps: int) -> int:
        """Return the number of the sample some steps after or before another, the last or first at most."""
        side: Literal["left", "right"] = "left" if steps < 0 else "right"
        at = int(np.searchsorted(self.numbers, number, side)) + steps - (steps > 0)
        return int(self.numbers[max(0, min(at, len(self.numbers) - 1))])

    def first_of_page(self, first: int, number: int, size: int) -> int:
        """Return the first sample of the page of `size` with a sample, `first` being that of a page."""
        start, at = self.index(first), self.index(number)
        turned = max(0, start + (at - start) // size * size)
        return first if turned == start else int(self.numbers[turned])


@dataclass(frozen=True, slots=True, eq=False)
class ErrorAnalysis:
    """The mistakes of one set of parameters."""

    parameters: ParametersSnapshot
    mistakes: Mistakes
    cell: CellSamples | None
    duration_s: float


def analyse_errors(
    dataset: Dataset, parameters: ParametersSnapshot, page: CellPage | None, known: ErrorAnalysis | None
) -> ErrorAnalysis | str:
    """Return the confusion matrix of the test set and a page of samples, or a line that says why not.

    The matrix of `known` is taken over if it is of the same parameters.
    """
    start = perf_counter()
    try:
        if known is not None and known.parameters is parameters:
            mistakes, duration_s = known.mistakes, known.duration_s
        else:
            mistakes = inspect_mistakes(parameters, dataset.test_inputs, dataset.test_labels)
            duration_s = perf_counter() - start
        cell = None if page is None else cell_samples(dataset, parameters, mistakes, page)
    # Files that are gone, too little memory: the panel says so, the training has its own say.
    except Exception as error:
        return describe(error)
    return ErrorAnalysis(parameters, mistakes, cell, duration_s)


def cell_samples(
    dataset: Dataset, parameters: ParametersSnapshot, mistakes: Mistakes, page: CellPage
) -> CellSamples:
    """Read samples of a cell, at most MOST_SAMPLES, and the one that is enlarged."""
    numbers = mistakes.samples(page.label, page.predicted)
    # Past the last one: the samples have left the cell since, so its end is shown.
    position = min(int(np.searchsorted(numbers, page.first)), max(0, len(numbers) - 1))
    shown = numbers[position : position + MOST_SAMPLES].tolist()
    alone = [] if page.enlarged is None else [page.enlarged]
    samples = _read(dataset, parameters, mistakes, [*shown, *alone])
    enlarged = samples.pop() if alone else None
    if enlarged is not None and dataset.image_shape is None:
        enlarged = replace(enlarged, contributions=_contributions(dataset, parameters, enlarged))
    shape, names = dataset.image_shape, (dataset.class_names, dataset.feature_names)
    return CellSamples(page, numbers, position, tuple(samples), enlarged, shape, *names)


def _contributions(
    dataset: Dataset, parameters: ParametersSnapshot, sample: PredictedSample
) -> tuple[Contribution, ...]:
    """Return the largest contributions of features, MOST_FEATURES at the most."""
    row = dataset.test_inputs.read(sample.number, sample.number + 1)[0]
    differences = (parameters.weight[sample.predicted] - parameters.weight[sample.other]) * row
    order = np.argsort(-np.abs(np.nan_to_num(differences)), kind="stable")[:MOST_FEATURES].tolist()
    return tuple(Contribution(at, float(sample.original[at]), float(differences[at])) for at in order)


def _read(
    dataset: Dataset, parameters: ParametersSnapshot, mistakes: Mistakes, numbers: list[int]
) -> list[PredictedSample]:
    """Read test samples, with the model's probabilities of all classes."""
    if not numbers:
        return []
    inputs = dataset.test_inputs
    rows = np.concatenate([inputs.read(number, number + 1) for number in numbers])
    samples = []
    for number, row in zip(numbers, probabilities(parameters, Inputs.of(rows)), strict=True):
        label, predicted = int(mistakes.labels[number]), int(mistakes.predicted[number])
        # Rounded probabilities may be equal where the outputs that decided were not.
        order = np.lexsort((-row, np.arange(len(row)) != predicted))
        likeliest = tuple(zip(order.tolist(), row[order].tolist(), strict=True))
        original = inputs.original(number, number + 1)[0].copy()
        samples.append(PredictedSample(number, original, label, predicted, likeliest))
    return samples
