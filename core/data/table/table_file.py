"""Files of tables as polars data frames, as people write them: separators, byte order marks, gaps.

polars is imported only where a table is read.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from functools import partial
from itertools import compress
from types import ModuleType
from typing import IO, TYPE_CHECKING, TypeVar

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.file_options import FileOptions
from logreg_tui.core.memory import available_memory, size_text
from logreg_tui.core.text import describe, escape_control_chars, is_number, quoted

if TYPE_CHECKING:
    import polars

Read = TypeVar("Read")
MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "null", "NULL", "None", "<NA>", "#N/A", "?"]
"""Texts of a cell that holds nothing."""
SEPARATORS = ",;\t|"
HEAD_BYTES = 1 << 22
"""Of a file that are looked at to find its separator: the header of 100,000 columns fits."""
SAMPLE_ROWS = 1000
"""Rows by which the types of columns are guessed first."""
MEMORY_FACTOR = 6
"""Memory that reading a text file takes, by its size: 4.5 for a file of small integers."""
MOST_SHOWN = 12
"""Names of columns in an error."""


def listed_columns(names: Iterable[str], most: int = MOST_SHOWN) -> str:
    """Return the names of columns, quoted; if they are many the first ones and the last."""
    every = list(map(quoted, names))
    if len(every) > most:
        # The label is mostly the first column or the last.
        every = [*every[: most - 1], f"{len(every) - most:,} more and {every[-1]}"]
    return ", ".join(every)


def shown(path: str) -> str:
    """Return a path for an error."""
    return escape_control_chars(path)


def import_polars() -> ModuleType:
    """Return the module polars. Raises UserError."""
    try:
        import polars
    # Broken binary wheels raise more than ImportError.
    except Exception as error:
        raise UserError(f"tables need polars ({describe(error)}): pip install polars") from error
    return polars


def columns_of(path: str) -> list[str]:
    """Return the names of a table's columns, of which only the beginning is read. Raises UsageError."""
    _check_file(path)
    if _is_parquet(path):
        pl = import_polars()
        schema = _parquet(path, lambda path: pl.scan_parquet(path, glob=False).collect_schema())
        return [name.strip() for name in schema]
    return [name.strip() for name in _header(path)[0]]


def check_columns(path: str, options: FileOptions) -> None:
    """Raise UsageError unless a table has the columns that the options name, of which it needs a label."""
    names = columns_of(path)
    if options.label is None:
        raise UsageError(f"{shown(path)} needs --label COLUMN, one of its columns: {listed_columns(names)}")
    for option, name in (("--label", options.label), *(("--drop", each) for each in options.drop)):
        if name not in names:
            close = get_close_matches(name, names, 1)
            likely = f"did you mean {quoted(close[0])}? " if close else ""
            raise UsageError(
                f"{shown(path)} has no column {quoted(name)} for {option}: {likely}its columns are "
                f"{listed_columns(names)}"
            )
    if options.test is not None and options.label not in (found := columns_of(options.test)):
        raise UsageError(
            f"{shown(options.test)} for --test has no column {quoted(options.label)}: its columns are "
            f"{listed_columns(found)}"
        )


def read_frame(path: str, memory_limit: int | None = None, texts: Collection[str] = ()) -> polars.DataFrame:
    """Return a table with its columns typed and its gaps null, without rows that are empty throughout.

    Columns of text are stripped; those that hold numbers alone are numbers, but for the columns `texts`,
    which hold texts whatever these look like. A text file that takes more than `memory_limit` bytes to read
    is refused; None is what the machine has left. Raises UsageError, naming the file, if it cannot be read
    as a table.
    """
    frame, separator = _load(path, memory_limit, texts)
    frame = _typed_columns(frame, separator, texts)
    return frame.filter(_is_row(frame, path))


def read_cells(path: str, texts: Collection[str] = ()) -> tuple[polars.DataFrame, polars.DataFrame]:
    """Return a table as `read_frame` does, and the cells of the same rows as they stand in the file."""
    frame, separator = _load(path, None, texts)
    cells = frame if _is_parquet(path) else _read_text(path, *_header(path), are_texts=True)
    frame = _typed_columns(frame, separator, texts)
    is_row = _is_row(frame, path)
    return frame.filter(is_row), cells.filter(is_row)


