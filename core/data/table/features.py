"""Columns of a data frame to features: the encoding learnt on the training set, and applied to any rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from logreg_tui.core.data.table.encoding import TableColumn, TableEncoding
from logreg_tui.core.data.table.table_file import import_polars, listed_columns, shown
from logreg_tui.core.errors import UsageError
from logreg_tui.core.settings import FLOAT32_MAX
from logreg_tui.core.text import counted, quoted

if TYPE_CHECKING:
    import polars

MOST_FEATURES = 100_000
"""More, of a table, are mostly names or numbers of samples that were taken for categories."""
BYTE_MAX = 255


def feature_columns(
    frame: polars.DataFrame, label: str, left_out: Iterable[str], one_hot: bool, path: str
) -> list[str]:
    """Return the names of the columns that are to be features: all but the label and those left out.

    Raises UsageError if one of them can be none.
    """
    pl = import_polars()
    columns = [column for column in frame.get_columns() if column.name not in {label, *left_out}]
    if not columns:
        raise UsageError(
            f"{shown(path)} has no column beside the label {quoted(label)}: there are no features"
        )
    texts = [column.name for column in columns if column.dtype == pl.String]
    others = [column for column in columns if column.dtype != pl.String and not _is_number(column)]
    empty = [column.name for column in others if column.dtype == pl.Null]
    if empty:
        raise UsageError(f"{_named(path, empty)} empty: --drop leaves columns out")
    if others:
        kinds = ", ".join(sorted({str(column.dtype) for column in others}))
        raise UsageError(
            f"{_named(path, [column.name for column in others])} of type {kinds}: features are numbers; "
            "--drop leaves columns out"
        )
    if texts and not one_hot:
        raise UsageError(
            f"{_named(path, texts)} of text{_stray_text(columns)}: --one-hot makes a feature of each text, "
            "--drop leaves columns out"
        )
    return [column.name for column in columns]


def learn_encoding(frame: polars.DataFrame, label: str, fill: str | None, path: str) -> TableEncoding:
    """Return the encoding of columns, learnt on the rows of the training set. Raises UsageError."""
    encoding = TableEncoding(label, tuple(_learn(column, fill) for column in frame.get_columns()), fill)
    if len(encoding.feature_names) > MOST_FEATURES:
        widest = max(encoding.columns, key=lambda column: len(column.feature_names))
        raise UsageError(
            f"{shown(path)} makes {len(encoding.feature_names):,} features, {MOST_FEATURES:,} is the most: "
            f"column {quoted(widest.name)} has {len(widest.feature_names):,} texts; leave it out with --drop"
        )
    return encoding


def _named(path: str, names: Sequence[str]) -> str:
    """Return the beginning of a sentence on columns."""
    one = len(names) == 1
    return f"{shown(path)}: {'column' if one else 'columns'} {listed_columns(names)} {'is' if one else 'are'}"


def _stray_text(columns: Iterable[polars.Series]) -> str:
    """Return a hint at a text in a column of numbers, which one such text makes a column of text."""
    pl = import_polars()
    for column in columns:
        if column.dtype == pl.String:
            is_text = column.cast(pl.Float64, strict=False).is_null() & column.is_not_null()
            if 0 < is_text.sum() < column.count() / 2:
                row = is_text.arg_true()[0]
                place = f"row {row + 1:,} of column {quoted(column.name)}"
                return f" ({quoted(column[row])} in {place} is no number)"
    return ""


def _is_number(column: polars.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype == import_polars().Boolean


def _learn(column: polars.Series, fill: str | None) -> TableColumn:
    if not _is_number(column):
        return TableColumn(column.name, tuple(column.drop_nulls().unique().sort().to_list()))
    if fill is None:
        return TableColumn(column.name)
    mean = column.cast(import_polars().Float64).mean() if fill == "mean" else 0.0
    return TableColumn(column.name, fill=float(mean) if isinstance(mean, int | float) else 0.0)


def encode_rows(
    frame: polars.DataFrame, encoding: TableEncoding, path: str
) -> tuple[np.ndarray, dict[str, int]]:
    """Return the features of rows before `--pixels`, shape (rows, features), and by column the number of
    rows whose text is none of its categories.

    The type is uint8 if all are integers of 0 to 255, else float64. Raises UsageError if columns are missing
    or of another type, if there are gaps and no fill, or if a number is not finite within float32.
    """
    pl = import_polars()
    # Polars makes the list of the names anew whenever it is asked for it.
    there = set(frame.columns)
    missing = [column.name for column in encoding.columns if column.name not in there]
    if missing:
        raise UsageError(
            f"{shown(path)} has no column {listed_columns(missing)}, on which the model was trained"
        )
    used = frame.select([column.name for column in encoding.columns])
    check_values(used, path, may_have_gaps=encoding.fill is not None)
    unseen: dict[str, int] = {}
    features: list[polars.Series] = []
    for column in encoding.columns:
        values = used[column.name]
        if column.categories is None:
            features.append(_numbers(values, column, path))
            continue
        texts = values.cast(pl.String)
        is_known = texts.is_in(list(column.categories))
        count = int((~is_known).fill_null(False).sum())
        if count:
            unseen[column.name] = count
        features += [(texts == category).fill_null(False).cast(pl.UInt8) for category in column.categories]
    named = [feature.alias(str(at)) for at, feature in enumerate(features)]
    if all(feature.dtype.is_integer() and _is_byte(feature) for feature in named):
        return np.ascontiguousarray(pl.DataFrame([each.cast(pl.UInt8) for each in named]).to_numpy()), unseen
    values64 = pl.DataFrame([each.cast(pl.Float64) for each in named]).to_numpy()
    return np.ascontiguousarray(values64), unseen


def check_values(used: polars.DataFrame, path: str, *, may_have_gaps: bool) -> None:
    """Raise UsageError if a number is not finite within float32, or if values are missing and may not be."""
    if not may_have_gaps:
        _check_gaps(used, path)
    for column in used.get_columns():
        if column.dtype.is_float():
            # Not a number has become a gap when it was read.
            is_bad = (column.abs() > FLOAT32_MAX).fill_null(False)
            if is_bad.any():
                row = is_bad.arg_true()[0]
                raise UsageError(
                    f"{shown(path)}: column {quoted(column.name)} holds {column[row]:g} in row {row + 1:,}: "
                    "values must be finite and within float32"
                )


def _check_gaps(used: polars.DataFrame, path: str) -> None:
    gaps = {name: count for name, count in zip(used.columns, used.null_count().row(0), strict=True) if count}
    if gaps:
        most = sorted(gaps, key=lambda name: -gaps[name])
        listed = ", ".join(f"{quoted(name)} {gaps[name]:,}" for name in most[:8])
        more = f" and {len(most) - 8:,} more columns" if len(most) > 8 else ""
        values = f"{counted(sum(gaps.values()), 'value')} missing in {counted(len(used), 'row')}"
        raise UsageError(
            f"{shown(path)}: {values} ({listed}{more}): --fill mean or --fill zero puts a number there, "
            "--drop leaves a column out"
        )


def _numbers(values: polars.Series, column: TableColumn, path: str) -> polars.Series:
    pl = import_polars()
    if values.dtype == pl.Null:
        values = values.cast(pl.Float64)
    if not _is_number(values):
        wrong = values.cast(pl.String).drop_nulls()
        example = f" ({quoted(str(wrong[0]))})" if len(wrong) else ""
        raise UsageError(
            f"{shown(path)}: column {quoted(column.name)} holds no numbers{example}, as in training"
        )
    if values.dtype == pl.Boolean:
        values = values.cast(pl.UInt8)
    if values.null_count():
        fill = column.fill or 0.0
        values = values.cast(pl.Float64).fill_null(fill)
    return values


def _is_byte(values: polars.Series) -> bool:
    low, high = values.min(), values.max()
    return isinstance(low, int) and isinstance(high, int) and low >= 0 and high <= BYTE_MAX


def image_side(names: Sequence[str]) -> int | None:
    """Return the side of square images whose pixels the columns are, or None.

    The names are pixel0, pixel1, ... or pixel1, pixel2, ... row by row, pixel_0_0, pixel_0_1, ... or
    1x1, 1x2, ..., row and column.
    """
    side = math.isqrt(len(names))
    if side < 2 or side * side != len(names):
        return None
    number = re.fullmatch(r"pixel([01])", names[0])
    if number:
        first = int(number[1])
        return side if list(names) == [f"pixel{first + at}" for at in range(len(names))] else None
    places = [(row, column) for row in range(side) for column in range(side)]
    from_zero = [f"pixel_{row}_{column}" for row, column in places]
    from_one = [f"{row + 1}x{column + 1}" for row, column in places]
    return side if list(names) in (from_zero, from_one) else None
