"""Predictions of an experiment's models for the rows of a file, encoded as the training set was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from logreg_tui.core.analysis.inspection import predict_classes, probabilities
from logreg_tui.core.data.inputs import Inputs, Scaling
from logreg_tui.core.data.labels import are_texts, encode_labels, label_texts
from logreg_tui.core.data.scaling import sparse_scaled
from logreg_tui.core.data.sparse.lines import is_svmlight
from logreg_tui.core.data.sparse.svmlight import read_rows
from logreg_tui.core.data.table.encoding import TableEncoding
from logreg_tui.core.data.table.features import encode_rows
from logreg_tui.core.data.table.table_file import import_polars, listed_columns, read_cells, shown
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.experiment.config import ExperimentConfig, read_config
from logreg_tui.core.experiment.saved_model import data_at_hand
from logreg_tui.core.predict.predictor import models_of
from logreg_tui.core.text import FORMULA_STARTS, FeatureNumbers, class_name, counted, is_number

if TYPE_CHECKING:
    import polars

    from logreg_tui.core.training.snapshots import ParametersSnapshot


UNLABELLED = -2
"""In the place of the class of a row whose label is missing; -1 stands for one that was not in training."""


@dataclass(frozen=True, slots=True)
class PredictedTable:
    """A table with predictions, and what is to be said of them."""

    frame: polars.DataFrame
    """The cells as they were, and behind them `prediction` and the probability of each class."""
    note: str | None
    """Texts of the rows that the training set has not, which count as nothing, in a sentence."""
    right: Mapping[int, int]
    """Rows by run that are predicted as their label says; empty if the table has no labels."""
    labelled: int
    """Rows that have a label."""


def predict_rows(directory: Path, path: str, run: int | None = None) -> PredictedTable:
    """Return a table with the predictions of the newest models of an experiment, or of one run.

    Rows of a table come with their cells, those of an svmlight file with their labels. Raises UsageError if
    the experiment was not trained on such a file, or this one holds something else than the training set
    did; UserError if the experiment cannot be read.
    """
    return (_predict_svmlight if is_svmlight(path) else _predict_table)(directory, path, run)


def _predict_table(directory: Path, path: str, run: int | None) -> PredictedTable:
    config = read_config(directory)
    table = config.table
    if table is None:
        raise UsageError(f"{str(directory)!r} was not trained on a table: it cannot predict the rows of one")
    models = models_of(directory, config, run)
    names = [class_name(config.class_names, label) for label in range(config.classes)]
    typed, cells = read_cells(path, table.texts | ({table.label} if are_texts(names) else set()))
    values, unseen = encode_rows(typed, table, path)
    inputs = Inputs.of(_scaled(values, table, path))
    note = None
    if unseen:
        count = sum(unseen.values())
        texts = f"{counted(count, 'text')} that {'was' if count == 1 else 'were'} not in training"
        note = f"{texts} {'counts' if count == 1 else 'count'} as none, in column {listed_columns(unseen)}"
    return _with_predictions(cells, path, models, names, inputs, _labels(typed, table.label, names), note)


def _predict_svmlight(directory: Path, path: str, run: int | None) -> PredictedTable:
    config = read_config(directory)
    numbers = config.feature_names
    if not isinstance(numbers, FeatureNumbers):
        raise UsageError(
            f"{str(directory)!r} was not trained on an svmlight file: it cannot predict the rows of one"
        )
    models = models_of(directory, config, run)
    scaling = _scaling_of(config)
    rows = read_rows(path)
    if len(rows.index) and rows.index.min() < numbers.first:
        raise UsageError(f"{shown(path)} has a feature 0: those that were trained on count from 1")
    source, unseen = rows.known(numbers.first, config.features)
    inputs = Inputs(source)
    if scaling is not None:
        inputs = sparse_scaled(source, scaling, config.settings.pixels)
    names = [class_name(config.class_names, label) for label in range(config.classes)]
    labels = encode_labels(rows.labels, names)
    # The format has a label on each line: on new rows it is anything, mostly 0.
    known = labels if (labels >= 0).any() else None
    cells = import_polars().DataFrame({"label": label_texts(rows.labels)})
    note = None
    if unseen:
        note = f"{counted(unseen, 'value')} of features that were not in training, left out"
    return _with_predictions(cells, path, models, names, inputs, known, note)


def _scaling_of(config: ExperimentConfig) -> Scaling | None:
    """Return the scaling of sparse inputs, which config.json does not keep. Raises UserError."""
    if config.settings.pixels == "raw":
        return None
    data = data_at_hand(config)
    if data is None:
        raise UserError(
            f"--pixels {config.settings.pixels} needs the training data, and {config.settings.dataset!r} is "
            "not there, or has changed"
        )
    return data.train_inputs.applied


def _with_predictions(
    cells: polars.DataFrame,
    path: str,
    models: Mapping[int, ParametersSnapshot],
    names: list[str],
    inputs: Inputs,
    labels: np.ndarray | None,
    note: str | None,
) -> PredictedTable:
    """Return rows with their predictions behind them. Raises UsageError if they have such columns."""
    added: dict[str, object] = {}
    right = {}
    for number, parameters in models.items():
        shares = probabilities(parameters, inputs)
        # By the outputs rather than by their rounded shares, as in training.
        predicted = predict_classes(parameters, inputs)
        suffix = f"_{number}" if len(models) > 1 else ""
        added[f"prediction{suffix}"] = _named(predicted, names)
        added |= {f"probability{suffix}_{name}": shares[:, label] for label, name in enumerate(names)}
        if labels is not None:
            right[number] = int((predicted == labels).sum())
    there = set(cells.columns)
    twice = [name for name in added if name in there]
    if twice:
        raise UsageError(f"{shown(path)} has a column {listed_columns(twice)} already: rename it")
    frame = cells.with_columns(import_polars().Series(name, column) for name, column in added.items())
    return PredictedTable(frame, note, right, 0 if labels is None else int((labels > UNLABELLED).sum()))


def _scaled(values: np.ndarray, table: TableEncoding, path: str) -> np.ndarray:
    """Return features as the models were given them, float32."""
    if not table.shift:
        return values.astype(np.float32)
    out = np.empty(values.shape, np.float32)
    Scaling(np.array(table.shift), np.array(table.divisor)).apply(values, out)
    if not np.isfinite(out).all():
        raise UsageError(f"{shown(path)}: a value is too far from those of the training set to be scaled")
    return out


def _named(predicted: np.ndarray, names: list[str]) -> list[str] | np.ndarray:
    """Return predictions as the labels were: whole numbers, or their names."""
    if all(name.removeprefix("-").isdecimal() for name in names):
        return np.asarray(np.array(names, np.int64)[predicted])
    # A name may come from a stranger's experiment, and a spreadsheet open the table.
    harmless = [f"'{name}" if _is_formula(name) else name for name in names]
    return [harmless[label] for label in predicted.tolist()]


def _is_formula(name: str) -> bool:
    return len(name) > 1 and name.startswith(FORMULA_STARTS) and not is_number(name)


def _labels(frame: polars.DataFrame, label: str, names: list[str]) -> np.ndarray | None:
    """Return the class of each row; None if no row has a label."""
    if label not in frame.columns or frame[label].null_count() == len(frame):
        return None
    column = frame[label]
    is_known = column.is_not_null().to_numpy()
    labels = np.full(len(frame), UNLABELLED)
    labels[is_known] = encode_labels(column.drop_nulls().to_numpy(), names)
    return labels