def _load(path: str, memory_limit: int | None, texts: Collection[str]) -> tuple[polars.DataFrame, str]:
    """Return a table as polars reads it, and what separates its columns."""
    pl = import_polars()
    _check_file(path)
    if _is_parquet(path):
        frame: polars.DataFrame = _parquet(path, partial(pl.read_parquet, glob=False))
        _check_unique(path, frame.columns)
        return frame, ","
    names, separator = _header(path)
    _check_names(path, names)
    _check_memory(path, memory_limit)
    frame = _read_text(path, names, separator, texts)
    unnamed = [given for given, name in zip(frame.columns, names, strict=True) if not name.strip()]
    # Such as the last columns of rows that end in separators.
    empty = [given for given in unnamed if _typed(frame[given], separator).null_count() == len(frame)]
    if len(unnamed) > len(empty) + 1:
        raise UsageError(f"{shown(path)} has more than one column without a name: name them")
    return frame.drop(empty).rename({given: "" for given in unnamed if given not in empty}), separator


def _typed_columns(frame: polars.DataFrame, separator: str, texts: Collection[str]) -> polars.DataFrame:
    pl = import_polars()
    columns = [
        _stripped(column.cast(pl.String)) if column.name in texts else _typed(column, separator)
        for column in frame.rename(str.strip).get_columns()
    ]
    return frame.rename(str.strip).with_columns(columns)


def _is_row(frame: polars.DataFrame, path: str) -> polars.Series:
    """Return which rows hold something. Raises UsageError if none does."""
    pl = import_polars()
    is_row: polars.Series = frame.select(~pl.all_horizontal(pl.all().is_null())).to_series()
    if not is_row.any():
        raise UsageError(f"{shown(path)} has no rows: give a table with samples")
    return is_row


def write_frame(frame: polars.DataFrame, file: IO[bytes], ending: str) -> None:
    """Write a table in the format of an ending: Parquet, tabs, else commas."""
    if ending.endswith(".parquet"):
        frame.write_parquet(file)
    else:
        frame.write_csv(file, separator="\t" if ending.endswith(".tsv") else ",")


def _check_file(path: str) -> None:
    if not os.path.isfile(path):
        raise UsageError(f"{shown(path)} is no file: give the path of a table")


def _is_parquet(path: str) -> bool:
    return path.lower().endswith(".parquet")


