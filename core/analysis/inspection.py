"""A look inside a model: its outputs, its mistakes, and the gradients at its head.

Computed with numpy from a copy of the parameters, away from the training and without torch. For inputs
X, shape (samples, features), the linear outputs are z = X @ weight.T + bias and the head's outputs are
s = sigmoid(z), or z itself for logits, all of shape (samples, classes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from logreg_tui.core.errors import UserError
from logreg_tui.core.heads import SIGMOID

if TYPE_CHECKING:
    from logreg_tui.core.data.inputs import Inputs
    from logreg_tui.core.training.snapshots import ParametersSnapshot

CHUNK_ROWS = 4096
CHUNK_VALUES = 1 << 22
"""Of inputs or outputs at a time: with very many features, fewer rows."""
MOST_CLASSES = 1000
"""A table of more would take more memory than anybody could look at."""
MOST_ROWS = 60_000
"""Samples that `head_facts` looks at: the first ones if there are more."""
SATURATED = 1e-3
"""An output of a sigmoid that is closer to 0 or 1 than this is saturated: its slope is below 1e-3 too."""
CERTAIN = 0.999


@dataclass(frozen=True)
class Mistakes:
    """The predictions of a model for a set of samples."""

    run: int
    epoch: int
    counts: np.ndarray
    """Samples by label (row) and predicted class (column), shape (classes, classes), int64."""
    labels: np.ndarray
    """Shape (samples,)."""
    predicted: np.ndarray
    """The first class with the largest output of the head, shape (samples,)."""

    @property
    def accuracy(self) -> float:
        """Share of samples whose label is predicted."""
        return float(np.trace(self.counts) / self.counts.sum())

    @cached_property
    def class_accuracies(self) -> np.ndarray:
        """Share of each label's samples that are predicted right (recall); nan if a label has none."""
        totals = self.counts.sum(axis=1)
        return np.asarray(np.diagonal(self.counts) / np.where(totals, totals, np.nan))

    @cached_property
    def precisions(self) -> np.ndarray:
        """Share of each class's predictions that are right; nan if it is never predicted."""
        totals = self.counts.sum(axis=0)
        return np.asarray(np.diagonal(self.counts) / np.where(totals, totals, np.nan))

    @property
    def worst(self) -> tuple[int, int]:
        """Label and predicted class of the most frequent mistake, the first of several; 0, 0 without any."""
        wrong = self.counts * ~np.eye(len(self.counts), dtype=bool)
        label, predicted = divmod(int(wrong.argmax()), len(wrong))
        return label, predicted

    def samples(self, label: int, predicted: int) -> np.ndarray:
        """Return the numbers of the samples of one cell, ascending."""
        return np.flatnonzero((self.labels == label) & (self.predicted == predicted))


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """Figures at the head of a model, over training samples; L is the loss of one sample."""

    run: int
    epoch: int
    head: str
    samples: int
    """Number of samples that were looked at."""
    mean_gradient: float
    """Mean of |dL/dz| over samples and classes."""
    mean_gradient_without_head: float
    """Mean of |dL/ds|: what arrives before the head's slope."""
    saturated: float | None
    """Share of a sigmoid's outputs closer than SATURATED to 0 or 1; None for logits."""
    tied: float
    """Share of samples whose largest output several classes share."""
    certain: float
    """Share of samples to whose label the model gives a probability above CERTAIN."""

    @property
    def gradient_left(self) -> float:
        """Share of the gradient that the head's slope lets through."""
        before = self.mean_gradient_without_head
        return self.mean_gradient / before if before else 0.0


def inspect_mistakes(parameters: ParametersSnapshot, inputs: Inputs, labels: np.ndarray) -> Mistakes:
    """Return the predictions of a model for samples with labels of shape (samples,).

    Raises UserError if there are more than MOST_CLASSES classes.
    """
    classes = len(parameters.bias)
    if classes > MOST_CLASSES:
        raise UserError(f"{classes:,} classes are too many for a table: {MOST_CLASSES:,} is the most")
    predicted = predict_classes(parameters, inputs)
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return Mistakes(parameters.run, parameters.epoch, counts.reshape(classes, classes), labels, predicted)


def predict_classes(parameters: ParametersSnapshot, inputs: Inputs) -> np.ndarray:
    """Return the first class with the largest output of the head, shape (samples,), int64."""
    return np.concatenate([outputs.argmax(1) for _, outputs in _outputs(parameters, inputs)])


def probabilities(parameters: ParametersSnapshot, inputs: Inputs) -> np.ndarray:
    """Return softmax(s), shape (samples, classes), float64."""
    # In float32 most of a certain model's would be 0, and nobody could tell the second likeliest class.
    return np.concatenate(
        [_softmax(outputs.astype(np.float64)) for _, outputs in _outputs(parameters, inputs)]
    )


def head_facts(parameters: ParametersSnapshot, inputs: Inputs, labels: np.ndarray) -> HeadFacts:
    """Return figures at the head over the first MOST_ROWS samples.

    dL/ds = softmax(s) - onehot(label) and, behind a sigmoid, dL/dz = dL/ds * s * (1 - s), all of shape
    (samples, classes).
    """
    count = min(len(inputs), MOST_ROWS)
    is_sigmoid = parameters.head == SIGMOID
    gradients = bare = saturated = tied = certain = 0.0
    for rows, outputs in _outputs(parameters, inputs[:count]):
        gradient = _softmax(outputs)
        of_label = np.arange(len(outputs)), labels[rows]
        certain += np.count_nonzero(gradient[of_label] > CERTAIN)
        gradient[of_label] -= 1
        bare += np.abs(gradient).sum(dtype=np.float64)
        tied += np.count_nonzero((outputs == outputs.max(1, keepdims=True)).sum(1) > 1)
        if is_sigmoid:
            gradient *= outputs * (1 - outputs)
            saturated += np.count_nonzero((outputs < SATURATED) | (outputs > 1 - SATURATED))
        gradients += np.abs(gradient).sum(dtype=np.float64)
    values = count * len(parameters.bias)
    return HeadFacts(
        parameters.run,
        parameters.epoch,
        parameters.head,
        count,
        float(gradients / values),
        float(bare / values),
        saturated / values if is_sigmoid else None,
        tied / count,
        certain / count,
    )


def _outputs(parameters: ParametersSnapshot, inputs: Inputs) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of rows and the head's outputs for them, shape (rows, classes), float32."""
    widest = len(parameters.bias) if inputs.is_sparse else max(parameters.weight.shape)
    rows = max(1, min(CHUNK_ROWS, CHUNK_VALUES // widest))
    for start in range(0, len(inputs), rows):
        stop = min(start + rows, len(inputs))
        outputs = inputs.product(start, stop, parameters.weight) + parameters.bias
        if parameters.head == SIGMOID:
            # In float32, as the training computes it: from about 16.6 on it is 1, and these outputs tie.
            with np.errstate(over="ignore"):
                outputs = 1 / (1 + np.exp(-outputs))
        yield slice(start, stop), outputs


def _softmax(outputs: np.ndarray) -> np.ndarray:
    exponentials = np.exp(outputs - outputs.max(1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(1, keepdims=True))
