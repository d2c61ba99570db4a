"""A table as a dataset: rows are samples, one column is the label, the others become features."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from logreg_tui.core.data.arrays import Arrays, check_cancelled
from logreg_tui.core.data.labels import (
    FEW_ROWS,
    check_classes,
    check_known,
    encode_labels,
    names_of_labels,
    needed_names,
    split_notice,
    stratified_split,
)
from logreg_tui.core.data.table.encoding import TableEncoding
from logreg_tui.core.data.table.features import (
    check_values,
    encode_rows,
    feature_columns,
    image_side,
    learn_encoding,
)
from logreg_tui.core.data.table.table_file import (
    check_columns,
    import_polars,
    listed_columns,
    read_frame,
    shown,
)
from logreg_tui.core.errors import UsageError
from logreg_tui.core.file_options import FileOptions, file_title
from logreg_tui.core.memory import shortage, size_text
from logreg_tui.core.text import counted, escape_control_chars, quoted

if TYPE_CHECKING:
    import polars

MOST_NAMED = 3
"""Columns that a notice names: it stays on the screen."""


def read_table(
    path: str,
    options: FileOptions,
    memory_limit: int | None,
    progress: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> tuple[Arrays, list[str]]:
    """Return the samples of a table, and what the user is to know of them, each in a few words.

    A table that takes more than `memory_limit` bytes to read is refused; None is what the machine has left.
    Raises UsageError, naming the file, if something in it cannot be used; Cancelled.
    """
    check_columns(path, options)
    assert options.label is not None, "or refused"
    progress(f"Reading {escape_control_chars(os.path.basename(path))}")
    frame = read_frame(path, memory_limit)
    check_cancelled(is_cancelled)
    index = [name for name in frame.columns if _is_pandas_index(frame[name]) and name != options.label]
    labels = _labels(frame[options.label], path)
    columns = feature_columns(frame, options.label, {*options.drop, *index}, options.one_hot, path)
    # Before the rows are mixed, so that an error names the row of the file.
    check_values(frame.select(columns), path, may_have_gaps=options.fill is not None)
    names = names_of_labels(labels)
    codes = encode_labels(labels, names)
    if options.test is None:
        rows, test_rows = stratified_split(codes, options.share, options.seed)
        train_frame, test_frame = frame[rows], frame[test_rows]
        train_labels, test_labels, test_path = codes[rows], codes[test_rows], path
    else:
        train_frame, train_labels, test_path = frame, codes, options.test
        texts = [name for name in (*columns, options.label) if frame[name].dtype == import_polars().String]
        progress(f"Reading {escape_control_chars(os.path.basename(test_path))}")
        test_frame = read_frame(test_path, memory_limit, texts)
        test_labels = _test_labels(test_frame, options.label, names, test_path)
    check_cancelled(is_cancelled)
    encoding = learn_encoding(train_frame.select(columns), options.label, options.fill, path)
    if encoding.texts:
        samples = len(train_frame) + len(test_frame)
        _check_memory(path, samples, len(encoding.feature_names), memory_limit)
    train, _ = encode_rows(train_frame, encoding, path)
    test, unseen = encode_rows(test_frame, encoding, test_path)
    notices = list(_notices(frame, encoding, train, index))
    if unseen:
        count = counted(sum(unseen.values()), "text")
        notices.append(
            f"{count} of the test set not in training, in column {listed_columns(unseen, MOST_NAMED)}"
        )
    if options.test is None:
        notices.append(split_notice(len(test_labels), len(codes), options.seed))
    side = image_side(encoding.feature_names)
    if side is not None:
        train, test = (values.reshape(-1, side, side) for values in (train, test))
    arrays = Arrays(
        file_title(path),
        train,
        train_labels,
        test,
        test_labels,
        255.0 if side is not None and train.dtype == np.uint8 else None,
        needed_names(tuple(map(escape_control_chars, names))),
        tuple(map(escape_control_chars, encoding.feature_names)),
        encoding,
    )
    return arrays, notices


def _check_memory(path: str, samples: int, features: int, memory_limit: int | None) -> None:
    """Raise UsageError if the features do not fit, of which each text of a column may be one."""
    # As float64 and beside that as float32.
    needed = 12 * samples * features
    if limit := shortage(needed, memory_limit):
        raise UsageError(
            f"{shown(path)} makes {features:,} features of {samples:,} rows, {size_text(needed)}, {limit}: "
            "leave columns out with --drop"
        )


def _labels(column: polars.Series, path: str) -> np.ndarray:
    """Return labels as they are read. Raises UsageError if they cannot be classes."""
    pl = import_polars()
    name, gaps = quoted(column.name), column.null_count()
    if gaps:
        raise UsageError(
            f"{shown(path)}: label {name} is missing in {counted(gaps, 'row')}: remove such rows"
        )
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.String)):
        raise UsageError(
            f"{shown(path)}: label {name} is of type {column.dtype}: it must be texts or numbers"
        )
    values = column.to_numpy()
    check_classes(values, column.n_unique(), f"{shown(path)}: label {name}", "choose a column of classes")
    return values


def _test_labels(frame: polars.DataFrame, label: str, names: Sequence[str], path: str) -> np.ndarray:
    if label not in frame.columns:
        raise UsageError(f"{shown(path)} for --test has no column {quoted(label)}")
    column = frame[label]
    if column.null_count():
        rows = counted(column.null_count(), "row")
        raise UsageError(f"{shown(path)}: label {quoted(label)} is missing in {rows}: remove such rows")
    values = column.to_numpy()
    codes = encode_labels(values, names)
    check_known(codes, values, names, shown(path))
    return codes


def _is_pandas_index(column: polars.Series) -> bool:
    """Return whether pandas wrote the index of a data frame, which numbers the rows, into a column."""
    is_named_so = column.name in ("", "__index_level_0__") or column.name.startswith("Unnamed: 0")
    return bool(is_named_so and column.dtype.is_integer() and column.n_unique() == len(column))


def _notices(
    frame: polars.DataFrame, encoding: TableEncoding, train: np.ndarray, index: Sequence[str]
) -> Iterator[str]:
    """Yield what is odd about the columns."""
    if index:
        yield f"column {listed_columns(index)}, the index of a data frame, is left out"
    rows = len(frame)
    numbered, texts = [], []
    for column in encoding.columns:
        values = frame[column.name]
        if column.categories is not None and len(column.categories) > max(FEW_ROWS, len(train) // 2):
            texts.append(column.name)
        elif values.dtype.is_integer() and rows > FEW_ROWS and values.n_unique() == rows:
            low, high = values.min(), values.max()
            if isinstance(low, int) and isinstance(high, int) and high - low == rows - 1:
                numbered.append(column.name)
    if numbered:
        yield f"column {listed_columns(numbered, MOST_NAMED)} numbers the rows: --drop leaves it out"
    if texts:
        columns = listed_columns(texts, MOST_NAMED)
        yield f"column {columns} has another text in nearly every row: --drop leaves it out"
    is_constant = (train == train[:1]).all(axis=0)
    constant = [name for name, same in zip(encoding.feature_names, is_constant, strict=True) if same]
    if constant and image_side(encoding.feature_names) is None:
        yield f"column {listed_columns(constant, MOST_NAMED)} has one value in all training rows"