def _parquet(path: str, reader: Callable[[str], Read]) -> Read:
    pl = import_polars()
    try:
        return reader(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise UsageError(f"{shown(path)} is no Parquet file, or is damaged: {describe(error)}") from error


def _header(path: str) -> tuple[list[str], str]:
    """Return the names as the first line of a text file has them, and what separates them.

    Raises UsageError.
    """
    try:
        with open(path, "rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_packed else open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, EOFError) as error:
        raise UsageError(f"{shown(path)} cannot be read: {describe(error)}") from error
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UsageError(f"{shown(path)} is in UTF-16: save it as UTF-8")
    if b"\0" in head:
        raise UsageError(f"{shown(path)} is no text: give a table with commas, tabs, or a .parquet file")
    try:
        text = head[: head.rfind(b"\n") + 1 or None].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown(path)} is not in UTF-8: save it as UTF-8") from error
    lines = text.splitlines(keepends=True)
    if not text.strip():
        raise UsageError(f"{shown(path)} is empty: give a table with a header line")
    # To a separator that the line lacks, all of it is one cell.
    csv.field_size_limit(HEAD_BYTES)
    try:
        headers = {mark: next(csv.reader(lines, delimiter=mark)) for mark in SEPARATORS}
    except (csv.Error, StopIteration) as error:
        raise UsageError(f"{shown(path)} has no header line that can be read: {describe(error)}") from error
    # The first of equally many: a tab in a .tsv, else a comma.
    order = "\t,;|" if ".tsv" in path.lower() else SEPARATORS
    separator = max(order, key=lambda mark: len(headers[mark]))
    if not any(map(str.strip, headers[separator])):
        raise UsageError(f"{shown(path)} has an empty first line: put the names of the columns there")
    return headers[separator], separator


def _check_names(path: str, names: list[str]) -> None:
    """Raise UsageError unless the first line names the columns."""
    counts = Counter(map(str.strip, names))
    # Data frames without names have the numbers from 0 on as their names.
    values = [name for name in counts if is_number(name) and (not name.isdecimal() or counts[name] > 1)]
    if values:
        raise UsageError(
            f"{shown(path)} has no header line, its first line holds {quoted(values[0])}: put the names of "
            "the columns into a first line"
        )
    _check_unique(path, names)


def _check_unique(path: str, names: list[str]) -> None:
    """Raise UsageError if columns have the same name."""
    counts = Counter(map(str.strip, names))
    twice = [name for name, count in counts.items() if count > 1 and name]
    if twice:
        raise UsageError(f"{shown(path)} has more than one column {listed_columns(twice)}: rename them")


def _check_memory(path: str, memory_limit: int | None) -> None:
    needed = MEMORY_FACTOR * os.path.getsize(path)
    allowed = available_memory() if memory_limit is None else memory_limit
    if allowed is not None and needed > allowed:
        limit = (
            f"more than --memory-limit {size_text(allowed)}"
            if memory_limit
            else f"{size_text(allowed)} are free"
        )
        raise UsageError(
            f"{shown(path)} takes about {size_text(needed)} of memory to read, {limit}: save the data as a "
            "folder of .npy shards"
        )


def _read_text(
    path: str, names: list[str], separator: str, texts: Collection[str] = (), *, are_texts: bool = False
) -> polars.DataFrame:
    """Return a table whose columns have these names; those without one are called in polars' way."""
    pl = import_polars()
    options: dict[str, object] = {"infer_schema": False} if are_texts else {"null_values": MISSING}
    if texts:
        given = pl.read_csv(path, separator=separator, n_rows=0, infer_schema=False, glob=False).columns
        is_text = [name.strip() in texts for name in names]
        options["schema_overrides"] = dict.fromkeys(compress(given, is_text), pl.String)
    error: Exception | None = None
    # First by a part of the rows: to look at all takes as long as to read them.
    for rows in (SAMPLE_ROWS, None):
        try:
            frame: polars.DataFrame = pl.read_csv(
                path, separator=separator, infer_schema_length=rows, glob=False, **options
            )
            if frame.width == len(names):
                return _renamed(frame, names)
            raise UsageError(f"{shown(path)} has a first line whose quotes do not pair: put names there")
        except pl.exceptions.ComputeError as refusal:
            error = refusal
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as refusal:
            error = refusal
            break
    text = describe(error) if error is not None else ""
    if "more fields" in text:
        text = "a row has more cells than the header line has names"
    elif "utf-8" in text.lower():
        text = "it is not in UTF-8: save it as UTF-8"
    raise UsageError(f"{shown(path)} cannot be read as a table: {text}") from error


def _renamed(frame: polars.DataFrame, names: list[str]) -> polars.DataFrame:
    """Return a table with the names in its header line: quotes in a name stand doubled there, and polars
    leaves them so."""
    pairs = zip(frame.columns, names, strict=True)
    frame.columns = [name if name.strip() else given for given, name in pairs]
    return frame


def _stripped(texts: polars.Series) -> polars.Series:
    stripped = texts.str.strip_chars()
    return stripped.set(stripped.is_in(MISSING), None)


def _typed(column: polars.Series, separator: str) -> polars.Series:
    """Return a column whose texts are stripped, and which is of numbers or booleans if all its texts are."""
    pl = import_polars()
    if column.dtype.is_float():
        return column.fill_nan(None)
    if column.dtype.is_integer() and column.dtype != pl.Int128:
        # A table of bytes, such as pixels, takes an eighth or a quarter of what polars reads it into.
        return column.shrink_dtype()
    if column.dtype.is_decimal() or column.dtype == pl.Int128:
        return column.cast(pl.Float64)
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return column
    texts = _stripped(column.cast(pl.String))
    gaps = texts.null_count()
    if gaps == len(texts):
        return texts.cast(pl.Null)
    if texts.str.to_lowercase().drop_nulls().is_in(["true", "false"]).all():
        return texts.str.to_lowercase() == "true"
    # A comma before the decimals goes with a semicolon between the columns.
    numbers = (texts.str.replace(",", ".", literal=True) if separator == ";" else texts).cast(
        pl.Float64, strict=False
    )
    return numbers.fill_nan(None) if numbers.null_count() == gaps else texts
