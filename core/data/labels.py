"""Labels of any kind as classes 0..C-1 with names, and a split of samples that keeps the classes' shares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.settings import MAX_CLASSES
from logreg_tui.core.text import describe, escape_control_chars, is_number, quoted

MOST_FRACTIONS = 10
"""Different labels with decimals that may still be classes; more are a quantity."""
FEW_ROWS = 10
"""Rows in which a column counts up by chance."""


def label_texts(values: np.ndarray) -> list[str]:
    """Return labels as text: numbers without a needless `.0`, booleans as False and True."""
    return [_text(value) for value in values.tolist()]


def _text(value: Any) -> str:  # noqa: ANN401  of a file
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def names_of_labels(values: np.ndarray) -> tuple[str, ...]:
    """Return the names of the classes: the distinct labels in order, numbers by size, texts by character."""
    return tuple(label_texts(np.unique(values)))


def are_texts(names: Sequence[str]) -> bool:
    """Return whether labels are texts, of which some may look like numbers or booleans."""
    return not (set(names) <= {"False", "True"} or all(map(is_number, names)))


def check_classes(values: np.ndarray, distinct: int, what: str, remedy: str) -> None:
    """Raise UsageError if labels, of which so many are distinct, can be no classes.

    `what` begins the sentence, `remedy` ends it.
    """
    is_fraction = values.dtype.kind == "f" and not (values == np.trunc(values)).all()
    if is_fraction and distinct > MOST_FRACTIONS:
        raise UsageError(
            f"{what} holds {distinct:,} different numbers with decimals, which is a quantity: {remedy}, "
            "or put it into classes first"
        )
    if distinct < 2:
        raise UsageError(f"{what} is {quoted(label_texts(values[:1])[0])} in every row: give two classes")
    if distinct > MAX_CLASSES or distinct == len(values) > FEW_ROWS:
        raise UsageError(f"{what} holds {distinct:,} different values in {len(values):,} rows: {remedy}")


def encode_labels(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the class of each label, int64, shape as values; -1 for a label that is not among the names."""
    # Those that an experiment keeps have their control characters escaped; a no-break space is one, too.
    numbers = {escape_control_chars(name): number for number, name in enumerate(names)}
    distinct, places = np.unique(values, return_inverse=True)
    texts = map(escape_control_chars, label_texts(distinct))
    codes = np.array([numbers.get(text, -1) for text in texts], "<i8")
    return np.asarray(codes[places].reshape(values.shape))


def check_known(codes: np.ndarray, values: np.ndarray, names: Sequence[str], file: str) -> None:
    """Raise UsageError, naming the file, if `encode_labels` gave a label of its test set no class."""
    if (codes < 0).any():
        text = label_texts(values[codes < 0][:1])[0]
        unknown = text if is_number(text) else quoted(text)
        raise UsageError(f"{file}: label {unknown} is none of the {len(names):,} of the training set")


def needed_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of classes, or none if these are the numbers 0..C-1 themselves."""
    return () if names == tuple(map(str, range(len(names)))) else names


@contextmanager
def importing_sklearn() -> Iterator[None]:
    """Turn what an import of scikit-learn raises into a UserError."""
    try:
        yield
    # Broken binary wheels raise more than ImportError.
    except Exception as error:
        reason = describe(error)
        raise UserError(f"scikit-learn cannot be imported ({reason}): reinstall scikit-learn") from error


def split_notice(test: int, samples: int, seed: int) -> str:
    """Return in words that some of the samples are the test set."""
    return f"{test:,} of {samples:,} rows are the test set, stratified with --split-seed {seed}"


def stratified_split(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the training and the test rows of scikit-learn's stratified `train_test_split`.

    labels: shape (samples,), int64. The rows of a class that has a single one are for training.
    Raises UsageError if the share leaves one of the sets fewer samples than there are classes.
    """
    with importing_sklearn():
        from sklearn.model_selection import train_test_split
    counts = np.bincount(labels)
    rows = np.flatnonzero(counts[labels] > 1)
    classes, samples = int((counts > 1).sum()), len(rows)
    # As scikit-learn rounds.
    test = math.ceil(share * samples)
    for what, count, remedy in (("test", test, "raise"), ("training", samples - test, "lower")):
        if count < max(1, classes):
            raise UsageError(
                f"--test-share {share:g} leaves {count} {what} samples for {classes} classes: {remedy} it, "
                "or name a file with --test"
            )
    train_rows, test_rows = train_test_split(rows, test_size=share, stratify=labels[rows], random_state=seed)
    singles = np.flatnonzero(counts[labels] == 1)
    return np.concatenate([train_rows, singles]), np.asarray(test_rows)
