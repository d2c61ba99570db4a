"""Predictions of an experiment's models for a user's pictures.

Torch, which takes seconds to import, is needed only for an experiment that has not ended cleanly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from logreg_tui.core.data.arrays import Arrays
from logreg_tui.core.data.inputs import ArraySource
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.experiment.config import ExperimentConfig, read_config
from logreg_tui.core.experiment.event_log import EVENTS, read_events
from logreg_tui.core.experiment.saved_model import data_at_hand, saved_parameters
from logreg_tui.core.files import MOST_BYTES, read_regular
from logreg_tui.core.predict.drawing import NothingDrawn
from logreg_tui.core.predict.picture_file import read_picture
from logreg_tui.core.predict.preprocessing import (
    KNOWN,
    MEASURED_SAMPLES,
    Preprocessing,
    measure_preprocessing,
)
from logreg_tui.core.training import events
from logreg_tui.core.training.snapshots import ParametersSnapshot

if TYPE_CHECKING:
    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.data.shard_source import ShardSource


@dataclass(frozen=True, slots=True)
class Predictor:
    """The models of an experiment, and how a picture becomes their input."""

    preprocessing: Preprocessing
    runs: Mapping[int, ParametersSnapshot]
    """By number, at least one."""
    _config: ExperimentConfig
    _data: Dataset | None

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(next(iter(self.runs.values())).bias)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes; empty if they are numbers."""
        return self._config.class_names

    def sample(self, path: Path, notice: Callable[[str], None] = lambda text: None) -> np.ndarray:
        """Return a picture file as one more sample of the dataset, before `--pixels`.

        Shape and type are those of the preprocessing. `notice` is told if the file shows several things.
        Raises UserError, naming the file.
        """

        def tell(count: int) -> None:
            notice(
                f"{str(path)!r} shows {count} things apart, of which the largest alone is read: give each a "
                "picture of its own"
            )

        try:
            return self.preprocessing.apply(read_picture(path), tell)
        except NothingDrawn:
            raise UserError(
                f"{str(path)!r} shows nothing on its ground: draw one thing, large, on a plain ground"
            ) from None

    def predict(self, samples: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
        """Return the probabilities by run, shape (samples, classes), float64."""
        from logreg_tui.core.analysis.inspection import probabilities
        from logreg_tui.core.data.scaling import scaled_inputs

        test = np.stack(samples)
        source = None if self._data is None else self._data.train_inputs.source
        train = source.values if isinstance(source, ArraySource) else cast("ShardSource | None", source)
        labels = np.zeros(len(test), np.int64)
        brightest = None if self.preprocessing.is_measured else self.preprocessing.ink
        # Exactly what the data themselves go through, with the pictures for a test set.
        arrays = Arrays("", test if train is None else train, labels, test, labels, brightest)
        inputs = scaled_inputs(arrays, self._config.settings.pixels)[1]
        return {number: probabilities(parameters, inputs) for number, parameters in self.runs.items()}


def open_predictor(directory: Path, run: int | None = None) -> Predictor:
    """Return the newest models of an experiment, or that of one run.

    Raises UserError if the directory cannot be read, has no such run, or its data are no images or
    are needed and not on this machine.
    """
    config = read_config(directory)
    shape = config.image_shape
    if shape is None or min(shape) < 2:
        wanted = "data of shape (samples, rows, columns)" if config.table is None else "a table of rows"
        raise UserError(f"the samples of {config.settings.dataset!r} are no images: predict needs {wanted}")
    runs = models_of(directory, config, run)
    preprocessing = KNOWN.get(config.settings.dataset)
    is_known = preprocessing is not None and preprocessing.shape == shape
    data = _data(config, is_known)
    if preprocessing is None or not is_known:
        assert data is not None
        inputs = data.train_inputs
        stored = inputs.stored(0, min(MEASURED_SAMPLES, len(inputs)))
        preprocessing = measure_preprocessing(stored.reshape(-1, *shape), stored.dtype.str)
        if preprocessing is None:
            raise UserError(f"the samples of {data.name!r} are blank: nothing tells how to draw one")
    return Predictor(preprocessing, runs, config, data)


def models_of(directory: Path, config: ExperimentConfig, run: int | None) -> dict[int, ParametersSnapshot]:
    """Return the newest parameters by run, or those of one run. Raises UserError unless they can be used."""
    runs = newest_parameters(directory)
    if not runs:
        raise UserError(f"{str(directory)!r} has no checkpoint that can be read: train it again with repeat")
    if run is not None:
        if run not in runs:
            known = ", ".join(map(str, runs))
            raise UsageError(f"{str(directory)!r} has no run {run}: choose from {known}")
        runs = {run: runs[run]}
    for each in runs.values():
        fits = each.weight.shape == (config.classes, config.features) and each.bias.shape == (config.classes,)
        if not fits or not all(np.isfinite(part).all() for part in (each.weight, each.bias)):
            raise UserError(
                f"{str(directory)!r} is damaged: the parameters of run {each.run} are not finite, or do not "
                f"fit {config.features} features and {config.classes} classes; train it again with repeat"
            )
    return runs


def newest_parameters(directory: Path) -> dict[int, ParametersSnapshot]:
    """Return the newest saved parameters by run, those that cannot be read left out."""
    return _of_models(directory) or saved_parameters(directory)


def _of_models(directory: Path) -> dict[int, ParametersSnapshot]:
    """Return the parameters of the models' files; nothing unless they are those of the newest checkpoint.

    Both are written before the end of all runs is recorded, and whatever happens later is recorded
    before it trains.
    """
    from logreg_tui.core.analysis.compared_runs import read_runs

    try:
        last = read_events(directory / EVENTS)[-1].event
    except (OSError, IndexError):
        return {}
    is_end = isinstance(last, events.AllRunsEnded | events.ExperimentEnded)
    if not is_end or getattr(last, "reason", "finished") != "finished":
        return {}
    from safetensors.numpy import load

    found = {}
    for run in read_runs(directory):
        path = directory / f"model-{run.run}.safetensors"
        if run.epochs is None or not os.path.isfile(path):
            return {}
        try:
            arrays = load(read_regular(path, MOST_BYTES))
            both = arrays["weight"], arrays["bias"]
        # A damaged file makes the reader raise whatever it comes across; the checkpoint is there too.
        except Exception:
            return {}
        found[run.run] = ParametersSnapshot(last.step, run.run, run.epochs, run.settings.head, *both)
    return found


def _data(config: ExperimentConfig, is_known: bool) -> Dataset | None:
    """Return the data before `--pixels` if pictures cannot be made inputs without them."""
    if is_known and config.settings.pixels != "standardized":
        return None
    data = data_at_hand(replace(config, settings=replace(config.settings, pixels="raw")))
    if data is None:
        needed = "their mean and deviation are needed" if is_known else "how they were drawn is not known"
        raise UserError(
            f"the data of {config.settings.dataset!r} are not on this machine and {needed}: put them where "
            "they were, or name their folder in LOGREG_TUI_DATA_DIR"
        )
    return data
