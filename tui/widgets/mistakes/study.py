"""What the mistakes panel has computed on another thread: the whole table, and the images of one cell."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from logreg_tui.core.text import describe

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.analysis.inspection import Mistakes
    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.training.snapshots import ParametersSnapshot

MOST_SAMPLES = 24
"""Samples of a cell that are read at a time: more fit on no screen."""
LIKELIEST = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cell of the table, and from which sample on its samples are to be read."""

    label: int
    predicted: int
    first: int
    """The number of a sample: the first one shown is this or the next one in the cell."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One test sample."""

    number: int
    """Counts the test set from 0."""
    stored: np.ndarray
    """Its values before any scaling, shape (features,)."""
    likeliest: tuple[tuple[int, float], ...]
    """LIKELIEST classes with the model's probabilities, the predicted class first."""


@dataclass(frozen=True, slots=True, eq=False)
class CellSamples:
    """Samples of one cell."""

    wanted: Wanted
    numbers: np.ndarray
    """Of all samples in the cell, ascending."""
    position: int
    """Where in `numbers` the first one of `samples` stands."""
    samples: tuple[Sample, ...]
    image_shape: tuple[int, int] | None


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What was computed of one set of parameters."""

    parameters: ParametersSnapshot
    mistakes: Mistakes
    cell: CellSamples | None
    duration_s: float


def study(
    dataset: Dataset, parameters: ParametersSnapshot, wanted: Wanted | None, known: Study | None
) -> Study | str:
    """Return the table of the test set and the samples that are wanted, or in a line why there is none.

    The table of `known` is taken over where it is of the same parameters.
    """
    from logreg_tui.core.analysis.inspection import inspect_mistakes

    start = perf_counter()
    try:
        if known is not None and known.parameters is parameters:
            mistakes, duration_s = known.mistakes, known.duration_s
        else:
            mistakes = inspect_mistakes(parameters, dataset.test_inputs, dataset.test_labels)
            duration_s = perf_counter() - start
        cell = None if wanted is None else cell_samples(dataset, parameters, mistakes, wanted)
    # Files that are gone, too little memory: the panel says so, the training has its own say.
    except Exception as error:
        return describe(error)
    return Study(parameters, mistakes, cell, duration_s)


def cell_samples(
    dataset: Dataset, parameters: ParametersSnapshot, mistakes: Mistakes, wanted: Wanted
) -> CellSamples:
    """Read samples of a cell, at most MOST_SAMPLES, and what the model says of them."""
    import numpy as np

    from logreg_tui.core.analysis.inspection import probabilities
    from logreg_tui.core.data.inputs import Inputs

    numbers = mistakes.samples(wanted.label, wanted.predicted)
    # Past the last one: the samples have left the cell since, so its end is shown.
    position = min(int(np.searchsorted(numbers, wanted.first)), max(0, len(numbers) - 1))
    shown = numbers[position : position + MOST_SAMPLES].tolist()
    if not shown:
        return CellSamples(wanted, numbers, 0, (), dataset.image_shape)
    inputs = dataset.test_inputs
    rows = np.concatenate([inputs.read(number, number + 1) for number in shown])
    samples = tuple(
        Sample(number, inputs.stored(number, number + 1)[0].copy(), _likeliest(row, wanted.predicted))
        for number, row in zip(shown, probabilities(parameters, Inputs.of(rows)), strict=True)
    )
    return CellSamples(wanted, numbers, position, samples, dataset.image_shape)


def _likeliest(row: np.ndarray, predicted: int) -> tuple[tuple[int, float], ...]:
    """Return the predicted class, then the likeliest others; of equal ones the first."""
    import numpy as np

    # Rounded probabilities may be equal where the outputs that decided were not.
    order = np.lexsort((-row, np.arange(len(row)) != predicted))
    return tuple((int(number), float(row[number])) for number in order[:LIKELIEST])
